"""Requests that take longer than whoever has asked, or its lease."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from cnstra import DurableRunner, StoreError
from cnstra.errors import Fenced
from cnstra.persist.ports import Store
from cnstra.persist.records import NewRun, Page, RunState
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Context, Item, line, pass_on
from tests.durable.waiting import until


class Tardy(StoreWrapper):
    """Gives one claim up, and carries it out only when that is asked for; until then there is nothing to claim."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.given_up: Callable[[], Awaitable[list[RunState]]] | None = None
        self.is_tardy = False
        self.looks = 0

    async def claim(self, scope: str, worker_id: str, **how: Any) -> list[RunState]:
        if not self.is_tardy:
            return await super().claim(scope, worker_id, **how)
        if self.given_up is None:
            self.given_up = partial(super().claim, scope, worker_id, **how)
            raise StoreError("nobody has answered in time")
        return []

    async def list(self, scope: str, **how: Any) -> Page:
        self.looks += 1
        return await super().list(scope, **how)


class Slow(StoreWrapper):
    """Answers an admission only when that is asked for."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.admitted = asyncio.Event()
        self.answers = asyncio.Event()

    async def admit(self, run: NewRun, worker_id: str | None) -> RunState | None:
        state = await super().admit(run, worker_id)
        self.admitted.set()
        await self.answers.wait()
        return state


async def test_a_claim_that_comes_through_long_after_it_was_given_up_is_undone(stores: Reopen) -> None:
    graph = line(pass_on)
    store = Tardy(stores())
    async with DurableRunner(graph.cns, graph.registry, store, lease=0.15) as runner:
        store.is_tardy = True
        await runner.enqueue(graph.signal(1), stimulation_id="a")
        await until(lambda: store.looks >= 3)
        assert store.given_up is not None
        await store.given_up()
        store.is_tardy = False
        await runner.wait("a")

    assert graph.ran == ["n0:1"]


async def test_what_was_admitted_under_a_lost_lease_is_not_started_under_the_next_one(stores: Reopen) -> None:
    graph = line(pass_on)
    store = Slow(stores())
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        starting = asyncio.ensure_future(runner.stimulate(graph.signal(1), stimulation_id="a"))
        await store.admitted.wait()
        presence = runner._worker.presence
        presence._pulse._lose(StoreError("no heartbeat was answered"))  # type: ignore[union-attr]
        await until(lambda: presence.losses == 1 and presence.problem is None)
        store.answers.set()

        with pytest.raises(StoreError, match="lost its lease before"):
            await starting
        assert graph.ran == []


async def test_an_abort_follows_a_run_that_this_worker_loses_meanwhile(stores: Reopen) -> None:
    opened = asyncio.Event()

    async def wait(item: Item, ctx: Context) -> Item:
        await opened.wait()
        return item

    graph = line(wait, pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        aborting = asyncio.ensure_future(runner.abort("a"))
        await runner.store.settle("", "a", "pending", dead={runner.worker_id})
        opened.set()
        await aborting
        info = await runner.get("a")
        with pytest.raises(Fenced):
            await run

    assert info is not None
    assert info.status == "aborted"
