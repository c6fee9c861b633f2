"""Waiting until there is something to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from cnstra.persist.delta import Ended
from cnstra.persist.ports import Store
from cnstra.testing.building import admitted, empty_delta, enqueued, new_run, worker

__all__ = ["ChangeContract"]

Event: TypeAlias = Callable[[Store, str], Awaitable[object]]


async def give_back(store: Store, run_id: str) -> None:
    state = await admitted(store, new_run(run_id))
    await store.commit([empty_delta(state, ended=Ended("pending", "interrupted"))])


async def put_back(store: Store, run_id: str) -> None:
    state = await admitted(store, new_run(run_id))
    await store.put_back(state.key, state.run.fence)


async def settle(store: Store, run_id: str) -> None:
    await admitted(store, new_run(run_id))
    await store.settle("", run_id, "pending", dead=["worker"])


async def request_abort(store: Store, run_id: str) -> None:
    await admitted(store, new_run(run_id))
    await store.request_abort("", run_id, "too slow")


async def stop_its_worker(store: Store, run_id: str) -> None:
    await store.add_worker(worker(run_id), lease=60)
    await admitted(store, new_run(run_id), worker_id=run_id)
    await store.remove_worker(run_id)


EVENTS = [enqueued, give_back, put_back, settle, request_abort, stop_its_worker]


class ChangeContract:
    """Waiting until there is something to do."""

    async def test_where_nothing_happens_the_wait_ends_in_time(self, store: Store) -> None:
        # It may return early now and then; it must not do so for ever.
        assert not all([await store.changed("", 0.05) for _ in range(20)])

    @pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
    async def test_all_who_wait_are_woken(self, store: Store, event: Event) -> None:
        while await store.changed("", 0.05):
            pass
        waiting = [asyncio.ensure_future(store.changed("", 60)) for _ in range(2)]

        events = 0
        while not all(one.done() for one in waiting):  # more than once, since what came before the wait may be missed
            events += 1
            await event(store, f"run-{events}")
            await asyncio.wait(waiting, timeout=0.2)

        assert await asyncio.gather(*waiting) == [True, True]

    async def test_who_stops_waiting_does_no_harm(self, store: Store) -> None:
        while await store.changed("", 0.05):
            pass
        waiting = asyncio.ensure_future(store.changed("", 60))
        await asyncio.sleep(0.05)

        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        await enqueued(store, "run")
        assert len(await store.claim("", "worker", dead=(), limit=9)) == 1
