import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cnstra import (
    CNS,
    CNSPersistOptionsRegistry,
    DurableRunner,
    StimulationAborted,
    StimulationFailed,
    collateral,
    neuron,
)
from cnstra.errors import CNSError, GraphError, PayloadError, RunExists, RunNotFound, RunNotReady, UnknownName
from cnstra.persist.ports import Store
from tests.durable.conftest import Reopen
from tests.durable.graphs import Boom, Context, Item, Switch, line, pass_on

# ---- starting ----------------------------------------------------------------------------------------------


async def test_awaiting_a_run_waits_until_it_is_stored_as_completed(store: Store) -> None:
    graph = line(pass_on, pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        await run
        info = await runner.get("a")

    assert graph.ran == ["n0:1", "n1:1"]
    assert info is not None
    assert (info.status, info.attempt_number, info.hop_count, info.outstanding) == ("completed", 1, 2, 0)
    assert run.done


async def test_a_run_without_an_id_gets_one_that_sorts_by_time(store: Store) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        first = await runner.stimulate(graph.signal())
        await asyncio.sleep(0.002)
        second = await runner.stimulate(graph.signal())
        await asyncio.gather(first, second)

    assert first.stimulation_id < second.stimulation_id
    assert "attempt 1" in repr(first)


async def test_several_entry_signals_start_one_run(store: Store) -> None:
    graph = line(pass_on, pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await (await runner.stimulate([graph.signal(1), graph.signal(2)], stimulation_id="a"))
        info = await runner.get("a")

    assert graph.ran == ["n0:1", "n0:2", "n1:1", "n1:2"]
    assert info is not None
    assert [signal.payload for signal in info.entry] == [{"n": 1}, {"n": 2}]


async def test_a_run_of_no_signal_is_complete_at_once(store: Store) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await (await runner.stimulate([], stimulation_id="a"))
        info = await runner.get("a")

    assert info is not None
    assert (info.status, info.outstanding) == ("completed", 0)


async def test_a_run_that_nobody_listens_to_is_complete_at_once(store: Store) -> None:
    graph = line(pass_on)
    graph.registry.register_collateral("lonely", lonely := collateral(Item, name="lonely"))

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await (await runner.stimulate(lonely.create_signal(Item(1)), stimulation_id="a"))
        info = await runner.get("a")

    assert info is not None
    assert info.status == "completed"


async def test_the_failures_of_a_run_are_raised_by_awaiting_it(store: Store) -> None:
    graph = line(pass_on, Switch())

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        with pytest.raises(StimulationFailed) as raised:
            await run.wait_until_complete()
        info = await runner.get("a")

    assert isinstance(raised.value.exceptions[0], Boom)
    assert info is not None
    assert (info.status, info.outstanding) == ("failed", 1)
    assert info.error is not None
    assert "1 failed task" in info.error.message


async def test_a_thousand_runs_at_once_all_complete(store: Store) -> None:
    graph = line(pass_on, pass_on, pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        runs = await asyncio.gather(*(runner.stimulate(graph.signal(n), stimulation_id=str(n)) for n in range(1000)))
        await asyncio.gather(*runs)
        completed = await runner.list(status="completed", limit=2000)

    assert len(completed) == 1000
    assert len(graph.ran) == 3000


async def test_a_run_belongs_to_its_scope(stores: Reopen) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, stores(), scope="one") as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
    async with DurableRunner(graph.cns, graph.registry, stores(), scope="two") as other:
        assert await other.get("a") is None
        await (await other.stimulate(graph.signal(2), stimulation_id="a"))
        info = await other.get("a")

    assert info is not None
    assert info.scope == "two"
    assert graph.ran == ["n0:1", "n0:2"]


# ---- refusal before the start ------------------------------------------------------------------------------


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


# ---- a runner's own life -----------------------------------------------------------------------------------


async def test_a_runner_that_is_not_open_refuses_to_work(store: Store) -> None:
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, store)

    for refused in (runner.stimulate(graph.signal()), runner.get("a"), runner.list(), runner.purge()):
        with pytest.raises(CNSError, match="not open"):
            await refused
    await runner.close()


async def test_a_runner_is_opened_once(store: Store) -> None:
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, store)

    async with runner:
        with pytest.raises(CNSError, match="opened before"):
            await runner.open()
    with pytest.raises(CNSError, match="opened before"):
        await runner.open()
    await runner.close()


async def test_a_store_may_be_named_by_address_or_path(tmp_path: Path) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, f"sqlite:///{tmp_path}/runs.db") as runner:
        await (await runner.stimulate(graph.signal(), stimulation_id="a"))
    async with DurableRunner(graph.cns, graph.registry, tmp_path / "runs.db") as runner:
        assert [info.stimulation_id for info in await runner.list()] == ["a"]


