import asyncio
import logging
from collections.abc import Collection
from typing import Any

import pytest

from cnstra import DurableRunner, StimulationFailed, StoreError
from cnstra.durable.recovery import Unfit
from cnstra.persist.ports import Store
from cnstra.persist.records import RunState
from cnstra.stores import MemoryStore
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Context, Graph, Item, line, pass_on
from tests.durable.waiting import until, until_run


class Claims(StoreWrapper):
    """Notes how many runs were asked for and taken in each claim."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.limits: list[int] = []
        self.taken: list[str] = []

    async def claim(self, scope: str, worker_id: str, *, limit: int, **how: Any) -> list[RunState]:
        self.limits.append(limit)
        states = await super().claim(scope, worker_id, limit=limit, **how)
        self.taken += [state.run.stimulation_id for state in states]
        return states


class Turnstile:
    """A body that lets through as many as it was told to, and knows how many wait."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(0)
        self.waiting = 0
        self.most = 0

    def let(self, count: int) -> None:
        for _ in range(count):
            self._free.release()

    def body(self) -> Any:
        async def wait(item: Item, ctx: Context) -> None:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            try:
                await self._free.acquire()
            finally:
                self.waiting -= 1

        return wait


async def enqueued(graph: Graph, store: Store, count: int, **options: Any) -> None:
    """Store runs ``0``, ``1``, ... for somebody to pick up."""
    async with DurableRunner(graph.cns, graph.registry, store, max_active_runs=0) as producer:
        for n in range(count):
            await producer.enqueue(graph.signal(n), stimulation_id=str(n), **options)


# ---- how many --------------------------------------------------------------------------------------------------


async def test_never_more_runs_are_under_way_than_there_is_room_for(stores: Reopen) -> None:
    turnstile = Turnstile()
    graph = line(turnstile.body())
    await enqueued(graph, stores(), 12)

    async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=5) as runner:
        await until(lambda: turnstile.waiting == 5)
        waiting = len(await runner.list(status="pending"))
        for _ in range(12):
            turnstile.let(1)
            await asyncio.sleep(0)
        await asyncio.gather(*(runner.wait(str(n)) for n in range(12)))

    assert waiting == 7
    assert turnstile.most == 5


async def test_the_end_of_a_run_makes_room_for_the_next_one_at_once(stores: Reopen) -> None:
    turnstile = Turnstile()
    graph = line(turnstile.body())
    await enqueued(graph, stores(), 4)
    turnstile.let(4)

    async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=1, poll=60.0, lease=300.0) as runner:
        await asyncio.gather(*(runner.wait(str(n)) for n in range(4)))

    assert graph.ran == ["n0:0", "n0:1", "n0:2", "n0:3"]
    assert turnstile.most == 1


async def test_a_worker_that_takes_no_runs_claims_nothing(stores: Reopen) -> None:
    graph = line(pass_on)
    store = Claims(stores())
    await enqueued(graph, stores(), 1)

    async with DurableRunner(graph.cns, graph.registry, store, max_active_runs=0, poll=0.01) as observer:
        run = await observer.enqueue(graph.signal(7), stimulation_id="late")
        await asyncio.sleep(0.05)
        waiting = [info.stimulation_id for info in await observer.list(status="pending")]
        async with DurableRunner(graph.cns, graph.registry, stores()):
            await run

    assert waiting == ["late", "0"]
    assert store.limits == []


async def test_runs_are_claimed_in_batches_that_shrink_with_the_number_of_workers(stores: Reopen) -> None:
    graph = line(pass_on)
    alone, one_of_four = Claims(stores()), Claims(stores())

    async with (
        DurableRunner(graph.cns, graph.registry, alone),
        DurableRunner(graph.cns, graph.registry, stores()),
        DurableRunner(graph.cns, graph.registry, stores()),
        DurableRunner(graph.cns, graph.registry, one_of_four),
    ):
        pass

    assert alone.limits[0] == 64
    assert one_of_four.limits[0] == 16


