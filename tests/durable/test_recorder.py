import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cnstra import (
    CNS,
    CNSPersistOptionsRegistry,
    DurableRunner,
    PayloadError,
    StimulationFailed,
    UnknownName,
    collateral,
    neuron,
    with_ctx,
)
from cnstra.persist.ports import Store
from cnstra.stores import SqliteStore
from tests.durable.graphs import Boom, Context, Item, Switch, line, pass_on

# ---- what cannot be stored -----------------------------------------------------------------------------------


@dataclass
class Deck:
    cards: list[Any]


async def test_a_payload_that_cannot_be_stored_fails_the_hop_that_emits_it(store: Store) -> None:
    entry, decks = collateral(Item, name="entry"), collateral(Deck, name="decks")
    maker = neuron({"decks": decks}, name="maker")
    maker.dendrite(entry, lambda item, axon: axon.decks.create_signal(Deck([{"image": item.n and object()}])))
    reader = neuron({}, name="reader").dendrite(decks, lambda: None)
    registry = CNSPersistOptionsRegistry().register("maker", maker).register("reader", reader)
    registry.register_collateral("entry", entry)

    async with DurableRunner(CNS([maker, reader]), registry, store) as runner:
        run = await runner.stimulate(entry.create_signal(Item(1)), stimulation_id="a")
        with pytest.raises(StimulationFailed) as raised:
            await run
        [task] = await runner.tasks("a")
        left = await runner.frontier("a")

    [error] = raised.value.exceptions
    assert isinstance(error, PayloadError)
    assert (error.where, error.path) == ("collateral decks", "$.cards[0].image")
    assert (task.status, task.error and task.error.type_name) == ("failed", "PayloadError")
    assert [one.neuron_name for one in left] == ["maker"]


async def test_a_hop_of_which_one_signal_cannot_be_stored_is_not_recorded_at_all(store: Store) -> None:
    entry, decks = collateral(Item, name="entry"), collateral(Deck, name="decks")
    read: list[Any] = []

    def make(item: Item, axon: Any, ctx: Context) -> Any:
        ctx.set("changed")
        return [axon.decks.create_signal(Deck([1])), axon.decks.create_signal(Deck([object()]))]

    maker = neuron({"decks": decks}, name="maker").dendrite(entry, make)
    reader = neuron({}, name="reader").dendrite(decks, read.append)
    registry = CNSPersistOptionsRegistry().register("maker", maker).register("reader", reader)
    registry.register_collateral("entry", entry)

    async with DurableRunner(CNS([maker, reader]), registry, store) as runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(entry.create_signal(Item(1)), stimulation_id="a"))
        [left] = await runner.frontier("a")

    assert read == []
    assert (left.ordinal, left.status) == (0, "failed")


async def test_a_context_value_that_cannot_be_stored_fails_the_hop_that_sets_it(store: Store) -> None:
    entry = collateral(Item, name="entry")
    keeper = with_ctx(dict).neuron({}, name="keeper")
    keeper.dendrite(entry, lambda item, axon, ctx: ctx.set({"lock": [1, object()]}))
    registry = CNSPersistOptionsRegistry().register("keeper", keeper).register_collateral("entry", entry)

    async with DurableRunner(CNS([keeper]), registry, store) as runner:
        with pytest.raises(StimulationFailed) as raised:
            await (await runner.stimulate(entry.create_signal(Item(1)), stimulation_id="a"))

    [error] = raised.value.exceptions
    assert isinstance(error, PayloadError)
    assert "keeper" in error.where
    assert error.path == "$.lock[1]"


async def test_the_error_of_a_handler_counts_even_if_its_context_cannot_be_stored(store: Store) -> None:
    def spoil(item: Item, ctx: Context) -> None:
        ctx.set(object())
        raise Boom("the real reason")

    graph = line(spoil)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        with pytest.raises(StimulationFailed) as raised:
            await (await runner.stimulate(graph.signal(1), stimulation_id="a"))

    assert isinstance(raised.value.exceptions[0], Boom)


async def test_a_signal_of_a_foreign_collateral_without_a_name_fails_the_hop(store: Store) -> None:
    entry, foreign = collateral(Item, name="entry"), collateral(Item, name="foreign")
    stray = neuron({}, name="stray").dendrite(foreign, lambda: None)
    maker = neuron({}, name="maker").dendrite(entry, foreign.create_signal)
    registry = CNSPersistOptionsRegistry().register("maker", maker).register_collateral("entry", entry)

    async with DurableRunner(CNS([maker, stray]), registry, store) as runner:
        with pytest.raises(StimulationFailed) as raised:
            await (await runner.stimulate(entry.create_signal(Item(1)), stimulation_id="a"))

    assert isinstance(raised.value.exceptions[0], UnknownName)


async def test_a_signal_that_nobody_takes_needs_no_name_but_its_label(store: Store) -> None:
    entry, lonely = collateral(Item, name="entry"), collateral(Item, name="lonely")
    maker = neuron({}, name="maker").dendrite(entry, lonely.create_signal)
    registry = CNSPersistOptionsRegistry().register("maker", maker).register_collateral("entry", entry)

    async with DurableRunner(CNS([maker]), registry, store) as runner:
        await (await runner.stimulate(entry.create_signal(Item(1)), stimulation_id="a"))
        [task] = await runner.tasks("a")

    assert [signal.collateral_name for signal in task.output] == ["lonely"]


# ---- volumes -------------------------------------------------------------------------------------------------


