import asyncio
from collections.abc import Collection, Sequence
from typing import Any

import pytest

from cnstra import DurableRunner, StoreError
from cnstra.persist.delta import Delta
from cnstra.persist.ports import Store
from cnstra.persist.records import NewRun, Page, RunState, RunStatus
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Context, Item, line, pass_on
from tests.durable.waiting import until


class Unreliable(StoreWrapper):
    """Does what it is asked for, and loses the answers."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.loses: set[str] = set()
        self.delays: set[str] = set()

    def _answer(self, operation: str) -> None:
        if operation in self.loses:
            raise StoreError("the connection was lost")

    async def admit(self, run: NewRun, worker_id: str | None) -> RunState | None:
        state = await super().admit(run, worker_id)
        if "admit" in self.delays:
            await asyncio.Event().wait()
        self._answer("admit")
        return state

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        self._answer("commit")
        return await super().commit(deltas)

    async def claim(self, scope: str, worker_id: str, *, dead: Collection[str], **how: Any) -> list[RunState]:
        states = await super().claim(scope, worker_id, dead=dead, **how)
        if states:
            self._answer("claim")
        return states

    async def take(
        self, scope: str, stimulation_id: str, worker_id: str, *, statuses: Collection[RunStatus], dead: Collection[str]
    ) -> RunState | None:
        state = await super().take(scope, stimulation_id, worker_id, statuses=statuses, dead=dead)
        self._answer("take")
        return state


async def test_a_run_whose_admission_was_answered_by_an_error_is_run_all_the_same(stores: Reopen) -> None:
    graph = line(pass_on)
    store = Unreliable(stores())
    async with DurableRunner(graph.cns, graph.registry, store, lease=0.15) as runner:
        store.loses = {"admit"}
        with pytest.raises(StoreError):
            await runner.stimulate(graph.signal(1), stimulation_id="a")
        store.loses = set()
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))

    assert graph.ran == ["n0:1"]


async def test_a_run_whose_admission_was_cancelled_is_run_all_the_same(stores: Reopen) -> None:
    graph = line(pass_on)
    store = Unreliable(stores())
    async with DurableRunner(graph.cns, graph.registry, store, lease=0.15) as runner:
        store.delays = {"admit"}
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await runner.stimulate(graph.signal(1), stimulation_id="a")
        store.delays = set()
        await runner.wait("a")

    assert graph.ran == ["n0:1"]


async def test_a_run_whose_commit_failed_for_good_is_resumed_when_the_store_is_back(
    stores: Reopen, impatient: None
) -> None:
    store = Unreliable(stores())

    def break_down(item: Item, ctx: Context) -> Item:
        if ctx.attempt_number == 1:
            store.loses = {"commit"}
        return item

    graph = line(pass_on, break_down, pass_on)
    async with DurableRunner(graph.cns, graph.registry, store, lease=0.15) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        with pytest.raises(StoreError):
            await run
        store.loses = set()
        await runner.wait("a")
        attempts = await runner.attempts("a")

    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1"]
    assert [attempt.status for attempt in attempts] == ["lost", "completed"]


async def test_runs_whose_claim_or_retry_was_answered_by_an_error_are_run_all_the_same(stores: Reopen) -> None:
    free = False

    async def hang(item: Item, ctx: Context) -> Item:
        if not free:
            await asyncio.Event().wait()
        return item

    graph = line(hang)
    async with DurableRunner(graph.cns, graph.registry, stores(), grace=0.01) as runner:
        await runner.stimulate(graph.signal(1), stimulation_id="claimed")
        await runner.stimulate(graph.signal(2), stimulation_id="retried")
        await until(lambda: len(graph.ran) == 2)
        aborting = asyncio.ensure_future(runner.abort("retried"))
        await asyncio.sleep(0)
    await aborting
    free = True
    store = Unreliable(stores())
    store.loses = {"claim"}
    with pytest.raises(StoreError):
        await DurableRunner(graph.cns, graph.registry, store).open()
    store = Unreliable(stores())
    async with DurableRunner(graph.cns, graph.registry, store, lease=0.15) as runner:
        await runner.wait("claimed")
        store.loses = {"take"}
        info = await runner.get("retried")
        assert info is not None
        if info.status == "aborted":
            with pytest.raises(StoreError):
                await runner.retry("retried")
        store.loses = set()
        await runner.wait("retried")
        completed = await runner.list(status="completed")

    assert len(completed) == 2


async def test_a_run_under_way_is_never_taken_for_an_orphan(stores: Reopen) -> None:
    release = asyncio.Event()

    async def wait(item: Item, ctx: Context) -> None:
        await release.wait()

    graph = line(wait)
    async with DurableRunner(graph.cns, graph.registry, stores(), lease=0.15) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        for _ in range(3):
            runner._worker._orphans.suspect()
            await runner._worker._orphans.give_back()
        release.set()
        await run
        info = await runner.get("a")

    assert info is not None
    assert (info.status, info.fence) == ("completed", 1)


async def test_orphans_are_found_on_every_page_of_a_long_list(stores: Reopen) -> None:
    graph = line(pass_on)
    store = Unreliable(stores())
    async with DurableRunner(graph.cns, graph.registry, store, lease=0.3) as runner:
        store.loses = {"admit"}
        starting = [runner.stimulate(graph.signal(n), stimulation_id=str(n)) for n in range(120)]
        outcomes = await asyncio.gather(*starting, return_exceptions=True)
        store.loses = set()
        await asyncio.gather(*(runner.wait(str(n)) for n in range(120)))

    assert {type(outcome) for outcome in outcomes} == {StoreError}
    assert len(graph.ran) == 120


class Listing(StoreWrapper):
    """Counts how often runs are listed."""

    listed = 0

    async def list(self, scope: str, **how: Any) -> Page:
        self.listed += 1
        return await super().list(scope, **how)


async def test_a_busy_worker_does_not_look_for_orphans_all_the_time(stores: Reopen) -> None:
    graph = line(pass_on)
    store = Listing(stores())
    async with DurableRunner(graph.cns, graph.registry, store, poll=60.0, lease=300.0) as runner:
        before = store.listed
        runner._worker._orphans.suspect()
        for _ in range(20):
            await runner._worker._orphans.give_back()

    assert store.listed == before + 1
