import asyncio
import logging
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from cnstra import DurableRunner, Fenced, StimulationAborted, StimulationFailed, StoreError
from cnstra.persist.delta import Delta
from cnstra.persist.ports import Store
from cnstra.persist.records import RunState, WorkerRecord
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Boom, Context, Item, Switch, line, pass_on
from tests.durable.waiting import until

# ---- closing -------------------------------------------------------------------------------------------------


async def test_closing_lets_active_handlers_settle_and_commits_what_they_did(stores: Reopen) -> None:
    reached, release = asyncio.Event(), asyncio.Event()

    async def wait(item: Item, ctx: Context) -> Item:
        reached.set()
        await release.wait()
        return item

    graph = line(wait, pass_on)
    runner = DurableRunner(graph.cns, graph.registry, stores())
    await runner.open()
    run = await runner.stimulate(graph.signal(1), stimulation_id="a")
    await reached.wait()
    assert run.stimulation is not None
    stopping = run.stimulation.abort_signal
    closing = asyncio.ensure_future(runner.close())
    await until(lambda: stopping.aborted)
    release.set()
    await closing
    with pytest.raises(StimulationAborted, match="shuts down"):
        await run
    async with DurableRunner(graph.cns, graph.registry, stores(), scope="other") as other:
        other.scope = ""
        info = await other.get("a")
        workers = await other.store.workers()
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await runner.wait_until_idle()

    assert info is not None
    assert (info.status, info.owner, info.outstanding, info.hop_count) == ("pending", None, 1, 1)
    assert [worker.worker_id for worker in workers] == [other.worker_id]
    assert graph.ran == ["n0:1", "n1:1"]


async def test_a_handler_that_takes_longer_than_the_grace_is_cancelled_and_run_again_later(stores: Reopen) -> None:
    reached = asyncio.Event()
    cancelled: list[bool] = []
    free = False

    async def hang(item: Item, ctx: Context) -> Item:
        reached.set()
        try:
            if not free:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return item

    graph = line(pass_on, hang)
    async with DurableRunner(graph.cns, graph.registry, stores(), grace=0.01) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        await reached.wait()
    with pytest.raises(StimulationAborted, match="shuts down"):
        await run
    free = True
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await runner.wait_until_idle()
        attempts = await runner.attempts("a")

    assert cancelled == [True]
    assert graph.ran == ["n0:1", "n1:1", "n1:1"]
    assert [attempt.status for attempt in attempts] == ["interrupted", "completed"]


async def test_closing_waits_for_the_last_writes_of_runs_that_do_not_wait_for_them(stores: Reopen) -> None:
    graph = line(pass_on, pass_on)

    async with DurableRunner(graph.cns, graph.registry, stores(), durability="interval", max_staleness=60.0) as runner:
        await runner.stimulate(graph.signal(1), stimulation_id="a")
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        info = await runner.get("a")

    assert info is not None
    assert info.status == "completed"


async def test_an_error_inside_the_block_gives_the_runs_back(stores: Reopen) -> None:
    async def wait(item: Item, ctx: Context) -> None:
        await asyncio.sleep(0.001)

    graph = line(wait, pass_on)

    async def fail() -> None:
        async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
            await runner.stimulate(graph.signal(1), stimulation_id="a")
            raise Boom

    with pytest.raises(Boom):
        await fail()
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await runner.wait_until_idle()
        info = await runner.get("a")

    assert info is not None
    assert info.status == "completed"


async def test_closing_twice_waits_for_the_same_end(store: Store) -> None:
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, store)
    await runner.open()

    await asyncio.gather(runner.close(), runner.close())
    await runner.close()


class Unopenable(StoreWrapper):
    """Refuses what a runner does while it opens."""

    async def add_worker(self, worker: WorkerRecord, lease: float) -> None:
        raise StoreError("no room for another worker")


async def test_a_runner_that_cannot_open_closes_its_store(stores: Reopen) -> None:
    graph = line(pass_on)

    with pytest.raises(StoreError, match="no room"):
        await DurableRunner(graph.cns, graph.registry, Unopenable(stores())).open()


# ---- owners --------------------------------------------------------------------------------------------------