def tables(path: Path) -> dict[str, int]:
    """Return how many rows each table holds, and how many signals are in the history."""
    names = ("signals", "frontier", "history", "contexts")
    outputs = "SELECT sum(json_array_length(CAST(outputs AS TEXT))) FROM cnstra_history"
    with closing(sqlite3.connect(path)) as connection:
        rows = {name: connection.execute(f"SELECT count(*) FROM cnstra_{name}").fetchone()[0] for name in names}
        return rows | {"outputs": connection.execute(outputs).fetchone()[0] or 0}


async def test_volume_full_keeps_every_signal_once_and_every_activation(tmp_path: Path) -> None:
    graph = line(lambda item, ctx: [Item(1), Item(2)], pass_on)
    for one in graph.neurons:
        assert one.dendrites

    async with DurableRunner(graph.cns, graph.registry, tmp_path / "runs.db") as runner:
        await (await runner.stimulate(graph.signal(0), stimulation_id="a"))

    assert tables(tmp_path / "runs.db") == {
        "signals": 1,
        "outputs": 4,
        "frontier": 0,
        "history": 3,
        "contexts": 0,
    }


async def test_a_signal_is_stored_once_however_many_take_it(tmp_path: Path) -> None:
    entry = collateral(Item, name="entry")
    takers = [neuron({}, name=f"t{n}").dendrite(entry, lambda: None) for n in range(4)]
    registry = CNSPersistOptionsRegistry().register_collateral("entry", entry)
    for one in takers:
        registry.register(one.label, one)

    async with DurableRunner(CNS(takers), registry, tmp_path / "runs.db") as runner:
        await (await runner.stimulate(entry.create_signal(Item(1))))

    assert tables(tmp_path / "runs.db")["signals"] == 1


@pytest.mark.parametrize("durability", ["hop", "interval", "exit"])
async def test_volume_progress_keeps_the_entry_and_what_is_left_only(durability: Any, tmp_path: Path) -> None:
    switch = Switch()
    graph = line(pass_on, lambda item, ctx: [Item(1), Item(2)], pass_on, switch)

    async with DurableRunner(
        graph.cns, graph.registry, tmp_path / "runs.db", volume="progress", durability=durability
    ) as runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(graph.signal(0), stimulation_id="a"))
        assert await runner.tasks("a") == []
        failed = tables(tmp_path / "runs.db")
        switch.on = False
        await (await runner.retry("a"))

    assert failed == {"signals": 3, "frontier": 2, "history": 0, "contexts": 0, "outputs": 0}
    assert tables(tmp_path / "runs.db") == {"signals": 1, "frontier": 0, "history": 0, "contexts": 0, "outputs": 0}


@pytest.mark.parametrize(("hops", "durability"), [(100_000, "interval"), (1_500, "hop")])
async def test_a_loop_of_many_hops_keeps_a_constant_size_in_volume_progress(
    hops: int, durability: Any, tmp_path: Path
) -> None:
    entry = collateral(Item, name="entry")
    around = neuron({"entry": entry}, name="around")
    around.dendrite(entry, lambda item, axon: axon.entry.create_signal(Item(item.n - 1)) if item.n else None)
    registry = CNSPersistOptionsRegistry().register("around", around)
    store = SqliteStore(tmp_path / "runs.db")

    async with DurableRunner(CNS([around]), registry, store, volume="progress", durability=durability) as runner:
        await (await runner.stimulate(entry.create_signal(Item(hops)), stimulation_id="a"))
        info = await runner.get("a")

    assert info is not None
    assert info.hop_count == hops + 1
    assert (tmp_path / "runs.db").stat().st_size < 1_000_000


async def test_a_frontier_of_five_thousand_tasks_is_stored_and_resumed(store: Store) -> None:
    switch = Switch()
    graph = line(lambda item, ctx: [Item(n) for n in range(5000)], switch)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(graph.signal(0), stimulation_id="a"))
        left = await runner.frontier("a")
        switch.on = False
        await (await runner.retry("a"))
        info = await runner.get("a")

    assert len(left) == 5000
    assert info is not None
    assert (info.status, info.outstanding, info.hop_count) == ("completed", 0, 10_001)


# ---- contexts ------------------------------------------------------------------------------------------------


async def test_a_context_that_nothing_can_reach_is_dropped_from_the_store(tmp_path: Path) -> None:
    switch = Switch()

    def remember(item: Item, ctx: Context) -> Item:
        ctx.set("something")
        return item

    graph = line(remember, switch, auto_cleanup_contexts=True)
    async with DurableRunner(graph.cns, graph.registry, tmp_path / "runs.db") as runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(graph.signal(0), stimulation_id="a"))
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection:
        values = connection.execute("SELECT value FROM cnstra_contexts WHERE value IS NOT NULL").fetchall()

    assert values == []


async def test_a_handler_that_only_reads_its_context_writes_nothing(tmp_path: Path) -> None:
    graph = line(lambda item, ctx: ctx.get())

    async with DurableRunner(graph.cns, graph.registry, tmp_path / "runs.db") as runner:
        await (await runner.stimulate(graph.signal(0), stimulation_id="a"))

    assert tables(tmp_path / "runs.db")["contexts"] == 0


async def test_a_durable_run_takes_no_tasks_from_outside(store: Store) -> None:
    errors: list[Exception] = []

    def add(item: Item, ctx: Context) -> None:
        try:
            ctx.stimulation.enqueue_tasks(ctx.stimulation.get_all_activation_tasks())
        except Exception as error:  # noqa: BLE001 - whatever it is
            errors.append(error)

    graph = line(add)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await (await runner.stimulate(graph.signal(0)))

    assert "emit a signal" in str(errors[0])
