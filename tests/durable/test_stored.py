import asyncio

import pytest

from cnstra import (
    DurableRunner,
    StimulationAborted,
)
from cnstra.errors import GraphError, RunNotFound, RunNotReady
from cnstra.persist.ports import Store
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
