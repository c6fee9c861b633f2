"""Taking one run, and ending one from outside."""

from __future__ import annotations

from cnstra.persist.ports import Store
from cnstra.testing.building import (
    BOOM,
    COMPLETED,
    admitted,
    failure,
    hop,
    run_to_its_end,
    task,
)

__all__ = ["TakeContract"]


class TakeContract:
    """Taking one run, and ending one from outside."""

    async def test_a_retry_makes_failed_tasks_outstanding_again(self, store: Store) -> None:
        state = await admitted(store)
        await store.commit([failure(state)])

        taken = await store.take("", "run", "other", statuses=["failed"], dead=())

        assert taken is not None
        assert taken.tasks == (task(0),)
        assert (taken.run.status, taken.run.ended_at, taken.run.error) == ("running", None, None)
        assert (taken.run.attempt_number, taken.run.recoveries) == (2, 0)
        assert await store.commit([hop(taken, ended=COMPLETED)]) == [True]

    async def test_a_claim_leaves_failed_tasks_failed(self, store: Store) -> None:
        state = await admitted(store)
        delta = failure(state)
        delta.ended = None
        await store.commit([delta])

        [taken] = await store.claim("", "other", dead=["worker"], limit=1)

        assert taken.tasks == (task(0)._replace(failure=BOOM),)

    async def test_a_run_in_another_status_is_not_taken(self, store: Store) -> None:
        await run_to_its_end(store, "run")

        assert await store.take("", "run", "other", statuses=["failed", "aborted"], dead=()) is None
        run = await store.get("", "run")
        assert run is not None
        assert run.status == "completed"

    async def test_a_run_can_be_settled_from_outside(self, store: Store) -> None:
        state = await admitted(store)

        assert await store.settle("", "run", "aborted", dead=["worker"])

        run = await store.get("", "run")
        assert run is not None
        assert (run.status, run.owner, run.outstanding) == ("aborted", None, 1)
        assert run.ended_at is not None
        assert [attempt.status for attempt in await store.attempts("", "run")] == ["lost"]
        assert await store.commit([hop(state)]) == [False]
        assert not await store.settle("", "run", "failed", dead=())

    async def test_a_waiting_run_can_be_settled(self, store: Store) -> None:
        await admitted(store, worker_id=None)

        assert await store.settle("", "run", "aborted", dead=())
        assert await store.attempts("", "run") == []

    async def test_a_look_at_a_run_shows_what_taking_it_would_give_and_takes_nothing(self, store: Store) -> None:
        state = await admitted(store)
        await store.commit([failure(state)])

        seen = await store.peek("", "run")
        taken = await store.take("", "run", "other", statuses=["failed"], dead=())

        assert seen is not None
        assert taken is not None
        assert (seen.run.status, seen.run.attempt_number, seen.run.fence) == ("failed", 1, 1)
        assert seen.tasks == (task(0)._replace(failure=BOOM),)
        assert (seen.key, seen.sequence, seen.signals) == (taken.key, taken.sequence, taken.signals)
        assert (seen.next_task, seen.next_signal, seen.contexts) == (taken.next_task, taken.next_signal, taken.contexts)

    async def test_a_look_at_an_unknown_run_shows_nothing(self, store: Store) -> None:
        assert await store.peek("", "nobody") is None