async def test_a_living_workers_runs_are_left_alone(stores: Reopen) -> None:
    release = asyncio.Event()

    async def wait(item: Item, ctx: Context) -> None:
        await release.wait()

    graph = line(wait)
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        async with DurableRunner(graph.cns, graph.registry, stores()) as other:
            assert other.active_runs == []
        release.set()
        await run

    assert graph.ran == ["n0:1"]


class Forgetful(StoreWrapper):
    """Says that every other worker is long dead."""

    async def claim(self, scope: str, worker_id: str, *, dead: Collection[str], **how: Any) -> list[RunState]:
        everybody = {worker.worker_id for worker in await self.inner.workers()} - {worker_id}
        return await super().claim(scope, worker_id, dead=everybody, **how)


async def test_the_run_of_a_zombie_raises_and_changes_nothing(stores: Reopen) -> None:
    reached, release = asyncio.Event(), asyncio.Event()
    attempts: list[int] = []

    async def wait(item: Item, ctx: Context) -> Item:
        attempts.append(ctx.attempt_number)
        reached.set()
        if ctx.attempt_number == 1:
            await release.wait()
        return item

    graph = line(wait, pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores()) as zombie:
        run = await zombie.stimulate(graph.signal(1), stimulation_id="a")
        await reached.wait()
        async with DurableRunner(graph.cns, graph.registry, Forgetful(stores())) as heir:
            await heir.wait_until_idle()
            before = await heir.get("a")
            history = await heir.tasks("a")
            release.set()
            with pytest.raises(Fenced, match="taken over") as raised:
                await run
            assert await heir.get("a") == before
            assert await heir.tasks("a") == history

    assert (raised.value.stimulation_id, raised.value.fence) == ("a", 1)
    assert before is not None
    assert (before.status, before.fence, before.recoveries) == ("completed", 2, 1)
    assert attempts == [1, 2]
    assert graph.ran == ["n0:1", "n0:1", "n1:1"]


async def test_a_worker_that_starts_again_under_its_name_takes_its_own_runs_back(stores: Reopen) -> None:
    reached = asyncio.Event()

    async def hang(item: Item, ctx: Context) -> None:
        reached.set()
        if ctx.attempt_number == 1:
            await asyncio.Event().wait()

    class Dead(StoreWrapper):
        """Keeps the worker's row and its runs when the runner closes, as a crash does."""

        async def remove_worker(self, worker_id: str) -> None:
            pass

        async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
            return [True] * len(deltas)

    graph = line(hang)
    runner = DurableRunner(graph.cns, graph.registry, Dead(stores()), worker_id="pod-1", grace=0.01, lease=3600.0)
    async with runner:
        await runner.stimulate(graph.signal(1), stimulation_id="a")
        await reached.wait()
    async with DurableRunner(graph.cns, graph.registry, stores(), worker_id="pod-1") as again:
        await again.wait_until_idle()
        info = await again.get("a")

    assert info is not None
    assert (info.status, info.recoveries) == ("completed", 1)


async def test_a_successor_of_the_same_name_keeps_its_row_when_the_first_one_closes(stores: Reopen) -> None:
    graph = line(pass_on)
    first = DurableRunner(graph.cns, graph.registry, stores(), worker_id="pod-1")
    await first.open()
    async with DurableRunner(graph.cns, graph.registry, stores(), worker_id="pod-1") as second:
        await first.close()
        workers = [worker.worker_id for worker in await second.store.workers()]
        await (await second.stimulate(graph.signal(1)))

    assert workers == ["pod-1"]


async def test_a_handler_that_blocks_the_event_loop_does_not_lose_the_lease(stores: Reopen) -> None:
    store = stores()
    renewed: list[str] = []
    waiting = 0.0

    class Watched(StoreWrapper):
        def beat(self, worker_id: str, lease: float) -> bool:
            renewed.append(worker_id)
            return super().beat(worker_id, lease)

    def block(item: Item, ctx: Context) -> None:
        import time  # noqa: PLC0415 - for this handler only

        nonlocal waiting
        while len(renewed) < 4 and waiting < 10.0:
            time.sleep(0.01)
            waiting += 0.01

    graph = line(block)
    async with DurableRunner(graph.cns, graph.registry, Watched(store), lease=0.3) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        info = await runner.get("a")

    assert len(renewed) >= 4
    assert info is not None
    assert (info.status, info.fence) == ("completed", 1)


