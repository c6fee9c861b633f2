import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cnstra import DurableRunner, Fenced, StoreError
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Context, Item, line, line_that_waits, pass_on
from tests.durable.waiting import until, until_run

NEVER: dict[str, Any] = {"poll": 3600.0, "lease": 14_400.0}
"""Options of a worker that finds out only what it is told."""


# ---- told, or not ------------------------------------------------------------------------------------------------


async def test_what_another_process_enqueues_is_picked_up_at_once(stores: Reopen) -> None:
    graph = line(pass_on, pass_on)

    async with (
        DurableRunner(graph.cns, graph.registry, stores(), poll=1.0) as worker,
        DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as producer,
    ):
        run = await producer.enqueue(graph.signal(1), stimulation_id="a")
        await run
        info = await producer.get("a")

    assert info is not None
    assert (info.status, info.attempt_number) == ("completed", 1)
    assert graph.ran == ["n0:1", "n1:1"]
    assert worker.active_runs == []


class Deaf(StoreWrapper):
    """Cannot tell of changes."""

    async def changed(self, scope: str, timeout: float) -> bool:  # noqa: ASYNC109 - as in the port
        await asyncio.sleep(timeout)
        return False


async def test_a_store_that_cannot_tell_is_asked_every_poll_seconds(stores: Reopen) -> None:
    graph = line(pass_on)

    async with (
        DurableRunner(graph.cns, graph.registry, Deaf(stores()), poll=0.02),
        DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as producer,
    ):
        await (await producer.enqueue(graph.signal(1)))

    assert graph.ran == ["n0:1"]


async def test_a_worker_picks_up_what_it_enqueues_itself_even_if_the_store_cannot_tell(stores: Reopen) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, Deaf(stores()), **NEVER) as runner:
        run = await runner.enqueue(graph.signal(1))
        await run

    assert graph.ran == ["n0:1"]


async def test_a_run_that_is_due_later_is_picked_up_when_it_is_due(stores: Reopen) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, Deaf(stores()), **NEVER) as runner:
        at = datetime.now(UTC) + timedelta(seconds=0.3)
        later = await runner.enqueue(graph.signal(1), stimulation_id="later", run_at=at)
        sooner = await runner.enqueue(graph.signal(2), stimulation_id="sooner", delay=0.1)
        info = await runner.get("later")
        await sooner
        between = list(graph.ran)
        await later
        ended_at = time.time()

    assert info is not None
    assert (info.status, info.due_at) == ("pending", at.timestamp())
    assert between == ["n0:2"]
    assert ended_at >= at.timestamp()


async def test_runs_that_are_given_back_are_taken_up_at_once(stores: Reopen) -> None:
    graph, release = line_that_waits()

    async with DurableRunner(graph.cns, graph.registry, stores(), poll=1.0) as heir:
        async with DurableRunner(graph.cns, graph.registry, stores(), grace=0.01) as owner:
            await owner.stimulate(graph.signal(1), stimulation_id="a")
            await until(lambda: len(graph.ran) == 1)
        await until(lambda: len(graph.ran) == 2)
        release.set()
        await heir.wait("a")


async def test_a_worker_at_its_limit_still_obeys_aborts(stores: Reopen) -> None:
    graph, release = line_that_waits()

    async with (
        DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=1) as owner,
        DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as other,
    ):
        run = await owner.stimulate(graph.signal(1), stimulation_id="a")
        await other.enqueue(graph.signal(2), stimulation_id="b")
        assert run.stimulation is not None
        stopping = run.stimulation.abort_signal
        aborting = asyncio.ensure_future(other.abort("a"))
        await until(lambda: stopping.aborted)
        release.set()
        await aborting
        await other.wait("b")


# ---- trouble -----------------------------------------------------------------------------------------------------


class Flaky(StoreWrapper):
    """Is out of reach while it is told so."""

    down = False
    asked = 0

    async def changed(self, scope: str, timeout: float) -> bool:  # noqa: ASYNC109 - as in the port
        if self.down:
            self.asked += 1
            raise StoreError("no connection")
        return await super().changed(scope, timeout)


async def test_a_watch_outlives_a_store_that_is_down_for_a_while(
    stores: Reopen, caplog: pytest.LogCaptureFixture
) -> None:
    graph = line(pass_on)
    store = Flaky(stores())
    async with DurableRunner(graph.cns, graph.registry, store, poll=0.02) as runner:
        store.down = True
        runner._worker.poke()
        await until(lambda: store.asked > 3)
        store.down = False
        await (await runner.enqueue(graph.signal(1)))

    assert [one.message for one in caplog.records if (one.name, one.levelname) == ("cnstra", "WARNING")] == [
        "cannot look for runs to recover: no connection"
    ]


async def test_a_process_that_stood_still_stops_the_runs_that_others_have_taken(stores: Reopen) -> None:
    reached, cancelled = asyncio.Event(), asyncio.Event()

    async def hang(item: Item, ctx: Context) -> Item:
        if ctx.attempt_number == 2 or item.n == 2:
            return item
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return item

    graph = line(hang)
    async with DurableRunner(graph.cns, graph.registry, stores(), **NEVER) as zombie:
        run = await zombie.stimulate(graph.signal(1), stimulation_id="a")
        await reached.wait()
        async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as heir:
            await heir.store.settle("", "a", "pending", dead=[zombie.worker_id])
            watch = zombie._worker._watch
            assert watch is not None
            watch._tick(asyncio.get_running_loop().time() - 10_000.0)
            with pytest.raises(Fenced):
                await run
            await cancelled.wait()
            await until_run(heir, lambda info: info.status == "completed")

    assert graph.ran == ["n0:1", "n0:1"]


async def test_a_process_that_stood_still_keeps_the_runs_that_are_its_own(stores: Reopen) -> None:
    graph, release = line_that_waits()
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        watch = runner._worker._watch
        assert watch is not None
        watch._tick(asyncio.get_running_loop().time() - 10_000.0)
        await until(lambda: not watch._stalled)
        release.set()
        await run
        info = await runner.get("a")

    assert info is not None
    assert (info.status, info.fence) == ("completed", 1)
