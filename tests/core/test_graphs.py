from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cnstra.core.graphs import components, reachable

nodes = st.integers(0, 7)
graphs = st.fixed_dictionaries({node: st.lists(nodes, max_size=3) for node in range(8)})


def test_a_line_has_a_component_for_each_node_the_last_first() -> None:
    assert components({"a": ["b"], "b": ["c"], "c": []}) == [["c"], ["b"], ["a"]]


def test_a_ring_is_one_component() -> None:
    assert components({"a": ["b"], "b": ["c"], "c": ["a"]}) == [["a", "b", "c"]]


def test_a_node_that_leads_to_itself_is_a_component_of_one() -> None:
    assert components({"a": ["a", "b"], "b": []}) == [["b"], ["a"]]


def test_an_empty_graph_has_no_components() -> None:
    assert components({}) == []


@given(graphs)
def test_two_nodes_are_in_one_component_if_each_reaches_the_other(edges: dict[int, list[int]]) -> None:
    index = {node: number for number, group in enumerate(components(edges)) for node in group}

    assert sorted(index) == sorted(edges)
    for one in edges:
        for other in edges:
            together = other in reachable(edges, [one]) and one in reachable(edges, [other])
            assert (index[one] == index[other]) is together


@given(graphs)
def test_a_successor_comes_before_its_predecessors(edges: dict[int, list[int]]) -> None:
    index = {node: number for number, group in enumerate(components(edges)) for node in group}

    assert all(index[target] <= index[node] for node, targets in edges.items() for target in targets)


def test_what_is_reachable_holds_the_starts() -> None:
    edges = {"a": ["b"], "b": ["a"], "c": ["d"]}

    assert reachable(edges, ["a"]) == {"a", "b"}
    assert reachable(edges, ["c", "b"]) == {"a", "b", "c", "d"}
    assert reachable(edges, []) == set()


def test_a_chain_of_100_000_nodes_is_searched() -> None:
    edges = {node: [node + 1] for node in range(100_000)} | {100_000: []}

    assert len(components(edges)) == len(reachable(edges, [0])) == 100_001


def test_a_ring_of_100_000_nodes_is_searched() -> None:
    (ring,) = components({node: [(node + 1) % 100_000] for node in range(100_000)})

    assert len(ring) == 100_000
