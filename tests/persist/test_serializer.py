from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from cnstra import (
    CNS,
    ActivationTask,
    Axon,
    CNSPersistOptionsRegistry,
    CNSStimulationContextStore,
    Collateral,
    HandlerContext,
    Neuron,
    Signal,
    Stimulation,
    StimulationFailed,
    collateral,
    neuron,
    with_ctx,
)
from cnstra.errors import PayloadError, UnknownName
from cnstra.persist import Progress, ProgressSerializer


@dataclass(frozen=True, slots=True)
class Item:
    id: int
    at: datetime = datetime(2024, 5, 1, tzinfo=UTC)


@dataclass
class Attempts:
    attempt: int


class StepOne(Axon):
    step1_out = collateral(Item)


class StepTwo(Axon):
    output = collateral(str)


class Flow:
    """The two steps of the resume scenarios: the second counts its attempts and fails while the fault is on."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.outputs: list[str] = []
        self.fault = True
        self.entry = collateral(Item, name="input")
        self.first = neuron(StepOne).dendrite(self.entry, self._first)
        self.second = with_ctx(Attempts).neuron(StepTwo).dendrite(StepOne.step1_out, self._second)
        self.last = neuron({}, name="last").dendrite(StepTwo.output, self.outputs.append)
        self.cns = CNS([self.first, self.second, self.last])
        self.registry = CNSPersistOptionsRegistry().register("n1", self.first).register("n2", self.second)
        self.registry.register_collateral("input", self.entry)
        self.serializer = ProgressSerializer(self.registry)

    def _first(self, payload: Item, axon: StepOne) -> Signal[Item]:
        self.ran.append("n1")
        return axon.step1_out.create_signal(payload)

    def _second(self, payload: Item, axon: StepTwo, ctx: HandlerContext[Attempts, Any]) -> Signal[str]:
        attempt = (ctx.get() or Attempts(0)).attempt + 1
        ctx.set(Attempts(attempt))
        self.ran.append(f"n2#{attempt}")
        if self.fault:
            raise RuntimeError("boom")
        return axon.output.create_signal(f"ok-{payload.id}-a{attempt}")

    async def failed(self) -> Stimulation:
        run = self.cns.stimulate(self.entry.create_signal(Item(1)))
        with pytest.raises(StimulationFailed):
            await run
        return run


@dataclass
class Stopped:
    """A run that stands still: what a serializer asks of one."""

    tasks: list[ActivationTask]
    values: dict[Neuron[Any], Any]

    def get_outstanding_tasks(self) -> list[ActivationTask]:
        return self.tasks

    def get_context(self) -> CNSStimulationContextStore:
        store = CNSStimulationContextStore()
        store.set_all(self.values)
        return store


async def test_a_failed_run_is_resumed_from_its_frontier_with_its_context() -> None:
    flow = Flow()
    run = await flow.failed()

    stored = json.loads(json.dumps(flow.serializer.serialize(run)))
    assert stored == {
        "tasks": [
            {
                "neuron_name": "n2",
                "dendrite_collateral_name": "step1_out",
                "input": {"collateral_name": "step1_out", "payload": {"id": 1, "at": "2024-05-01T00:00:00Z"}},
            }
        ],
        "context": {"n2": {"attempt": 1}},
    }
    flow.fault = False
    progress = flow.serializer.hydrate(stored)
    await flow.cns.activate(progress.tasks, ctx=progress.ctx)

    assert flow.ran == ["n1", "n2#1", "n2#2"]
    assert flow.outputs == ["ok-1-a2"]


async def test_an_unregistered_neuron_in_the_frontier_is_named() -> None:
    flow = Flow()
    run = await flow.failed()
    flow.registry.remove_neuron("n2")

    with pytest.raises(UnknownName, match=r"neuron 'StepTwo' is not registered; say registry\.register"):
        flow.serializer.serialize(run)


async def test_only_the_failing_one_of_two_dendrites_is_resumed() -> None:
    ran: list[str] = []
    entry = collateral(int)

    def failing(payload: int) -> None:
        ran.append("failing")
        if ran.count("failing") == 1:
            raise RuntimeError("boom")

    step = neuron({}).dendrite(entry, lambda payload: ran.append("fine")).dendrite(entry, failing)
    cns = CNS([step])
    registry = CNSPersistOptionsRegistry().register("step", step).register_collateral("entry", entry)
    run = cns.stimulate(entry.create_signal(1))
    with pytest.raises(StimulationFailed):
        await run

    stored = json.loads(json.dumps(ProgressSerializer(registry).serialize(run)))
    progress = ProgressSerializer(registry).hydrate(stored)
    await cns.activate(progress.tasks, ctx=progress.ctx)

    assert stored["tasks"][0]["dendrite_index"] == 1
    assert ran == ["fine", "failing", "failing"]


@pytest.mark.parametrize("tasks", [[], [None], ["input"]])
def test_a_task_without_an_input_stays_one(tasks: list[str | None]) -> None:
    flow = Flow()
    signal = flow.entry.create_signal(Item(5))
    outstanding = [ActivationTask(flow.first, flow.entry, signal if task else None) for task in tasks]

    progress = flow.serializer.hydrate(flow.serializer.serialize(Stopped(outstanding, {})))

    assert progress.tasks == outstanding
    assert progress.ctx.get_all() == {}


def test_the_data_is_a_copy() -> None:
    entry = collateral()
    step = neuron({}).dendrite(entry, lambda payload: None)
    registry = CNSPersistOptionsRegistry().register("step", step).register_collateral("entry", entry)
    payload = {"items": [1]}

    stored = ProgressSerializer(registry).serialize(
        Stopped([ActivationTask(step, entry, entry.create_signal(payload))], {})
    )
    payload["items"].append(2)

    assert stored["tasks"][0]["input"]["payload"] == {"items": [1]}


def test_a_context_of_an_unregistered_neuron_is_not_dropped() -> None:
    flow = Flow()

    with pytest.raises(UnknownName, match="neuron 'last' is not registered"):
        flow.serializer.serialize(Stopped([], {flow.last: 1}))


def test_an_unregistered_collateral_is_named() -> None:
    flow = Flow()
    entry = collateral(name="unknown")

    with pytest.raises(UnknownName, match="collateral 'unknown' is not registered"):
        flow.serializer.serialize(Stopped([ActivationTask(flow.first, entry)], {}))


def test_a_payload_of_an_older_version_is_brought_up() -> None:
    entry: Collateral[Item] = collateral(Item)
    step = neuron({}).dendrite(entry, lambda payload: None)
    registry = CNSPersistOptionsRegistry().register("step", step, aliases=("old-step",))
    registry.register_collateral("entry", entry, version=2, upcast={1: lambda data: {"id": data["number"]}})
    serializer = ProgressSerializer(registry)
    old = _record("old-step", "entry", {"collateral_name": "entry", "payload": {"number": 3}})

    task = serializer.hydrate(old).tasks[0]
    assert task == ActivationTask(step, entry, entry.create_signal(Item(3)))

    written = serializer.serialize(Stopped([task], {}))["tasks"][0]
    assert (written["neuron_name"], written["input"]["version"]) == ("step", 2)


def _record(neuron_name: object, collateral_name: object, signal: object, **more: object) -> dict[str, Any]:
    task = {"neuron_name": neuron_name, "dendrite_collateral_name": collateral_name, "input": signal, **more}
    return {"tasks": [task], "context": {}}


GOOD_INPUT = {"collateral_name": "input", "payload": {"id": 1}}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "this must be an object, not None (at $)"),
        ([], "this must be an object, not [] (at $)"),
        ({"tasks": []}, "the key 'context' is missing (at $)"),
        ({"context": {}}, "the key 'tasks' is missing (at $)"),
        ({"tasks": {}, "context": {}}, "{} is of the wrong type (at $.tasks)"),
        ({"tasks": [], "context": []}, "[] is of the wrong type (at $.context)"),
        ({"tasks": [], "context": {}, "extra": 1}, "this key is unknown; newer code may have written it (at $.extra)"),
        ({"tasks": [5], "context": {}}, "this must be an object, not 5 (at $.tasks[0])"),
        ({"tasks": [{}], "context": {}}, "is missing (at $.tasks[0])"),
        (_record(5, "input", None), "5 is of the wrong type (at $.tasks[0].neuron_name)"),
        (_record("n1", None, None), "None is of the wrong type (at $.tasks[0].dendrite_collateral_name)"),
        (_record("n1", "input", "x"), "'x' is of the wrong type (at $.tasks[0].input)"),
        (_record("n1", "input", {}), "is missing (at $.tasks[0].input)"),
        (_record("n1", "input", {**GOOD_INPUT, "version": "2"}), "(at $.tasks[0].input.version)"),
        (_record("n1", "input", {**GOOD_INPUT, "version": True}), "(at $.tasks[0].input.version)"),
        (_record("n1", "input", {**GOOD_INPUT, "version": 2}), "written by newer code as version 2"),
        (_record("n1", "input", {**GOOD_INPUT, "payload": {"id": "x"}}), "(at $.tasks[0].input.payload.id)"),
        (_record("n1", "input", {**GOOD_INPUT, "payload": {"id": 1, "x": 2}}), "(at $.tasks[0].input.payload.x)"),
        (
            _record("n1", "output", None),
            "neuron 'n1' has no dendrite on 'output' (at $.tasks[0].dendrite_collateral_name)",
        ),
        (_record("n1", "input", None, dendrite_index=1), "none has index 1 (at $.tasks[0].dendrite_index)"),
        (_record("n1", "input", None, dendrite_index=-1), "none has index -1 (at $.tasks[0].dendrite_index)"),
        ({"tasks": [], "context": {"n2": {"attempt": "x"}}}, "(at $.context.n2.attempt)"),
        ({"tasks": [], "context": {"n2": {"attempt": 1}, "former": {"attempt": 2}}}, "another name of this neuron"),
    ],
)
def test_a_malformed_record_is_refused_with_its_place(data: Any, message: str) -> None:
    flow = Flow()
    flow.registry.register("n2", flow.second, aliases=("former",))

    with pytest.raises(PayloadError) as failure:
        flow.serializer.hydrate(data)
    assert message in str(failure.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_record("n3", "input", None), "neuron 'n3' is not registered"),
        (_record("n3", "input", None), "(at $.tasks[0].neuron_name)"),
        (_record("n1", "inputs", None), "did you mean 'input'?"),
        (_record("n1", "inputs", None), "(at $.tasks[0].dendrite_collateral_name)"),
        (_record("n1", "input", {"collateral_name": "x", "payload": 1}), "(at $.tasks[0].input.collateral_name)"),
        ({"tasks": [], "context": {"n3": 1}}, "(at $.context.n3)"),
    ],
)
def test_an_unknown_name_in_a_record_is_refused_with_its_place(data: Any, message: str) -> None:
    with pytest.raises(UnknownName) as failure:
        Flow().serializer.hydrate(data)
    assert message in str(failure.value)


def test_progress_is_a_record() -> None:
    progress: Callable[..., Progress] = Progress

    assert progress([], CNSStimulationContextStore()).tasks == []


async def test_the_context_store_writes_by_name_and_restores() -> None:
    flow = Flow()
    store = CNSStimulationContextStore(flow.registry)
    store.set(flow.second, Attempts(3))

    stored = json.loads(json.dumps(store.serialize()))
    restored = CNSStimulationContextStore(flow.registry)
    restored.restore(stored)

    assert stored == {"n2": {"attempt": 3}}
    assert restored.get(flow.second) == Attempts(3)
