"""Runs that kill their workers."""

from __future__ import annotations

from cnstra.persist.delta import Ended
from cnstra.persist.ports import Store
from cnstra.testing.building import admitted, after, empty_delta, enqueued, hop, lost

__all__ = ["PoisonContract"]


class PoisonContract:
    """Runs that kill their workers."""

    async def test_a_run_that_is_lost_again_and_again_is_parked(self, store: Store) -> None:
        await admitted(store)
        [zombie] = await lost(store, times=2, max_recoveries=2)

        assert await lost(store, times=1, max_recoveries=2) == []

        run = await store.get("", "run")
        assert run is not None
        assert (run.status, run.owner, run.recoveries, run.outstanding) == ("failed", None, 3, 1)
        assert run.error is not None
        assert (run.error.type_name, "2 times" in run.error.message) == ("PoisonRun", True)
        assert run.ended_at is not None
        assert [attempt.status for attempt in await store.attempts("", "run")] == ["lost"] * 3
        assert await store.commit([hop(zombie)]) == [False]

    async def test_a_parked_run_is_over(self, store: Store) -> None:
        await admitted(store)
        await lost(store, times=3, max_recoveries=1)

        assert await lost(store, times=1) == []
        assert not await store.settle("", "run", "aborted", dead=())
        assert await store.purge("", statuses=["failed"], older_than=-1) == 1

    async def test_without_a_limit_it_is_recovered_for_ever(self, store: Store) -> None:
        await admitted(store)

        [state] = await lost(store, times=12)

        assert (state.run.attempt_number, state.run.recoveries) == (13, 12)

    async def test_a_committed_hop_begins_the_count_anew(self, store: Store) -> None:
        state = await admitted(store)

        for n in range(1, 6):
            await store.commit([hop(state)])
            [state] = await lost(store, times=1, max_recoveries=1)
            assert (state.run.hop_count, state.run.recoveries) == (n, n)

    async def test_a_hop_in_an_attempt_that_was_given_back_begins_the_count_anew(self, store: Store) -> None:
        await admitted(store)
        [state] = await lost(store, times=2, max_recoveries=2)
        delta = hop(state)
        await store.commit([delta, empty_delta(after(state, delta), ended=Ended("pending", "interrupted"))])

        assert len(await lost(store, times=3, max_recoveries=2)) == 1
        assert await lost(store, times=1, max_recoveries=2) == []

    async def test_a_commit_without_a_hop_leaves_the_count(self, store: Store) -> None:
        await admitted(store)
        [state] = await lost(store, times=2, max_recoveries=2)

        assert await store.commit([empty_delta(state)]) == [True]

        assert await lost(store, times=1, max_recoveries=2) == []

    async def test_a_retry_of_a_parked_run_begins_the_count_anew(self, store: Store) -> None:
        await admitted(store)
        await lost(store, times=3, max_recoveries=2)

        taken = await store.take("", "run", "worker", statuses=["failed"], dead=())

        assert taken is not None
        assert (taken.run.error, taken.run.attempt_number) == (None, 4)
        assert len(await lost(store, times=2, max_recoveries=2)) == 1
        assert await lost(store, times=1, max_recoveries=2) == []

    async def test_taking_a_lost_run_begins_the_count_anew(self, store: Store) -> None:
        await admitted(store)
        await lost(store, times=2, max_recoveries=2)

        assert await store.take("", "run", "worker", statuses=["running"], dead=["worker"])

        assert len(await lost(store, times=2, max_recoveries=2)) == 1

    async def test_what_is_put_back_stays_counted(self, store: Store) -> None:
        await admitted(store)
        [state] = await lost(store, times=2, max_recoveries=2)
        await store.put_back(state.key, state.run.fence)

        assert len(await lost(store, times=1, max_recoveries=2)) == 1
        assert await lost(store, times=1, max_recoveries=2) == []

    async def test_a_parked_run_does_not_count_towards_the_limit(self, store: Store) -> None:
        await admitted(store)
        await enqueued(store, "healthy")

        [state] = await store.claim("", "other", dead=["worker"], limit=1, max_recoveries=0)

        assert state.run.stimulation_id == "healthy"
