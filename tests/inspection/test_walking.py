"""Near parts of a graph, and ways through it."""

from __future__ import annotations

from typing import Any

import pytest

from cnstra import CNS, collateral, neuron
from cnstra.graphs import GraphModel, read_graph, to_markdown, to_mermaid
from cnstra.inspection.overviews import Names, distinct_names
from cnstra.inspection.problems import NotShown
from cnstra.inspection.walking import neighbourhood, shortest_path


def _chain(*names: str, back: bool = False) -> tuple[GraphModel, Names]:
    """Return a graph whose neurons pass a signal on, from each to the next, and at last to nobody or to the first."""
    channels: list[Any] = [collateral(str, name=f"to-{name}") for name in (*names, "end")]
    if back:
        channels[-1] = channels[0]
    neurons = [
        neuron({"next": channels[number + 1]}, name=name).dendrite(channels[number], lambda word: None)
        for number, name in enumerate(names)
    ]
    model = read_graph(CNS(neurons))
    return model, distinct_names(model)


def _near(model: GraphModel, names: Names, around: str, depth: int) -> list[str]:
    return [one.name for one in neighbourhood(model, names, around, depth).neurons]


def test_what_is_near_is_found_with_and_against_the_signals() -> None:
    graph = _chain("a", "b", "c", "d", "e")

    assert _near(*graph, "c", 0) == ["c"]
    assert _near(*graph, "c", 1) == ["b", "c", "d"]
    assert _near(*graph, "to-c", 0) == ["b", "c"]
    assert _near(*graph, "a", 9) == ["a", "b", "c", "d", "e"]


def test_a_part_of_a_graph_is_a_graph() -> None:
    part = neighbourhood(*_chain("a", "b", "c", "d", back=True), "c", 1)

    assert [one.id for one in part.neurons] == ["n0", "n1", "n2"]
    emitters = {one.name: one.emitters for one in part.collaterals}
    assert emitters == {"to-b": [], "to-c": ["n0"], "to-d": ["n1"], "to-a": ["n2"]}
    assert part.cycles == []
    assert "d" in to_mermaid(part)
    assert "`to-d`" in to_markdown(part)


def test_a_cycle_is_kept_whole_or_not_at_all() -> None:
    graph = _chain("a", "b", back=True)

    assert [len(one) for one in neighbourhood(*graph, "a", 1).cycles] == [2]


def test_a_shortest_way_has_neurons_and_collaterals_in_turn() -> None:
    way = shortest_path(*_chain("a", "b", "c"), "a", "c")

    assert way is not None
    assert [(one.kind, one.name) for one in way] == [
        ("neuron", "a"), ("collateral", "to-b"), ("neuron", "b"), ("collateral", "to-c"), ("neuron", "c"),
    ]  # fmt: skip


def test_signals_go_one_way() -> None:
    assert shortest_path(*_chain("a", "b"), "b", "a") is None
    assert shortest_path(*_chain("a", "b"), "a", "a") is None
    assert [one.name for one in shortest_path(*_chain("a", "b"), "to-a", "to-end") or ()] == [
        "to-a", "a", "to-b", "b", "to-end",
    ]  # fmt: skip


def test_the_way_from_a_part_to_itself_is_the_way_around() -> None:
    way = shortest_path(*_chain("a", "b", back=True), "a", "a")

    assert [one.name for one in way or ()] == ["a", "to-b", "b", "to-a", "a"]


def test_a_part_that_is_not_there_is_told_with_those_that_were_meant() -> None:
    with pytest.raises(NotShown, match="no neuron and no collateral 'importr'; there is 'importer'"):
        neighbourhood(*_chain("importer", "b"), "importr", 1)