async def test_active_runs_are_listed_until_they_are_idle(store: Store) -> None:
    release = asyncio.Event()

    async def wait(item: Item, ctx: Context) -> None:
        await release.wait()

    graph = line(wait)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(), stimulation_id="a")
        assert [active.stimulation_id for active in runner.active_runs] == ["a"]
        release.set()
        await runner.wait_until_idle()
        assert run.done
        assert runner.active_runs == []


# ---- the same id twice -------------------------------------------------------------------------------------


async def test_the_same_id_returns_the_run_that_is_under_way(store: Store) -> None:
    graph = line(pass_on, pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        first, second = await asyncio.gather(
            runner.stimulate(graph.signal(1), stimulation_id="a"), runner.stimulate(graph.signal(2), stimulation_id="a")
        )
        await asyncio.gather(first, second)

    assert graph.ran == ["n0:1", "n1:1"]


async def test_the_same_id_returns_the_run_that_has_completed(store: Store) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        again = await runner.stimulate(graph.signal(2), stimulation_id="a")
        await again

    assert graph.ran == ["n0:1"]
    assert not again.done
    assert again.stimulation is None


async def test_the_same_id_returns_the_run_that_has_failed_and_raises_as_it_did(store: Store) -> None:
    graph = line(Switch())

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        with pytest.raises(StimulationFailed):
            await run
        again = await runner.stimulate(graph.signal(1), stimulation_id="a")
        with pytest.raises(StimulationFailed, match="1 failed task") as raised:
            await again

    assert str(raised.value.exceptions[0]) == "Boom: item 1"
    assert graph.ran == ["n0:1"]


async def test_the_same_id_can_be_refused(store: Store) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        with pytest.raises(RunExists, match="completed"):
            await runner.stimulate(graph.signal(1), stimulation_id="a", on_conflict="raise")


async def test_the_same_id_retries_a_run_that_has_failed(store: Store) -> None:
    switch = Switch()
    graph = line(pass_on, switch)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(graph.signal(1), stimulation_id="a", on_conflict="retry"))
        switch.on = False
        again = await runner.stimulate(graph.signal(1), stimulation_id="a", on_conflict="retry")
        await again
        await (await runner.stimulate(graph.signal(1), stimulation_id="a", on_conflict="retry"))

    assert graph.ran == ["n0:1", "n1:1", "n1:1"]
    assert again.attempt_number == 2


