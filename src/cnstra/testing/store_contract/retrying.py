"""Runs that are tried again after a failed attempt."""

from __future__ import annotations

from cnstra.persist.delta import Delta, Ended
from cnstra.persist.ports import Store
from cnstra.persist.records import RunRecord, RunState
from cnstra.testing.building import (
    BOOM,
    COMPLETED,
    admitted,
    after,
    clock_of,
    empty_delta,
    enqueued,
    failure,
    frontier,
    hop,
    new_run,
    settled,
    signal,
    task,
)

__all__ = ["RetryContract"]


def again(state: RunState, *, delay: float = 0.0) -> Delta:
    """Fail the first task of *state*, for the run to be tried again."""
    delta = failure(state)
    delta.ended = Ended("pending", "failed", BOOM, delay)
    return delta


async def stored(store: Store) -> RunRecord:
    """Return the run."""
    run = await store.get("", "run")
    assert run is not None
    return run


class RetryContract:
    """Runs that are tried again after a failed attempt."""

    async def test_a_run_that_is_to_be_tried_again_waits_with_its_tasks_outstanding(self, store: Store) -> None:
        state = await admitted(store)

        assert await store.commit([again(state)]) == [True]

        run = await stored(store)
        assert (run.status, run.owner, run.ended_at, run.error) == ("pending", None, None, BOOM)
        [attempt] = await store.attempts("", "run")
        assert (attempt.status, attempt.error, attempt.hop_count) == ("failed", BOOM, 1)
        assert await frontier(store, "run") == [task(0)]

    async def test_it_is_claimed_where_it_stands(self, store: Store) -> None:
        state = await admitted(store)
        first = hop(state)
        await store.commit([first, again(after(state, first))])

        [taken] = await store.claim("", "other", dead=(), limit=9)

        assert taken.tasks == (task(1, of=1),)
        assert (taken.run.attempt_number, taken.run.recoveries, taken.run.error) == (2, 0, None)
        assert await store.commit([hop(taken, ended=COMPLETED)]) == [True]

    async def test_it_is_left_alone_until_its_time_has_come(self, store: Store) -> None:
        state = await admitted(store)
        before = await clock_of(store)

        await store.commit([again(state, delay=1000.0)])

        run = await stored(store)
        assert run.due_at is not None
        assert before + 1000 - 1 < run.due_at < before + 1000 + 60
        assert await store.claim("", "other", dead=(), limit=9) == []
        due = await store.next_due("")
        assert due is not None
        assert 900 < due <= 1000

    async def test_what_failed_earlier_in_the_attempt_is_tried_again_too(self, store: Store) -> None:
        state = await admitted(store, new_run(tasks=2))
        first = failure(state)
        first.ended = None
        last = empty_delta(after(state, first), ended=Ended("pending", "failed", BOOM, 0.0))

        assert await store.commit([first]) == [True]
        assert await store.commit([last]) == [True]

        assert await frontier(store, "run") == [task(0), task(1)]

    async def test_a_task_may_be_added_and_fail_in_the_delta_that_ends_the_attempt(self, store: Store) -> None:
        state = await admitted(store)
        delta = hop(state)
        [added] = delta.tasks.values()
        delta.failures = {added.ordinal: BOOM}
        delta.history.append(settled(added, error=BOOM))
        delta.ended = Ended("pending", "failed", BOOM, 0.0)

        assert await store.commit([delta]) == [True]

        [taken] = await store.claim("", "other", dead=(), limit=9)
        assert taken.tasks == (added,)
        assert taken.signals == {1: signal(1, producer=0)}

    async def test_a_task_that_is_added_and_fails_in_one_delta_has_failed(self, store: Store) -> None:
        state = await admitted(store)
        delta = hop(state)
        [added] = delta.tasks.values()
        delta.failures = {added.ordinal: BOOM}

        assert await store.commit([delta]) == [True]

        assert await frontier(store, "run") == [added._replace(failure=BOOM)]

    async def test_told_twice_it_is_put_off_once(self, store: Store) -> None:
        state = await admitted(store)
        delta = again(state, delay=1000.0)
        await store.commit([delta])
        run = await stored(store)

        assert await store.commit([delta]) == [True]

        assert await stored(store) == run

    async def test_starts_are_counted_and_those_of_dead_workers_too(self, store: Store) -> None:
        state = await admitted(store)
        await store.commit([again(state)])

        [second] = await store.claim("", "other", dead=(), limit=9)
        [third] = await store.claim("", "another", dead=["other"], limit=9)

        assert (state.run.starts, second.run.starts, third.run.starts) == (1, 2, 3)

    async def test_a_start_that_was_given_back_does_not_count(self, store: Store) -> None:
        await enqueued(store, "run")
        [state] = await store.claim("", "worker", dead=(), limit=9)
        await store.commit([empty_delta(state, ended=Ended("pending", "interrupted"))])
        assert (await stored(store)).starts == 0

        [state] = await store.claim("", "worker", dead=(), limit=9)
        assert state.run.starts == 1
        await store.put_back(state.key, state.run.fence)

        assert (await stored(store)).starts == 0

    async def test_who_takes_a_run_by_its_name_has_starts_counted_anew(self, store: Store) -> None:
        state = await admitted(store)
        await store.commit([again(state, delay=1000.0)])

        taken = await store.take("", "run", "other", statuses=["pending"], dead=())

        assert taken is not None
        assert (taken.run.attempt_number, taken.run.starts) == (2, 1)
        assert await stored(store) == taken.run

    async def test_a_run_that_waits_for_its_next_attempt_can_be_ended(self, store: Store) -> None:
        state = await admitted(store)
        await store.commit([again(state, delay=1000.0)])

        assert await store.settle("", "run", "aborted", dead=())

        run = await stored(store)
        assert (run.status, run.outstanding) == ("aborted", 1)
        assert await store.next_due("") is None
