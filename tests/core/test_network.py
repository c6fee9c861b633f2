from __future__ import annotations

from typing import Any

import pytest

from cnstra import CNS, Collateral, Network, Neuron, collateral, neuron


def linked(edges: dict[str, str]) -> tuple[CNS[Any], dict[str, Neuron[Any]]]:
    """Return a graph of neurons by name; each emits one collateral, which its targets listen on."""
    outputs = {name: collateral(int, name=f"from_{name}") for name in edges}
    made = {name: neuron({outputs[name].label: outputs[name]}, name=name) for name in edges}
    for name, targets in edges.items():
        for target in targets:
            made[target].dendrite(outputs[name], lambda payload: None)
    return CNS(made.values()), made


def names(groups: Any) -> list[str]:
    return ["".join(sorted(one.label for one in group)) for group in groups]


@pytest.mark.parametrize(
    ("edges", "groups"),
    [
        ({"A": "B", "B": "C", "C": ""}, ["A", "B", "C"]),
        ({"A": "B", "B": "AC", "C": ""}, ["AB", "C"]),
        ({"A": "AB", "B": ""}, ["A", "B"]),
        ({"A": "B", "B": "C", "C": "A"}, ["ABC"]),
        ({}, []),
    ],
    ids=["line", "cycle", "self-loop", "ring", "empty"],
)
def test_components_come_upstream_first(edges: dict[str, str], groups: list[str]) -> None:
    network = linked(edges)[0].network

    assert names(network.strongly_connected_components()) == groups


def test_a_neuron_knows_the_place_of_its_component() -> None:
    cns, made = linked({"A": "B", "B": "AC", "C": ""})

    assert [cns.network.component_index(one) for one in made.values()] == [0, 0, 1]


def test_successors_are_those_of_one_hop_each_once() -> None:
    cns, made = linked({"A": "CBC", "B": "", "C": "C"})

    assert {one.label: names([targets]) for one, targets in cns.network.successors.items()} == {
        "A": ["BC"],
        "B": [""],
        "C": ["C"],
    }
    assert made["A"].label == "A"


def test_what_is_reachable_from_neurons_or_from_a_collateral() -> None:
    cns, made = linked({"A": "B", "B": "C", "C": "", "D": "D"})

    assert names([cns.network.reachable([made["B"]])]) == ["BC"]
    assert names([cns.network.reachable(made["A"].axon["from_A"])]) == ["BC"]
    assert cns.network.reachable(collateral(int)) == set()


def test_the_owner_of_a_collateral_has_it_in_its_axon() -> None:
    shared, foreign = collateral(int), collateral(int)
    first, second = neuron({"shared": shared}), neuron({"shared": shared})
    network = CNS([first, second]).network

    assert network.owner(shared) is first
    assert network.owners(shared) == (first, second)
    assert network.owner(foreign) is None
    assert network.owners(foreign) == ()


def test_subscribers_are_listed_in_the_order_of_the_cns() -> None:
    start = collateral(int)
    first, second = neuron({}).dendrite(start, print), neuron({}).dendrite(start, print).dendrite(start, repr)  # type: ignore[arg-type]
    network = CNS([second, first]).network

    assert [one.neuron for one in network.subscribers(start)] == [second, second, first]
    assert [one.dendrite.response for one in network.subscribers(start)] == [print, repr, print]
    assert network.subscribers(collateral(int)) == ()


def test_every_collateral_that_a_neuron_mentions_is_listed() -> None:
    start, middle, end = collateral(int), collateral(int), collateral(int)
    first = neuron({"middle": middle}).dendrite(start, print)
    second = neuron({"end": end}).dendrite(middle, print)
    network = CNS([first, second]).network

    assert set(network.collaterals) == {start, middle, end}
    assert network.entry_collaterals == (start,)
    assert network.neurons == (first, second)


def test_a_neuron_without_dendrites_is_part_of_the_network() -> None:
    assert len(CNS([neuron({})]).network.strongly_connected_components()) == 1


def test_the_network_is_made_once() -> None:
    cns = CNS([])

    assert cns.network is cns.network
    assert isinstance(cns.network, Network)


def test_mermaid_shows_neurons_entries_and_edges() -> None:
    start, cards = collateral(int, name="start"), collateral(int, name="cards")
    parser = neuron({"cards": cards}, name="parser").dendrite(start, print)
    writer = neuron({}, name='the "writer"').dendrite(cards, print)

    assert CNS([parser, writer]).network.to_mermaid() == (
        "flowchart LR\n"
        '    n0["parser"]\n'
        '    n1["the #quot;writer#quot;"]\n'
        '    e0(["start"])\n'
        "    e0 --> n0\n"
        '    n0 -->|"cards"| n1\n'
    )


def test_mermaid_draws_one_edge_for_several_dendrites() -> None:
    start = collateral(int, name="start")

    text = CNS([neuron({}).dendrite(start, print).dendrite(start, repr)]).network.to_mermaid()  # type: ignore[arg-type]

    assert text.count("-->") == 1


def ring(size: int, *, closed: bool) -> CNS[Any]:
    links: list[Collateral[int]] = [collateral(int) for _ in range(size + 1)]
    if closed:
        links[-1] = links[0]
    return CNS(neuron({"out": links[index + 1]}).dendrite(links[index], lambda payload: None) for index in range(size))


def test_a_chain_of_20_000_neurons_has_as_many_components() -> None:
    assert len(ring(20_000, closed=False).network.strongly_connected_components()) == 20_000


def test_a_ring_of_20_000_neurons_is_one_component() -> None:
    (only,) = ring(20_000, closed=True).network.strongly_connected_components()

    assert len(only) == 20_000
