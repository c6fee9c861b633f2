import asyncio
from pathlib import Path
from typing import Any

import pytest

from cnstra import (
    DurableRunner,
    StimulationFailed,
    collateral,
)
from cnstra.errors import CNSError, RunExists, RunNotFound
from cnstra.persist.ports import Store
from tests.durable.conftest import Reopen
from tests.durable.graphs import Boom, Context, Item, Switch, line, line_that_waits, pass_on

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
    assert (info.error.type_name, info.error.message) == ("StimulationFailed", "Boom in neuron 'n1': item 1")


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
    graph, release = line_that_waits()
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
        with pytest.raises(StimulationFailed, match="Boom in neuron 'n0': item 1") as raised:
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
    graph, release = line_that_waits()
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


async def test_an_observer_looks_at_the_same_runs_and_takes_none(stores: Reopen) -> None:
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, stores(), worker_id="pod-1", scope="shop")

    async with runner.observer() as console:
        await console.enqueue(graph.signal(1), stimulation_id="a")
        await asyncio.sleep(0.01)
        waiting = await console.get("a")
        names = {worker.worker_id for worker in await console.workers()}
        async with runner:
            await console.wait("a")

    assert waiting is not None
    assert (waiting.status, waiting.scope) == ("pending", "shop")
    assert names == {console.worker_id}
    assert console.worker_id != "pod-1"
    assert graph.ran == ["n0:1"]
