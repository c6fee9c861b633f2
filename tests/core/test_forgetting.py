from __future__ import annotations

from typing import Any

import pytest

from cnstra import (
    CNS,
    AbortController,
    ActivationTask,
    CNSStimulationContextStore,
    Collateral,
    HandlerContext,
    Neuron,
    collateral,
    neuron,
)
from cnstra.core.forgetting import ContextCleaner

Context = HandlerContext[Any, Any]


def cleaner_of(edges: dict[str, str]) -> tuple[ContextCleaner, dict[str, Neuron[Any]], CNSStimulationContextStore]:
    """Return the cleaner of a graph of neurons by name, the neurons, and a store with a value for each."""
    outputs = {name: collateral(int) for name in edges}
    made = {name: neuron({"out": outputs[name]}, name=name) for name in edges}
    for name, targets in edges.items():
        for target in targets:
            made[target].dendrite(outputs[name], lambda payload: None)
    store = CNSStimulationContextStore()
    store.set_all(dict.fromkeys(made.values(), "value"))
    return ContextCleaner(CNS(made.values()).network), made, store


@pytest.mark.parametrize(
    ("edges", "enters", "leaves", "kept"),
    [
        ({"A": "B", "B": "A", "C": ""}, "A", "A", "C"),
        ({"A": "B", "B": "AC", "C": ""}, "AC", "A", "C"),
        ({"A": "B", "B": "AC", "C": ""}, "AC", "C", "ABC"),
        ({"A": "A"}, "AA", "A", "A"),
        ({"A": "A"}, "A", "A", ""),
        ({"A": "B", "B": "C", "C": ""}, "A", "A", ""),
        ({"A": "B", "B": "C", "C": ""}, "AB", "A", "BC"),
        ({"A": "C", "B": "C", "C": ""}, "AB", "A", "BC"),
        ({"A": "C", "B": "C", "C": ""}, "AB", "AB", ""),
        ({"A": "", "B": ""}, "A", "A", "B"),
    ],
    ids=[
        "a cycle goes as one",
        "what is downstream stays while it is active",
        "what is upstream and active keeps everything after it",
        "a second activation keeps a self-loop",
        "the last activation ends a self-loop",
        "a line that was never reached goes with its head",
        "what was reached stays",
        "another way leads there",
        "no other way leads there",
        "an island is left alone",
    ],
)
def test_a_value_is_dropped_when_nothing_can_reach_its_neuron(
    edges: dict[str, str], enters: str, leaves: str, kept: str
) -> None:
    cleaner, made, store = cleaner_of(edges)

    for name in enters:
        cleaner.enter(made[name])
    for name in leaves:
        cleaner.leave(made[name], store)

    assert "".join(one.label for one in store.get_all()) == kept


def test_the_cleaner_tells_whose_values_it_dropped() -> None:
    cleaner, made, store = cleaner_of({"A": "B", "B": "C", "C": ""})
    store.delete(made["B"])
    cleaner.enter(made["A"])

    assert list(cleaner.leave(made["A"], store)) == [made["A"], made["C"]]


def test_a_component_may_come_back_to_life() -> None:
    cleaner, made, store = cleaner_of({"A": "B", "B": ""})
    cleaner.enter(made["A"])
    cleaner.leave(made["A"], store)

    cleaner.enter(made["A"])
    store.set(made["B"], "again")
    cleaner.enter(made["B"])
    cleaner.leave(made["B"], store)

    assert store.get_all() == {made["B"]: "again"}


start: Collateral[int] = collateral(int)
again: Collateral[int] = collateral(int)


def remembering(seen: list[Any]) -> Any:
    def remember(payload: int, axon: object, ctx: Context) -> None:
        seen.append(ctx.get())
        ctx.set(payload)

    return remember


def test_a_sink_keeps_its_value_while_more_signals_are_on_their_way() -> None:
    seen: list[Any] = []
    source = neuron({"again": again}).dendrite(start, lambda payload: [again.create_signal(n) for n in (1, 2, 3)])
    sink = neuron({}).dendrite(again, remembering(seen))

    run = CNS([source, sink], auto_cleanup_contexts=True).stimulate(start.create_signal(0))

    assert seen == [None, 1, 2]
    assert run.get_context().get_all() == {}


def test_a_queued_entry_signal_keeps_the_value() -> None:
    seen: list[Any] = []
    sink = neuron({}).dendrite(start, remembering(seen))

    CNS([sink], auto_cleanup_contexts=True).stimulate([start.create_signal(1), start.create_signal(2)])

    assert seen == [None, 1]


def test_a_self_loop_keeps_its_value_until_it_ends() -> None:
    def count(payload: int, axon: Any, ctx: Context) -> Any:
        ctx.set((ctx.get() or 0) + 1)
        seen.append(ctx.get())
        return axon.again.create_signal(payload - 1) if payload else None

    seen: list[Any] = []
    loop = neuron({"again": again}).dendrite(again, count)

    run = CNS([loop], auto_cleanup_contexts=True).stimulate(again.create_signal(3))

    assert seen == [1, 2, 3, 4]
    assert run.get_context().get_all() == {}


def test_a_failed_task_keeps_the_value_for_a_resume() -> None:
    def fail(payload: int, axon: object, ctx: Context) -> None:
        ctx.set("kept")
        raise ValueError

    failing = neuron({}).dendrite(start, fail)
    run = CNS([failing], auto_cleanup_contexts=True).stimulate(start.create_signal(1))

    assert len(run.get_failed_tasks()) == 1
    assert run.get_context().get_all() == {failing: "kept"}


async def test_an_active_body_keeps_the_values_after_it() -> None:
    async def pass_on(payload: int) -> Any:
        return again.create_signal(payload)

    seen: list[Any] = []
    source = neuron({"again": again}).dendrite(start, pass_on)
    sink = neuron({}).dendrite(again, remembering(seen))
    cns = CNS([source, sink], auto_cleanup_contexts=True)

    await cns.stimulate([again.create_signal(1), start.create_signal(2)])

    assert seen == [None, 1]


def test_a_resumed_run_forgets_as_well() -> None:
    source = neuron({"again": again}).dendrite(start, lambda payload, axon, ctx: ctx.set(1))
    cns = CNS([source], auto_cleanup_contexts=True)
    store, controller = CNSStimulationContextStore(), AbortController()
    store.set(source, "old")
    controller.abort()

    first = cns.stimulate(start.create_signal(0), abort_signal=controller.signal, ctx=store)
    assert store.get(source) == "old"

    cns.activate(first.get_failed_tasks(), ctx=store)
    assert store.get_all() == {}


def test_without_the_option_every_value_stays() -> None:
    sink = neuron({}).dendrite(start, lambda payload, axon, ctx: ctx.set(payload))

    run = CNS([sink]).stimulate(start.create_signal(1))

    assert run.get_context().get_all() == {sink: 1}


def test_a_task_of_another_graph_fails_without_upsetting_the_others() -> None:
    ran: list[int] = []
    entry = collateral(int)
    known, unknown = neuron({}).dendrite(entry, ran.append), neuron({}).dendrite(entry, ran.append)
    tasks = [ActivationTask(one, entry, entry.create_signal(1)) for one in (unknown, known)]

    run = CNS([known], auto_cleanup_contexts=True).activate(tasks)

    assert ran == [1]
    assert [failure.task.neuron for failure in run.get_failed_tasks()] == [unknown]
