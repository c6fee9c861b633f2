"""The engine against a plain interpreter of its semantics, over random graphs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, Literal

from hypothesis import assume, given
from hypothesis import strategies as st

from cnstra import CNS, Collateral, Neuron, Response, Stimulation, collateral, neuron
from tests.core.reference import Plan, Reference, Step, Task

CHANNELS = 3
LARGEST = 150
ROUNDS = 100

Kind = Literal["sync", "brief", "patient"]
Choose = Callable[[Sequence[Task]], Task]


def chosen_by(seed: int) -> Choose:
    """Return what picks the next body at random, the same for the same seed."""
    return random.Random(seed).choice


@st.composite
def plans(draw: st.DrawFn, *kinds: Kind, failing: bool = True, limits: bool = False) -> Plan:
    """Draw a graph whose handlers are of the given kinds: small and dense, so that signals meet."""
    listens = draw(st.lists(st.integers(0, CHANNELS - 1), min_size=3, max_size=6))
    heard = sorted(set(listens))
    channel = st.sampled_from([*heard, *heard, CHANNELS])  # the last one has no subscriber
    emits = st.sampled_from([2, 1, 2, 0]).flatmap(lambda size: st.tuples(*[channel] * size))
    owners = sorted(draw(st.lists(st.integers(0, 3), min_size=len(listens), max_size=len(listens))))
    limit = st.sampled_from([None, None, 1, 2]) if limits else st.none()
    plan = Plan(
        [
            Step(
                number,
                owner,
                listens[number],
                draw(st.sampled_from(kinds)),
                draw(emits),
                draw(st.sampled_from(["one", "list", "tuple"])),
                failing and draw(st.integers(0, 7)) == 7,
            )
            for number, owner in enumerate(owners)
        ],
        draw(st.lists(channel, min_size=1, max_size=2)),
        [draw(limit) for _ in range(4)],
        fuel=draw(st.sampled_from([4, 3, 2])),
        concurrency=draw(limit),
        max_hops=draw(st.sampled_from([None, None, 1, 3, 5])) if limits else None,
    )
    assume(plan.size <= LARGEST)
    return plan


class Graph:
    """A plan as a graph of the engine; keeps which bodies ran, and the patient ones that wait."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.bodies: list[Task] = []
        self.waiting: dict[Task, asyncio.Future[None]] = {}
        self.responses: list[tuple[str | None, str | None, bool, int, int]] = []
        self.drains: list[tuple[int, int]] = []
        self.channels: list[Collateral[str]] = [collateral(str, name=f"c{index}") for index in range(CHANNELS + 1)]
        self.cns = CNS([self.make(index) for index in range(len(plan.limits))])

    def make(self, index: int) -> Neuron[Any]:
        made = neuron(
            {channel.label: channel for channel in self.channels}, concurrency=self.plan.limits[index], name=f"n{index}"
        )
        for step in self.plan.steps:
            if step.neuron == index:
                made.dendrite(self.channels[step.listens], self.handler(step))
        return made

    def handler(self, step: Step) -> Callable[[str], Any]:
        def run(payload: str) -> Any:
            self.bodies.append(Task(step, payload))
            return self.result(Task(step, payload))

        async def run_briefly(payload: str) -> Any:
            return run(payload)

        async def run_patiently(payload: str) -> Any:
            task = Task(step, payload)
            self.bodies.append(task)
            self.waiting[task] = asyncio.get_running_loop().create_future()
            await self.waiting[task]
            return self.result(task)

        return {"sync": run, "brief": run_briefly, "patient": run_patiently}[step.kind]

    def result(self, task: Task) -> Any:
        if task.step.fails:
            raise ValueError(task.payload)
        signals = [self.channels[target].create_signal(payload) for target, payload in self.plan.outputs(task)]
        if task.step.shape == "one" and len(signals) < 2:
            return signals[0] if signals else None
        return signals if task.step.shape == "list" else tuple(signals)

    def on_response(self, response: Response) -> None:
        source, output = (one and one.payload for one in (response.input_signal, response.output_signal))
        counts = response.pending_activations, response.active_activations
        assert response.queue_length == sum(counts)
        self.responses.append((source, output, response.error is not None, *counts))

    def start(self, *, observed: bool = True) -> Stimulation:
        entries = [self.channels[target].create_signal(f"{index}") for index, target in enumerate(self.plan.entries)]
        return self.cns.stimulate(
            entries,
            on_response=self.on_response if observed else None,
            on_drain=lambda drain: self.drains.append((drain.pending_activations, drain.active_activations)),
            concurrency=self.plan.concurrency,
            max_neuron_hops=self.plan.max_hops,
        )

    async def drive(self, run: Stimulation, choose: Choose) -> None:
        """Let the patient bodies go on, one at a time, until the run has ended; each turn tells itself by its drain."""
        while not run.done:
            turns = len(self.drains)
            if self.drains[-1][1] == len(self.waiting):
                self.waiting.pop(choose(list(self.waiting))).set_result(None)
            for _ in range(ROUNDS):
                if len(self.drains) > turns:
                    break
                await asyncio.sleep(0)
            else:
                raise AssertionError("the run stands still")


def started(graph: Graph) -> Stimulation:
    """Return the finished run of a graph without asynchronous handlers; its failures are seen."""
    run = graph.start()
    assert run.done
    run.get_failed_tasks()
    return run


@given(plans("sync", limits=True))
def test_a_synchronous_run_does_what_the_reference_does(plan: Plan) -> None:
    expected, graph = Reference(plan, choose=chosen_by(0)).run(), Graph(plan)

    run = started(graph)

    assert graph.bodies == expected.bodies
    assert graph.responses == expected.responses
    assert graph.drains == expected.drains == [(0, 0)]
    assert len(run.get_failed_tasks()) == len(expected.failed)


@given(plans("sync", "brief", "patient", limits=True), st.integers())
def test_an_asynchronous_run_does_what_the_reference_does(plan: Plan, seed: int) -> None:
    expected, graph = Reference(plan, choose=chosen_by(seed)).run(), Graph(plan)

    async def scenario() -> None:
        run = graph.start()
        run.get_failed_tasks()
        await graph.drive(run, chosen_by(seed))
        assert len(run.get_failed_tasks()) == len(expected.failed)

    asyncio.run(scenario())
    assert graph.bodies == expected.bodies
    assert graph.responses == expected.responses
    assert graph.drains == expected.drains
