"""Workers, and the store as a whole."""

from __future__ import annotations

import asyncio

from cnstra.persist.delta import Ended
from cnstra.persist.ports import Store
from cnstra.persist.records import ErrorRecord
from cnstra.testing.building import (
    admitted,
    empty_delta,
    worker,
)

__all__ = ["WorkerContract"]


class WorkerContract:
    """Workers, and the store as a whole."""

    async def test_a_worker_is_listed_until_it_is_removed(self, store: Store) -> None:
        await store.add_worker(worker(), lease=60)

        [row] = await store.workers()

        assert (row.worker_id, row.host, row.pid, row.started_at, row.expired) == ("worker", "host", 42, 7.0, False)
        await store.remove_worker("worker")
        await store.remove_worker("worker")
        assert await store.workers() == []

    async def test_a_beat_renews_the_lease(self, store: Store) -> None:
        await store.add_worker(worker(), lease=-1)
        assert [row.expired for row in await store.workers()] == [True]

        assert await asyncio.to_thread(store.beat, "worker", 60)

        [row] = await store.workers()
        assert not row.expired

    async def test_a_beat_without_a_row_says_so(self, store: Store) -> None:
        assert not await asyncio.to_thread(store.beat, "nobody", 60)

    async def test_a_worker_that_starts_again_replaces_its_row(self, store: Store) -> None:
        await store.add_worker(worker(), lease=-1)
        await store.add_worker(worker(), lease=60)

        assert [row.expired for row in await store.workers()] == [False]

    async def test_a_store_may_be_closed_twice(self, store: Store) -> None:
        await store.close()
        await store.close()

    async def test_a_store_may_be_opened_again(self, store: Store) -> None:
        await admitted(store)

        await store.close()
        await store.open()
        await store.open()

        assert await store.get("", "run") is not None
        await store.close()

    async def test_its_label_is_for_a_sentence(self, store: Store) -> None:
        assert store.label.startswith("the ")

    async def test_an_error_of_any_text_comes_back(self, store: Store) -> None:
        state = await admitted(store)
        strange = ErrorRecord("Odd", "\x00\ud800\U0001f4a5\n'\"", "")

        await store.commit([empty_delta(state, ended=Ended("failed", "failed", strange))])

        run = await store.get("", "run")
        assert run is not None
        assert run.error == strange
