"""Claiming runs that nobody holds."""

from __future__ import annotations

from cnstra.persist.delta import Ended
from cnstra.persist.ports import Store
from cnstra.testing.building import (
    OPEN,
    admitted,
    empty_delta,
    enqueued,
    hop,
    new_run,
    run_to_its_end,
    signal,
    task,
    worker,
)

__all__ = ["ClaimContract"]


class ClaimContract:
    """Claiming runs that nobody holds."""

    async def test_a_pending_run_can_be_claimed(self, store: Store) -> None:
        await admitted(store, worker_id=None)

        [state] = await store.claim("", "worker", dead=(), limit=9)

        assert (state.run.status, state.run.owner, state.run.attempt_number) == ("running", "worker", 1)
        assert (state.run.fence, state.run.recoveries, state.tasks) == (1, 0, (task(0),))
        assert await store.get("", "run") == state.run
        assert await store.claim("", "other", dead=(), limit=9) != []  # without a heartbeat row nobody lives

    async def test_the_run_of_a_living_worker_is_left_alone(self, store: Store) -> None:
        await store.add_worker(worker(), lease=60)
        state = await admitted(store)

        assert await store.claim("", "other", dead=(), limit=9) == []
        assert await store.claim("", "worker", dead=(), limit=9) == []
        assert await store.take("", "run", "other", statuses=OPEN, dead=()) is None
        assert not await store.settle("", "run", "aborted", dead=())
        assert not await store.delete("", "run", dead=())
        assert await store.get("", "run") == state.run

    async def test_a_run_whose_lease_has_ended_is_recovered(self, store: Store) -> None:
        await store.add_worker(worker(), lease=-1)
        state = await admitted(store)

        [taken] = await store.claim("", "other", dead=(), limit=9)

        assert (taken.run.owner, taken.run.attempt_number, taken.run.recoveries) == ("other", 2, 1)
        assert taken.run.fence > state.run.fence
        assert [attempt.status for attempt in await store.attempts("", "run")] == ["lost", "running"]

    async def test_a_worker_that_is_known_to_be_dead_holds_nothing(self, store: Store) -> None:
        await store.add_worker(worker(), lease=60)
        await admitted(store)

        assert len(await store.claim("", "other", dead={"worker"}, limit=9)) == 1

    async def test_a_run_that_was_given_back_is_not_a_recovery(self, store: Store) -> None:
        state = await admitted(store)
        await store.commit([empty_delta(state, ended=Ended("pending", "interrupted"))])

        [taken] = await store.claim("", "other", dead=(), limit=9)

        assert (taken.run.attempt_number, taken.run.recoveries) == (2, 0)
        assert [attempt.status for attempt in await store.attempts("", "run")] == ["interrupted", "running"]

    async def test_the_oldest_are_claimed_first_and_no_more_than_asked(self, store: Store) -> None:
        for n in range(5):
            await admitted(store, new_run(f"run-{n}"), worker_id=[None, "one", "two"][n % 3])

        first = await store.claim("", "other", dead=(), limit=2)
        await store.add_worker(worker("other"), lease=60)
        rest = await store.claim("", "third", dead=(), limit=9)

        assert [state.run.stimulation_id for state in first] == ["run-0", "run-1"]
        assert [state.run.stimulation_id for state in rest] == ["run-2", "run-3", "run-4"]

    async def test_a_run_that_is_over_is_not_claimed(self, store: Store) -> None:
        await run_to_its_end(store, "run")

        assert await store.claim("", "other", dead=["worker"], limit=9) == []

    async def test_unfit_runs_are_passed_over(self, store: Store) -> None:
        states = [await enqueued(store, f"run-{n}") for n in range(5)]

        claimed = await store.claim("", "worker", dead=(), limit=2, unfit=[state.key for state in states[:3]])

        assert [state.run.stimulation_id for state in claimed] == ["run-3", "run-4"]
        assert await store.get("", "run-0") == states[0].run

    async def test_a_claim_of_none_takes_none(self, store: Store) -> None:
        state = await enqueued(store, "run")

        assert await store.claim("", "worker", dead=(), limit=0) == []
        assert await store.get("", "run") == state.run

    async def test_a_claim_goes_on_where_the_last_commit_stands(self, store: Store) -> None:
        state = await admitted(store, new_run(tasks=2))
        delta = hop(state)
        delta.tasks[1 + 1] = task(2, of=None)
        await store.commit([delta])

        [taken] = await store.claim("", "other", dead=["worker"], limit=1)

        assert (taken.sequence, taken.next_task, taken.next_signal) == (1, 3, 2)
        assert taken.tasks == (task(1), task(2, of=None))
        assert taken.signals == {0: signal(0)}
        assert await store.commit([hop(taken)]) == [True]