async def test_two_workers_share_what_waits(stores: Reopen) -> None:
    turnstile = Turnstile()
    graph = line(turnstile.body())
    await enqueued(graph, stores(), 200)
    first, second = Claims(stores()), Claims(stores())

    async with (
        DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0),
        DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0),
    ):
        opening = [DurableRunner(graph.cns, graph.registry, store) for store in (first, second)]
        await asyncio.gather(*(runner.open() for runner in opening))
        await until(lambda: turnstile.waiting == 200)
        turnstile.let(200)
        await asyncio.gather(*(runner.wait_until_idle() for runner in opening))
        await asyncio.gather(*(runner.close() for runner in opening))

    assert len(first.taken) + len(second.taken) == 200
    assert min(len(first.taken), len(second.taken)) >= 32


async def test_the_highest_priority_is_claimed_first_and_then_the_oldest(stores: Reopen) -> None:
    graph = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as producer:
        for n, priority in enumerate([0, 5, 0, 5, -1]):
            await producer.enqueue(graph.signal(n), priority=priority)

    async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=1) as runner:
        await until(lambda: len(graph.ran) == 5)
        await runner.wait_until_idle()

    assert graph.ran == ["n0:1", "n0:3", "n0:0", "n0:2", "n0:4"]


# ---- its own runs ----------------------------------------------------------------------------------------------


class Crashed(StoreWrapper):
    """Keeps the worker's row and its runs when the runner closes, as a crash does."""

    async def remove_worker(self, worker_id: str) -> None:
        pass

    async def commit(self, deltas: Any) -> list[bool]:
        return [True] * len(deltas)


async def test_a_worker_that_comes_back_under_its_name_leaves_to_others_what_it_has_no_room_for(stores: Reopen) -> None:
    turnstile = Turnstile()
    graph = line(turnstile.body())
    async with DurableRunner(graph.cns, graph.registry, Crashed(stores()), worker_id="pod-1", grace=0.01) as runner:
        await asyncio.gather(*(runner.stimulate(graph.signal(n), stimulation_id=str(n)) for n in range(6)))
        await until(lambda: turnstile.waiting == 6)
    turnstile.most = 0

    async with DurableRunner(
        graph.cns, graph.registry, stores(), worker_id="pod-1", max_active_runs=2, poll=0.02
    ) as again:
        assert len(again.active_runs) == 2
        async with DurableRunner(graph.cns, graph.registry, stores(), poll=0.02) as other:
            await until(lambda: len(other.active_runs) == 4)
            turnstile.let(6)
            await asyncio.gather(*(again.wait(str(n)) for n in range(6)))

    assert turnstile.most == 6


# ---- poison ----------------------------------------------------------------------------------------------------


async def test_a_run_that_kills_its_worker_again_and_again_is_parked_and_can_be_retried(stores: Reopen) -> None:
    deadly = True

    async def kill(item: Item, ctx: Context) -> None:
        if deadly:
            await asyncio.Event().wait()

    graph = line(kill)
    first = DurableRunner(graph.cns, graph.registry, Crashed(stores()), worker_id="w0", grace=0.01, max_recoveries=2)
    async with first:
        await first.stimulate(graph.signal(1), stimulation_id="a")
    seen = [await self_destruct(graph, stores(), f"w{number}") for number in (1, 2, 3)]
    deadly = False
    async with DurableRunner(graph.cns, graph.registry, stores(), max_recoveries=2) as runner:
        with pytest.raises(StimulationFailed, match="died each time"):
            await runner.wait("a")
        parked = await runner.get("a")
        await (await runner.retry("a"))
        healed = await runner.get("a")

    assert seen == ["running", "running", "failed"]
    assert parked is not None
    assert parked.error is not None
    assert (parked.error.type_name, parked.recoveries) == ("PoisonRun", 3)
    assert healed is not None
    assert healed.status == "completed"


