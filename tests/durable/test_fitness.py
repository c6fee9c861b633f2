from dataclasses import dataclass, replace
from typing import Any

from cnstra import CNS, CNSPersistOptionsRegistry, collateral, with_ctx
from cnstra.durable.fitness import Fitness, Misfit
from cnstra.persist.records import RunRecord, RunState, SignalRow, TaskRow
from tests.durable.graphs import line, pass_on


def state(**changes: Any) -> RunState:
    """Return a run that stands before neuron n0 of a line."""
    run = RunRecord("", "a", "pending", 0, (), b"{}", "full", None, 0, 0, 0, 1, 0.0, 0.0)
    run = replace(run, options=changes.pop("options", b"{}"))
    task = TaskRow(0, "n0", "c0", 0, 0)
    standing = RunState(1, run, 0, 1, 1, (task,), {0: SignalRow(0, "c0", 1, b'{"n":1}')})
    return replace(standing, **changes)


def misfits(standing: RunState) -> list[Misfit]:
    graph = line(pass_on, pass_on)
    return Fitness(graph.cns, graph.registry).misfits(standing)


def test_a_run_of_this_very_code_is_fit() -> None:
    assert misfits(state()) == []


def test_each_unknown_name_is_told_once_and_is_for_newer_code() -> None:
    tasks = (TaskRow(0, "n9", "c0", 0, 0), TaskRow(1, "n9", "c0", 0, 0), TaskRow(2, "n0", "c9", 0, None))

    found = misfits(state(tasks=tasks, contexts={"n9": b"1"}, hops={"n8": 1}))

    assert [(one.kind, one.name, one.is_for_newer_code) for one in found] == [
        ("collateral", "c9", True),
        ("neuron", "n8", True),
        ("neuron", "n9", True),
    ]
    assert "not registered" in str(found[0])


def test_a_dendrite_that_this_graph_does_not_have_is_for_newer_code() -> None:
    [found] = misfits(state(tasks=(TaskRow(0, "n0", "c0", 1, 0),)))

    assert (found.kind, found.name, found.is_for_newer_code) == ("dendrite", "c0", True)


def test_a_modality_and_a_path_that_this_code_does_not_know_are_for_newer_code() -> None:
    [found] = misfits(state(options=b'{"modality":"touch"}'))

    assert (found.kind, found.name, found.is_for_newer_code) == ("modality", "touch", True)


def test_a_payload_of_a_newer_version_is_for_newer_code() -> None:
    [found] = misfits(state(signals={0: SignalRow(0, "c0", 2, b"{}")}))

    assert (found.kind, found.name, found.is_for_newer_code) == ("payload", "c0", True)
    assert "deploy the newer code" in found.problem


def test_a_payload_that_does_not_decode_is_for_nobody() -> None:
    [found] = misfits(state(signals={0: SignalRow(0, "c0", 1, b'{"n":"one"}')}))

    assert (found.kind, found.is_for_newer_code) == ("payload", False)
    assert "$.n" in found.problem


def test_options_that_cannot_be_read_are_for_nobody() -> None:
    [found] = misfits(state(options=b"\xff"))

    assert (found.kind, found.is_for_newer_code) == ("options", False)


@dataclass
class Count:
    value: int


def test_a_context_value_that_does_not_decode_is_for_nobody() -> None:
    entry = collateral(int, name="c0")
    counting = with_ctx(Count).neuron({}, name="n0").dendrite(entry, lambda: None)
    registry = CNSPersistOptionsRegistry().register("n0", counting).register_collateral("c0", entry)
    standing = state(signals={0: SignalRow(0, "c0", 1, b"7")}, contexts={"n0": b'{"value":"many"}'})

    [found] = Fitness(CNS([counting]), registry).misfits(standing)

    assert (found.kind, found.name, found.is_for_newer_code) == ("context", "n0", False)
    assert str(found).startswith("context 'n0': ")


def test_what_newer_code_knows_comes_before_what_is_broken() -> None:
    signals = {0: SignalRow(0, "c0", 1, b"{}"), 1: SignalRow(1, "c9", 1, b"{}")}

    assert [one.name for one in misfits(state(signals=signals))] == ["c9", "c0"]


def test_a_task_without_an_input_is_fit() -> None:
    assert misfits(state(tasks=(TaskRow(0, "n0", "c0", 0, None),), signals={})) == []
