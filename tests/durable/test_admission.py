from dataclasses import dataclass
from typing import Any

import pytest

from cnstra import (
    CNS,
    CNSPersistOptionsRegistry,
    DurableRunner,
    collateral,
    neuron,
)
from cnstra.errors import GraphError, PayloadError, UnknownName
from cnstra.persist.ports import Store
from tests.durable.graphs import Item, line, pass_on


async def test_what_cannot_be_resumed_is_refused_before_anything_is_stored(store: Store) -> None:
    graph = line(pass_on, pass_on, pass_on)
    partly = CNSPersistOptionsRegistry().register_collateral("c0", graph.entry).register("n0", graph.neurons[0])

    async with DurableRunner(graph.cns, partly, store) as runner:
        with pytest.raises(UnknownName, match=r"n[12]"):
            await runner.stimulate(graph.signal(), stimulation_id="a")
        stored = await runner.list()

    assert (len(stored), graph.ran) == (0, [])


async def test_an_entry_collateral_without_a_name_is_refused(store: Store) -> None:
    graph = line(pass_on)
    unnamed = CNSPersistOptionsRegistry().register("n0", graph.neurons[0])

    async with DurableRunner(graph.cns, unnamed, store) as runner:
        with pytest.raises(UnknownName, match="c0"):
            await runner.stimulate(graph.signal(), stimulation_id="a")
        assert await runner.get("a") is None


async def test_an_emitted_collateral_without_a_name_is_refused(store: Store) -> None:
    entry, middle = collateral(Item, name="entry"), collateral(Item, name="middle")
    first = neuron({"middle": middle}, name="first").dendrite(entry, lambda: None)
    second = neuron({}, name="second").dendrite(middle, lambda: None)
    registry = CNSPersistOptionsRegistry().register("second", second).register_collateral("entry", entry)
    registry.register("first", first).remove_neuron("first")

    async with DurableRunner(CNS([first, second]), registry, store) as runner:
        with pytest.raises(UnknownName, match="first"):
            await runner.stimulate(entry.create_signal(Item(1)), stimulation_id="a")
        assert await runner.get("a") is None


async def test_what_a_run_cannot_reach_needs_no_name(store: Store) -> None:
    graph = line(pass_on, pass_on)
    stray = neuron({}, name="stray").dendrite(collateral(Item), lambda: None)
    cns = CNS([*graph.neurons, stray])

    async with DurableRunner(cns, graph.registry, store) as runner:
        await (await runner.stimulate(graph.signal(1)))

    assert graph.ran == ["n0:1", "n1:1"]


async def test_an_entry_payload_that_cannot_be_stored_is_refused_with_its_path(store: Store) -> None:
    @dataclass
    class Deck:
        cards: list[Any]

    entry = collateral(Deck, name="deck")
    reader = neuron({}, name="reader").dendrite(entry, lambda: None)
    registry = CNSPersistOptionsRegistry().register("reader", reader).register_collateral("deck", entry)

    async with DurableRunner(CNS([reader]), registry, store) as runner:
        with pytest.raises(PayloadError) as raised:
            await runner.stimulate(entry.create_signal(Deck([1, object()])), stimulation_id="a")
        assert await runner.get("a") is None

    assert raised.value.path == "$.cards[1]"


@pytest.mark.parametrize("metadata", [{"at": object()}, {"at": (1, 2)}, {1: "a"}, {"x": float("nan")}])
async def test_metadata_that_json_would_change_is_refused(metadata: dict[Any, Any], store: Store) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        with pytest.raises(PayloadError, match="metadata"):
            await runner.stimulate(graph.signal(), stimulation_id="a", metadata=metadata)
        assert await runner.get("a") is None


@pytest.mark.parametrize(
    "options",
    [
        {"durability": "sometimes"},
        {"volume": "loud"},
        {"on_conflict": "ignore"},
        {"stimulation_id": ""},
        {"stimulation_id": 7},
        {"stimulation_id": "a\0b"},
        {"concurrency": 0},
        {"max_neuron_hops": 0},
    ],
)
async def test_an_option_that_makes_no_sense_is_refused(options: dict[str, Any], store: Store) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        with pytest.raises(GraphError):
            await runner.stimulate(graph.signal(), **options)
        assert len(await runner.list()) == 0


@pytest.mark.parametrize(
    "options",
    [
        {"lease": 0},
        {"grace": -1},
        {"max_staleness": True},
        {"durability": "x"},
        {"volume": "x"},
        {"retention": -1},
        {"retention": {"running": 1}},
        {"retention": "month"},
    ],
)
def test_a_runner_with_an_option_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    graph = line(pass_on)

    with pytest.raises(GraphError):
        DurableRunner(graph.cns, graph.registry, "memory://", **options)


async def test_something_that_is_no_signal_is_refused(store: Store) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        with pytest.raises(GraphError, match="create_signal"):
            await runner.stimulate([Item(1)])  # type: ignore[list-item]