async def test_a_runner_keeps_looking_for_runs_of_the_dead(stores: Reopen) -> None:
    reached = asyncio.Event()
    free = False

    async def hang(item: Item, ctx: Context) -> None:
        reached.set()
        if not free:
            await asyncio.Event().wait()

    graph = line(hang)
    async with DurableRunner(graph.cns, graph.registry, stores(), lease=0.3) as heir:
        async with DurableRunner(graph.cns, graph.registry, stores(), grace=0.01) as runner:
            await runner.stimulate(graph.signal(1), stimulation_id="a")
            await reached.wait()
            free = True
        await heir.wait("a")
        info = await heir.get("a")

    assert info is not None
    assert (info.status, info.attempt_number) == ("completed", 2)


class Fragile(StoreWrapper):
    """Refuses the next claims."""

    refused = 0
    error: Exception = StoreError("no connection")

    async def claim(self, scope: str, worker_id: str, *, dead: Collection[str], **how: Any) -> list[RunState]:
        if self.refused:
            self.refused -= 1
            raise self.error
        return await super().claim(scope, worker_id, dead=dead, **how)


@pytest.mark.parametrize("error", [StoreError("no connection"), Boom("a bug")])
async def test_a_look_out_that_fails_is_logged_and_goes_on(
    error: Exception, stores: Reopen, caplog: pytest.LogCaptureFixture
) -> None:
    graph = line(pass_on)
    store = Fragile(stores())
    store.error = error
    async with DurableRunner(graph.cns, graph.registry, store, lease=0.1) as heir:
        store.refused = 2
        await until(lambda: not store.refused)
        await (await heir.stimulate(graph.signal(1)))

    assert "cannot look for runs to recover" in caplog.text


# ---- retention -----------------------------------------------------------------------------------------------


async def test_opening_a_runner_drops_what_is_over_age(stores: Reopen) -> None:
    switch = Switch(on=False)
    graph = line(switch)
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.stimulate(graph.signal(), stimulation_id="good"))
        switch.on = True
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(graph.signal(), stimulation_id="bad"))

    async def left(retention: Any) -> set[str]:
        async with DurableRunner(graph.cns, graph.registry, stores(), retention=retention) as runner:
            await asyncio.sleep(0.02)
            return {run.stimulation_id for run in await runner.list()}

    assert await left(None) == {"good", "bad"}
    assert await left({"completed": 3600.0}) == {"good", "bad"}
    assert await left(0.0) == {"bad"}
    assert await left({"failed": 0.0}) == set()


# ---- nobody looks ----------------------------------------------------------------------------------------------


async def test_a_failing_durable_run_that_nobody_awaits_is_logged(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    graph = line(Switch())

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await runner.stimulate(graph.signal(1), stimulation_id="a")
        await runner.wait_until_idle()
        await asyncio.sleep(0.01)

    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "nobody awaits" in record.message


async def test_a_run_that_is_interrupted_by_closing_is_not_logged_as_a_failure(
    stores: Reopen, caplog: pytest.LogCaptureFixture
) -> None:
    async def wait(item: Item, ctx: Context) -> Item:
        await asyncio.sleep(0.005)
        return item

    graph = line(wait, pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await runner.stimulate(graph.signal(1), stimulation_id="a")
    await asyncio.sleep(0.01)

    assert [record for record in caplog.records if record.name == "cnstra"] == []


# ---- names ---------------------------------------------------------------------------------------------------

FORKED = """
import asyncio, os, sys
from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner

runner = DurableRunner(CNS([]), CNSPersistOptionsRegistry(), sys.argv[1])

async def open_and_tell():
    async with runner:
        print(runner.worker_id, os.getpid(), flush=True)

for _ in range(2):
    if os.fork() == 0:
        asyncio.run(open_and_tell())
        os._exit(0)
assert [os.wait()[1] for _ in range(2)] == [0, 0]
"""


def test_processes_forked_after_the_runner_was_made_are_workers_of_their_own(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FORKED, f"sqlite:///{tmp_path}/runs.db"]

    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.splitlines()

    names, pids = zip(*map(str.split, told), strict=True)
    assert len(set(names)) == 2
    assert all(f"-{pid}-" in name for name, pid in zip(names, pids, strict=True))


async def test_a_runner_that_is_not_open_yet_has_nothing_under_way() -> None:
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, "memory://")

    await runner.wait_until_idle()

    assert runner.active_runs == []
