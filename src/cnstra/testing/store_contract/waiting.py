"""In which order runs wait, and until when."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from cnstra.persist.delta import Ended
from cnstra.persist.ports import Store
from cnstra.persist.records import RunState
from cnstra.testing.building import admitted, clock_of, empty_delta, enqueued, new_run, worker

__all__ = ["WaitingContract"]

HOUR = 3600.0


class WaitingContract:
    """In which order runs wait, and until when."""

    async def test_the_highest_priority_is_claimed_first_and_then_the_oldest(self, store: Store) -> None:
        await store.add_worker(worker(), lease=60)
        for n, priority in enumerate([0, 5, -3, 5, 0]):
            await enqueued(store, f"run-{n}", priority=priority)

        claimed = [await store.claim("", "worker", dead=(), limit=limit) for limit in (3, 9)]

        order = [state.run.stimulation_id for states in claimed for state in states]
        assert order == ["run-1", "run-3", "run-0", "run-4", "run-2"]

    async def test_lost_runs_wait_in_the_same_order(self, store: Store) -> None:
        await admitted(store, replace(new_run("lost"), priority=1))
        await enqueued(store, "urgent", priority=2)
        await admitted(store, new_run("lost too"))
        await enqueued(store, "waiting")

        claimed = await store.claim("", "other", dead=["worker"], limit=9)

        order = [(state.run.stimulation_id, state.run.priority) for state in claimed]
        assert order == [("urgent", 2), ("lost", 1), ("lost too", 0), ("waiting", 0)]

    async def test_a_run_that_is_not_due_is_not_claimed(self, store: Store) -> None:
        now = await clock_of(store)
        state = await enqueued(store, "later", due_at=now + HOUR)
        await enqueued(store, "due", due_at=now - HOUR)
        await enqueued(store, "now")

        claimed = await store.claim("", "worker", dead=(), limit=9)

        assert [state.run.stimulation_id for state in claimed] == ["due", "now"]
        assert await store.get("", "later") == state.run
        assert (state.run.status, state.run.due_at) == ("pending", now + HOUR)

    async def test_priority_counts_for_runs_that_have_become_due(self, store: Store) -> None:
        now = await clock_of(store)
        await enqueued(store, "plain")
        for n in range(4):
            await enqueued(store, f"due-{n}", priority=n % 2, due_at=now - n)

        claimed = await store.claim("", "worker", dead=(), limit=9)

        order = [state.run.stimulation_id for state in claimed]
        assert order == ["due-1", "due-3", "plain", "due-0", "due-2"]

    async def test_a_run_is_claimed_once_it_is_due(self, store: Store) -> None:
        await enqueued(store, "soon", due_at=await clock_of(store) + 0.3)
        assert await store.claim("", "worker", dead=(), limit=9) == []

        states: list[RunState] = []
        while not states:
            await asyncio.sleep(await store.next_due("") or 0.0)
            states = await store.claim("", "worker", dead=(), limit=9)

        assert await store.next_due("") is None

    async def test_the_next_due_time_is_told(self, store: Store) -> None:
        now = await clock_of(store)
        assert await store.next_due("") is None
        for n in (3, 2, 4):
            await enqueued(store, f"run-{n}", due_at=now + n * HOUR)
        await enqueued(store, "now")

        seconds = await store.next_due("")

        assert seconds is not None
        assert HOUR < seconds <= 2 * HOUR
        assert await store.next_due("other") is None

    async def test_a_run_that_is_taken_does_not_wait_any_more(self, store: Store) -> None:
        await enqueued(store, "later", due_at=await clock_of(store) + HOUR)

        taken = await store.take("", "later", "worker", statuses=["pending"], dead=())

        assert taken is not None
        assert await store.next_due("") is None
        assert len(await store.claim("", "other", dead=["worker"], limit=9)) == 1

    async def test_a_run_that_is_given_back_before_its_time_waits_again(self, store: Store) -> None:
        now = await clock_of(store)
        for run_id in ("given back", "put back", "settled"):
            await enqueued(store, run_id, due_at=now + HOUR)
            taken = await store.take("", run_id, "worker", statuses=["pending"], dead=())
            assert taken is not None
            if run_id == "given back":
                await store.commit([empty_delta(taken, ended=Ended("pending", "interrupted"))])
            elif run_id == "put back":
                await store.put_back(taken.key, taken.run.fence)
            else:
                await store.settle("", run_id, "pending", dead=["worker"])

        assert await store.claim("", "other", dead=["worker"], limit=9) == []
        assert await store.next_due("") is not None

    async def test_a_run_that_waits_can_be_ended_and_deleted(self, store: Store) -> None:
        now = await clock_of(store)
        await enqueued(store, "ended", due_at=now + HOUR)
        await enqueued(store, "deleted", due_at=now + HOUR)

        assert await store.settle("", "ended", "aborted", dead=())
        assert await store.delete("", "deleted", dead=())

        assert await store.next_due("") is None
        assert await store.claim("", "worker", dead=(), limit=9) == []