async def test_the_same_id_twice_at_once_retries_once(store: Store) -> None:
    switch = Switch()
    graph = line(switch, pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        switch.on = False
        runs = await asyncio.gather(
            *(runner.stimulate(graph.signal(1), stimulation_id="a", on_conflict="retry") for _ in range(3))
        )
        await asyncio.gather(*runs)

    assert graph.ran == ["n0:1", "n0:1", "n1:1"]


# ---- waiting for a run that is stored ----------------------------------------------------------------------


async def test_waiting_for_a_stored_run_raises_as_it_did(store: Store) -> None:
    graph = line(Switch())

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        with pytest.raises(StimulationFailed):
            await run
        with pytest.raises(StimulationFailed):
            await runner.wait("a")
        with pytest.raises(RunNotFound, match="'b'"):
            await runner.wait("b")


async def test_waiting_for_a_run_of_another_worker_ends_when_it_does(stores: Reopen) -> None:
    release = asyncio.Event()

    async def wait(item: Item, ctx: Context) -> None:
        await release.wait()

    graph = line(wait)
    async with (
        DurableRunner(graph.cns, graph.registry, stores()) as runner,
        DurableRunner(graph.cns, graph.registry, stores()) as other,
    ):
        await runner.stimulate(graph.signal(1), stimulation_id="a")
        waiting = asyncio.ensure_future(other.wait("a"))
        await asyncio.sleep(0)
        release.set()
        await waiting

    assert graph.ran == ["n0:1"]


# ---- clones ------------------------------------------------------------------------------------------------


async def test_a_clone_is_a_fresh_run_from_the_entry_with_the_same_options(store: Store) -> None:
    seen: list[Any] = []

    def look(item: Item, ctx: Context) -> None:
        seen.append((item.n, ctx.get(), ctx.metadata, ctx.attempt_number))
        ctx.set("been here")

    graph = line(look)
    options: dict[str, Any] = {"volume": "progress", "metadata": {"user": "u1"}}
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a", **options))
        await (await runner.clone("a", new_id="b"))
        info = await runner.get("b")
        with pytest.raises(RunExists):
            await runner.clone("a", new_id="b")
        with pytest.raises(RunNotFound):
            await runner.clone("nowhere")

    assert seen == [(1, None, {"user": "u1"}, 1)] * 2
    assert info is not None
    assert (info.clone_of, info.volume, info.metadata) == ("a", "progress", {"user": "u1"})


async def test_a_clone_gets_an_id_and_a_stimulation_context_of_its_own(store: Store) -> None:
    seen: list[Any] = []
    graph = line(lambda item, ctx: seen.append(ctx.stimulation_context))

    def make(stimulation_id: str, metadata: Any) -> str:
        return f"context of {stimulation_id}"

    async with DurableRunner(graph.cns, graph.registry, store, stimulation_context=make) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a", stimulation_context="by hand"))
        clone = await runner.clone("a")
        await clone

    assert clone.stimulation_id != "a"
    assert seen == ["by hand", f"context of {clone.stimulation_id}"]


async def test_the_entry_outlives_the_run_in_volume_progress(store: Store) -> None:
    graph = line(pass_on, pass_on)

    async with DurableRunner(graph.cns, graph.registry, store, volume="progress") as runner:
        await (await runner.stimulate(graph.signal(5), stimulation_id="a"))
        await (await runner.clone("a"))

    assert graph.ran == ["n0:5", "n1:5"] * 2


# ---- lists and removal -------------------------------------------------------------------------------------


async def test_runs_are_listed_newest_first_and_page_by_page(store: Store) -> None:
    switch = Switch(on=False)
    graph = line(switch)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        for number in range(5):
            switch.on = number == 2
            run = await runner.stimulate(graph.signal(), stimulation_id=f"r{number}")
            await asyncio.gather(run, return_exceptions=True)
        first = await runner.list(limit=2)
        second = await runner.list(limit=2, cursor=first.cursor)
        last = await runner.list(limit=2, cursor=second.cursor)
        failed = await runner.list(status="failed")
        several = await runner.list(status=["failed", "aborted"])
        with pytest.raises(GraphError, match="'done'"):
            await runner.list(status="done")  # type: ignore[arg-type]

    pages = [[run.stimulation_id for run in page] for page in (first, second, last)]
    assert pages == [["r4", "r3"], ["r2", "r1"], ["r0"]]
    assert last.cursor is None
    assert [run.stimulation_id for run in failed] == ["r2"] == [run.stimulation_id for run in several]


async def test_a_deleted_run_is_gone_and_its_id_free_again(store: Store) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        await runner.delete("a")
        assert await runner.get("a") is None
        assert await runner.tasks("a") == []
        with pytest.raises(RunNotFound):
            await runner.delete("a")
        await (await runner.stimulate(graph.signal(2), stimulation_id="a"))

    assert graph.ran == ["n0:1", "n0:2"]


async def test_a_run_that_is_under_way_is_not_deleted(stores: Reopen) -> None:
    release = asyncio.Event()

    async def wait(item: Item, ctx: Context) -> None:
        await release.wait()

    graph = line(wait)
    async with (
        DurableRunner(graph.cns, graph.registry, stores()) as runner,
        DurableRunner(graph.cns, graph.registry, stores()) as other,
    ):
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        with pytest.raises(RunNotReady, match="under way here"):
            await runner.delete("a")
        with pytest.raises(RunNotReady, match=runner.worker_id):
            await other.delete("a")
        release.set()
        await run


async def test_purge_drops_what_has_ended_and_keeps_the_latest(store: Store) -> None:
    switch = Switch(on=False)
    graph = line(switch)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        for number in range(4):
            await (await runner.stimulate(graph.signal(), stimulation_id=f"r{number}"))
        switch.on = True
        await asyncio.gather(await runner.stimulate(graph.signal(), stimulation_id="bad"), return_exceptions=True)

        assert await runner.purge(older_than=3600) == 0
        assert await runner.purge(keep=1) == 3
        assert {run.stimulation_id for run in await runner.list()} == {"r3", "bad"}
        assert await runner.purge(status=["completed", "failed"]) == 2
        with pytest.raises(GraphError, match="'running'"):
            await runner.purge(status="running")


async def test_aborting_waiting_for_and_retrying_need_a_run(store: Store) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        for refused in (runner.retry("x"), runner.abort("x"), runner.wait("x")):
            with pytest.raises(RunNotFound):
                await refused


async def test_awaiting_a_stored_run_that_was_aborted_raises(store: Store) -> None:
    release = asyncio.Event()

    async def wait(item: Item, ctx: Context) -> Item:
        await release.wait()
        return item

    graph = line(wait, pass_on)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await runner.stimulate(graph.signal(1), stimulation_id="a")
        stopping = asyncio.ensure_future(runner.abort("a", "enough"))
        await asyncio.sleep(0)
        release.set()
        await stopping
        with pytest.raises(StimulationAborted, match="enough"):
            await runner.wait("a")
