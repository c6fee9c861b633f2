"""Taking one run, and ending one from outside."""

from __future__ import annotations

from cnstra.persist.ports import Store
from cnstra.testing.building import (
    BOOM,
    COMPLETED,
    admitted,
    enqueued,
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

    async def test_a_run_is_settled_with_a_reason(self, store: Store) -> None:
        await admitted(store)

        await store.settle("", "run", "failed", dead=["worker"], error=BOOM)

        run = await store.get("", "run")
        assert run is not None
        assert (run.status, run.error, run.recoveries) == ("failed", BOOM, 1)
        [attempt] = await store.attempts("", "run")
        assert (attempt.status, attempt.error) == ("lost", None)

    async def test_the_reason_goes_when_the_run_is_taken(self, store: Store) -> None:
        await admitted(store)
        await store.settle("", "run", "failed", dead=["worker"], error=BOOM)

        taken = await store.take("", "run", "other", statuses=["failed"], dead=())

        assert taken is not None
        assert taken.run.error is None
        assert await store.get("", "run") == taken.run

    async def test_a_run_that_is_settled_as_pending_is_claimed_again(self, store: Store) -> None:
        zombie = await admitted(store)

        assert await store.settle("", "run", "pending", dead=["worker"], error=BOOM)

        run = await store.get("", "run")
        assert run is not None
        assert (run.status, run.owner, run.ended_at, run.error) == ("pending", None, None, BOOM)
        assert await store.commit([hop(zombie)]) == [False]
        [taken] = await store.claim("", "other", dead=(), limit=9)
        assert (taken.run.attempt_number, taken.run.recoveries, taken.run.error) == (2, 1, None)

    async def test_a_run_that_was_not_started_is_put_back(self, store: Store) -> None:
        await enqueued(store, "run")
        [state] = await store.claim("", "worker", dead=(), limit=1)

        assert await store.put_back(state.key, state.run.fence)

        run = await store.get("", "run")
        assert run is not None
        assert (run.status, run.owner, run.attempt_number, run.fence) == ("pending", None, 0, state.run.fence)
        assert await store.attempts("", "run") == []
        [again] = await store.claim("", "other", dead=(), limit=1)
        assert (again.run.attempt_number, again.run.recoveries) == (1, 0)

    async def test_a_recovery_that_is_put_back_still_counts(self, store: Store) -> None:
        await admitted(store)
        [state] = await store.claim("", "other", dead=["worker"], limit=1)

        assert await store.put_back(state.key, state.run.fence)

        run = await store.get("", "run")
        assert run is not None
        assert (run.status, run.attempt_number, run.recoveries) == ("pending", 1, 1)
        assert [attempt.status for attempt in await store.attempts("", "run")] == ["lost"]

    async def test_only_its_owner_puts_a_run_back(self, store: Store) -> None:
        zombie = await admitted(store)
        [state] = await store.claim("", "other", dead=["worker"], limit=1)

        assert not await store.put_back(zombie.key, zombie.run.fence)
        assert await store.get("", "run") == state.run
        assert await store.put_back(state.key, state.run.fence)
        assert not await store.put_back(state.key, state.run.fence)

    async def test_a_run_that_is_gone_cannot_be_put_back(self, store: Store) -> None:
        await enqueued(store, "run")
        [state] = await store.claim("", "worker", dead=(), limit=1)
        await store.delete("", "run", dead=["worker"])

        assert not await store.put_back(state.key, state.run.fence)

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
