"""The engine against a plain interpreter of its semantics, over random graphs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from hypothesis import assume, given
from hypothesis import strategies as st

from cnstra import CNS, Collateral, Drain, Neuron, Response, Stimulation, collateral, neuron
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
        self.mended: set[Task] = set()  # what has failed once and does not fail again
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
        if task.step.fails and task not in self.mended:
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

    async def listen(self, response: Response) -> None:
        self.on_response(response)
        await asyncio.sleep(0)

    def on_drain(self, drain: Drain) -> None:
        self.drains.append((drain.pending_activations, drain.active_activations))

    def start(self, on_response: Callable[[Response], Any] | None = None) -> Stimulation:
        entries = [self.channels[target].create_signal(f"{index}") for index, target in enumerate(self.plan.entries)]
        return self.cns.stimulate(
            entries,
            on_response=on_response,
            on_drain=self.on_drain,
            concurrency=self.plan.concurrency,
            max_neuron_hops=self.plan.max_hops,
        )

    async def drive(self, run: Stimulation, choose: Choose, *, abort_after: int | None = None) -> None:
        """Let the patient bodies go on, one at a time, until the run has ended; each turn tells itself by its drain."""
        run.get_failed_tasks()
        while not run.done:
            if abort_after is not None and len(self.drains) > abort_after:
                run.abort()
            turns = len(self.drains)
            if self.waiting and self.drains[-1][1] == len(self.waiting):
                self.waiting.pop(choose(list(self.waiting))).set_result(None)
            for _ in range(ROUNDS):
                if len(self.drains) > turns or run.done:
                    break
                await asyncio.sleep(0)
            else:
                raise AssertionError("the run stands still")
        run.get_failed_tasks()  # they are seen, and not logged


def unbroken(plan: Plan) -> list[Task]:
    """Return every body of a run in which nothing fails."""
    whole = replace(plan, steps=[step._replace(fails=False) for step in plan.steps])
    return sorted(
        task._replace(step=plan.steps[task.step.number]) for task in Reference(whole, chosen_by(0)).run().bodies
    )


@given(plans("sync", limits=True))
def test_a_synchronous_run_does_what_the_reference_does(plan: Plan) -> None:
    expected, graph = Reference(plan, chosen_by(0)).run(), Graph(plan)

    run = graph.start(graph.on_response)

    assert run.done
    assert len(run.get_failed_tasks()) == len(expected.failed)
    assert graph.bodies == expected.bodies
    assert graph.responses == expected.responses
    assert graph.drains == expected.drains == [(0, 0)]


@given(plans("sync", "brief", "patient", limits=True), st.integers())
def test_an_asynchronous_run_does_what_the_reference_does(plan: Plan, seed: int) -> None:
    expected, graph = Reference(plan, chosen_by(seed)).run(), Graph(plan)

    async def scenario() -> None:
        run = graph.start(graph.on_response)
        await graph.drive(run, chosen_by(seed))
        assert len(run.get_failed_tasks()) == len(expected.failed)

    asyncio.run(scenario())
    assert graph.bodies == expected.bodies
    assert graph.responses == expected.responses
    assert graph.drains == expected.drains


@given(plans("sync", "brief", "patient", limits=True), st.integers())
def test_a_run_that_nobody_hears_does_the_same(plan: Plan, seed: int) -> None:
    expected, graph = Reference(plan, chosen_by(seed)).run(), Graph(plan)

    async def scenario() -> None:
        run = graph.start()
        await graph.drive(run, chosen_by(seed))
        assert len(run.get_failed_tasks()) == len(expected.failed)

    asyncio.run(scenario())
    assert graph.bodies == expected.bodies
    assert graph.drains == expected.drains


@given(plans("sync", "brief", "patient"), st.integers())
def test_asynchronous_listeners_change_neither_the_work_nor_the_only_zero(plan: Plan, seed: int) -> None:
    expected, graph = Reference(plan, chosen_by(seed)).run(), Graph(plan)

    async def scenario() -> None:
        await graph.drive(graph.start(graph.listen), chosen_by(seed))

    asyncio.run(scenario())
    assert sorted(graph.bodies) == sorted(expected.bodies)
    lengths = [pending + active for *_, pending, active in graph.responses]
    assert [index for index, length in enumerate(lengths) if not length] == [len(lengths) - 1]


@given(plans("sync", "brief", "patient", failing=False, limits=True), st.integers(), st.integers(0, 9), st.booleans())
def test_what_was_done_before_an_abort_is_not_done_again(
    plan: Plan,
    seed: int,
    turns: int,
    heard: bool,  # noqa: FBT001 - a drawn value
) -> None:
    plan = replace(plan, max_hops=None)
    graph = Graph(plan)

    async def scenario() -> None:
        run = graph.start(graph.on_response if heard else None)
        await graph.drive(run, chosen_by(seed), abort_after=turns)
        again = graph.cns.activate(run.get_outstanding_tasks(), on_drain=graph.on_drain, ctx=run.get_context())
        await graph.drive(again, chosen_by(seed))
        assert again.get_outstanding_tasks() == []

    asyncio.run(scenario())
    assert sorted(graph.bodies) == unbroken(plan)


@given(plans("sync", "brief", "patient", limits=True), st.integers())
def test_a_retry_does_what_failed_and_what_follows_from_it(plan: Plan, seed: int) -> None:
    plan = replace(plan, max_hops=None)
    graph = Graph(plan)

    async def scenario() -> None:
        run = graph.start()
        await graph.drive(run, chosen_by(seed))
        for _ in range(plan.fuel):
            graph.mended.update(task for task in graph.bodies if task.step.fails)
            run = graph.cns.activate(run.get_outstanding_tasks(), on_drain=graph.on_drain, ctx=run.get_context())
            await graph.drive(run, chosen_by(seed))
        assert run.get_outstanding_tasks() == []

    asyncio.run(scenario())
    assert sorted(graph.bodies) == sorted([*unbroken(plan), *(task for task in graph.mended)])
