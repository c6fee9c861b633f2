"""How attempts end."""

from __future__ import annotations

import asyncio

from cnstra.persist.delta import Ended
from cnstra.persist.ports import Store
from cnstra.testing.building import (
    BOOM,
    COMPLETED,
    admitted,
    after,
    empty_delta,
    failure,
    frontier,
    hop,
    task,
)

__all__ = ["AttemptContract"]


async def a_moment() -> None:
    """Wait for so long that the clock shows another time, however coarse it is."""
    await asyncio.sleep(0.01)


class AttemptContract:
    """How attempts end."""

    async def test_a_run_that_completes_is_over(self, store: Store) -> None:
        state = await admitted(store)

        await store.commit([hop(state, ended=COMPLETED)])

        run = await store.get("", "run")
        assert run is not None
        assert (run.status, run.owner, run.outstanding, run.error) == ("completed", None, 0, None)
        assert run.ended_at is not None
        [attempt] = await store.attempts("", "run")
        assert (attempt.status, attempt.worker_id, attempt.hop_count) == ("completed", "worker", 1)
        assert attempt.ended_at == run.ended_at

    async def test_a_failed_run_tells_why(self, store: Store) -> None:
        state = await admitted(store)

        await store.commit([failure(state)])

        run = await store.get("", "run")
        assert run is not None
        assert (run.status, run.error, run.outstanding) == ("failed", BOOM, 1)
        [attempt] = await store.attempts("", "run")
        assert (attempt.status, attempt.error) == ("failed", BOOM)
        assert await frontier(store, "run") == [task(0)._replace(failure=BOOM)]

    async def test_a_run_that_is_given_back_waits(self, store: Store) -> None:
        state = await admitted(store)

        await store.commit([empty_delta(state, ended=Ended("pending", "interrupted"))])

        run = await store.get("", "run")
        assert run is not None
        assert (run.status, run.owner, run.ended_at) == ("pending", None, None)
        [attempt] = await store.attempts("", "run")
        assert attempt.status == "interrupted"

    async def test_a_repeated_last_commit_succeeds(self, store: Store) -> None:
        state = await admitted(store)
        delta = hop(state, ended=COMPLETED)

        assert await store.commit([delta]) == [True]
        assert await store.commit([delta]) == [True]

    async def test_attempts_count_their_own_hops(self, store: Store) -> None:
        state = await admitted(store)
        await store.commit([hop(state)])
        [taken] = await store.claim("", "other", dead=["worker"], limit=1)
        first = hop(taken)
        await store.commit([first])
        await store.commit([hop(after(taken, first))])

        assert [attempt.hop_count for attempt in await store.attempts("", "run")] == [1, 2]

    async def test_what_happens_is_dated_by_the_store(self, store: Store) -> None:
        first = await admitted(store)
        await a_moment()
        await store.commit([hop(first)])
        committed = await store.get("", "run")
        await a_moment()
        [taken] = await store.claim("", "other", dead=["worker"], limit=1)
        await a_moment()
        await store.commit([hop(taken, ended=COMPLETED)])
        ended = await store.get("", "run")

        assert committed is not None
        assert ended is not None
        assert first.run.created_at == committed.created_at == ended.created_at
        assert first.run.updated_at < committed.updated_at < taken.run.updated_at < ended.updated_at
        lost, done = await store.attempts("", "run")
        assert (committed.ended_at, taken.run.ended_at, done.ended_at) == (None, None, ended.ended_at)
        times = [first.run.created_at, lost.started_at, committed.updated_at, lost.ended_at, done.started_at]
        times += [taken.run.updated_at, done.ended_at, ended.updated_at]
        assert times == sorted(time or 0.0 for time in times)

    async def test_a_task_that_is_added_as_failed_is_failed(self, store: Store) -> None:
        state = await admitted(store)
        delta = hop(state)
        delta.tasks[1] = task(1, of=1)._replace(failure=BOOM)

        await store.commit([delta])

        assert await frontier(store, "run") == [task(1, of=1)._replace(failure=BOOM)]