async def self_destruct(graph: Graph, store: Store, worker_id: str) -> str:
    """Let a worker recover run ``a``, and die; return the status that the run had then."""
    store = Burying(Crashed(store))
    options: dict[str, Any] = {"worker_id": worker_id, "grace": 0.01, "max_recoveries": 2}
    async with DurableRunner(graph.cns, graph.registry, store, **options) as runner:
        info = await runner.get("a")
    assert info is not None
    return info.status


class Burying(StoreWrapper):
    """Says that every other worker is long dead."""

    async def claim(self, scope: str, worker_id: str, *, dead: Collection[str], **how: Any) -> list[RunState]:
        everybody = {worker.worker_id for worker in await self.inner.workers()} - {worker_id}
        return await super().claim(scope, worker_id, dead=everybody, **how)


# ---- code that does not fit --------------------------------------------------------------------------------------


async def test_a_run_for_other_code_is_claimed_once_and_named_once(
    stores: Reopen, caplog: pytest.LogCaptureFixture
) -> None:
    newer, older = line(pass_on, pass_on), line(pass_on)
    async with DurableRunner(newer.cns, newer.registry, stores(), max_active_runs=0) as producer:
        await producer.enqueue(newer.collaterals[1].create_signal(Item(1)), stimulation_id="new")
        await producer.enqueue(newer.signal(2), stimulation_id="both")
    store = Claims(stores())

    async with DurableRunner(older.cns, older.registry, store, poll=0.01) as old:
        await old.wait("both")
        await until(lambda: len(store.limits) > 5)
        info = await old.get("new")

    assert store.taken == ["new", "both"]
    assert info is not None
    assert (info.status, info.attempt_number) == ("pending", 0)
    assert len([record for record in caplog.records if "needs other code" in record.message]) == 1


class Clumsy(StoreWrapper):
    """Cannot put a run back the first time."""

    failed = False

    async def put_back(self, key: int, fence: int) -> bool:
        if not self.failed:
            self.failed = True
            raise StoreError("no connection")
        return await super().put_back(key, fence)


async def test_a_run_that_could_not_be_put_back_is_free_all_the_same_after_a_while(
    stores: Reopen, caplog: pytest.LogCaptureFixture
) -> None:
    newer, older = line(pass_on, pass_on), line(pass_on)
    async with DurableRunner(older.cns, older.registry, Clumsy(stores()), poll=0.02) as old:
        async with DurableRunner(newer.cns, newer.registry, stores(), max_active_runs=0) as producer:
            await producer.enqueue(newer.collaterals[1].create_signal(Item(1)), stimulation_id="a")
        await until_run(old, lambda run: run.fence > 1 and run.status == "pending")
        async with DurableRunner(newer.cns, newer.registry, stores()) as new:
            await new.wait("a")

    assert newer.ran == ["n1:1"]
    assert caplog.records[-1].levelno >= logging.INFO


def test_of_very_many_unfit_runs_the_latest_are_remembered() -> None:
    unfit = Unfit(most=3)

    for key in (1, 2, 2, 3, 4):
        unfit.add(key)

    assert list(unfit.keys()) == [2, 3, 4]


async def test_very_many_unfit_runs_do_not_keep_a_worker_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnstra.durable.recovery._MAX_UNFIT", 100)
    store = MemoryStore()
    newer, older = line(pass_on, pass_on), line(pass_on)
    async with DurableRunner(newer.cns, newer.registry, store, max_active_runs=0) as producer:
        for n in range(90):
            await producer.enqueue(newer.collaterals[1].create_signal(Item(n)))
        await producer.enqueue(newer.signal(1), stimulation_id="mine")

    async with DurableRunner(older.cns, older.registry, store) as old:
        await old.wait("mine")
        stats = await old.stats()

    assert (stats.runs["pending"], stats.runs["completed"]) == (90, 1)
