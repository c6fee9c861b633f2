import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from cnstra import CNSError, DurableRunner, StimulationAborted, StimulationFailed
from cnstra.errors import GraphError, RunNotFound, RunNotReady
from cnstra.persist.delta import Delta
from cnstra.persist.ports import Store
from cnstra.persist.records import WorkerRecord
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Context, Item, Switch, line, line_that_waits, pass_on


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
    graph, release = line_that_waits()
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


# ---- filters and numbers ---------------------------------------------------------------------------------------


async def test_runs_are_found_by_entry_time_and_error(stores: Reopen) -> None:
    switch = Switch()
    graph = line(switch, pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(graph.signal(7), stimulation_id="failed"))
        await (await runner.stimulate(graph.collaterals[1].create_signal(Item(1)), stimulation_id="middle"))
        info = await runner.get("middle")
        assert info is not None
        at = datetime.fromtimestamp(info.created_at - 0.000_002, UTC)  # a datetime ends at microseconds

        async def found(**filters: Any) -> list[str]:
            return [run.stimulation_id for run in await runner.list(**filters)]

        by_entry = [await found(entry="c0"), await found(entry="c1"), await found(entry="c2")]
        by_time = [await found(created_after=at), await found(created_before=info.created_at)]
        by_error = [await found(error="item 7"), await found(error="Stimulation"), await found(error="else")]
        both = await found(status=["failed", "completed"], entry="c1", error="item")
        with pytest.raises(GraphError, match="created_after has no time zone"):
            await runner.list(created_after=datetime(2030, 1, 1))  # noqa: DTZ001 - refused
        with pytest.raises(GraphError, match="limit"):
            await runner.list(limit=-1)

    assert by_entry == [["failed"], ["middle"], []]
    assert by_time == [["middle"], ["failed"]]
    assert by_error == [["failed"], ["failed"], []]
    assert both == []


async def test_a_runner_tells_its_numbers(stores: Reopen) -> None:
    graph, release = line_that_waits()
    async with (
        DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as producer,
        DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=1) as runner,
    ):
        empty = await runner.stats()
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        await producer.enqueue(graph.signal(2), stimulation_id="b", delay=3600.0)
        busy = await runner.stats()
        elsewhere = await producer.stats()
        release.set()
        await run

    assert empty.runs == {"pending": 0, "running": 0, "completed": 0, "failed": 0, "aborted": 0}
    assert (empty.oldest_open_at, empty.oldest_open_age) == (None, None)
    assert (busy.runs["pending"], busy.runs["running"]) == (1, 1)
    assert busy.oldest_open_at is not None
    assert busy.oldest_open_age is not None
    assert 0.0 <= busy.oldest_open_age < 3600.0
    assert (busy.workers, busy.expired_workers, busy.active_runs, elsewhere.active_runs) == (2, 0, 1, 0)


async def test_the_lag_of_commits_is_that_of_the_oldest_change(store: Store) -> None:
    graph = line(pass_on, pass_on)
    held = Held(store)
    async with DurableRunner(graph.cns, graph.registry, held) as runner:
        held.release.clear()
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        await held.reached.wait()
        await asyncio.sleep(0.02)
        behind = await runner.stats()
        held.release.set()
        await run
        up_to_date = await runner.stats()

    assert behind.commit_lag >= 0.02
    assert up_to_date.commit_lag == 0.0


class Held(StoreWrapper):
    """Holds commits back while it is told to."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.release, self.reached = asyncio.Event(), asyncio.Event()
        self.release.set()

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        self.reached.set()
        await self.release.wait()
        return await super().commit(deltas)


async def test_the_workers_of_a_store_are_listed(stores: Reopen) -> None:
    graph = line(pass_on)
    async with (
        DurableRunner(graph.cns, graph.registry, stores(), worker_id="one") as runner,
        DurableRunner(graph.cns, graph.registry, stores(), worker_id="two", scope="other"),
    ):
        await runner.store.add_worker(WorkerRecord("late", "elsewhere", 1), -1.0)
        workers = await runner.workers()

    assert {worker.worker_id: worker.expired for worker in workers} == {"one": False, "two": False, "late": True}


@pytest.mark.parametrize("question", ["stats", "workers", "check", "list", "purge"])
async def test_a_runner_that_is_not_open_tells_nothing(question: str, store: Store) -> None:
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, store)

    with pytest.raises(CNSError, match="not open"):
        await getattr(runner, question)()
