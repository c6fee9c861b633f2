"""What every store does, whatever it keeps the runs in: a class of tests, to be inherited where there is a `store`."""

from __future__ import annotations

import asyncio

import pytest

from cnstra.errors import StoreError
from cnstra.persist.delta import Ended
from cnstra.persist.ports import Store
from cnstra.persist.records import ErrorRecord, RunStatus
from tests.stores.building import (
    BOOM,
    COMPLETED,
    FAILED,
    FINAL,
    admitted,
    after,
    empty_delta,
    failure,
    frontier,
    hop,
    new_run,
    run_to_its_end,
    settled,
    signal,
    task,
    worker,
)

OPEN: tuple[RunStatus, ...] = ("pending", "running")


class AdmissionContract:
    async def test_an_admitted_run_is_there_with_its_frontier(self, store: Store) -> None:
        state = await admitted(store, new_run(tasks=2))

        run = await store.get("", "run")
        assert run == state.run
        assert run is not None
        assert (run.status, run.owner, run.attempt_number, run.outstanding) == ("running", "worker", 1, 2)
        assert (run.options, run.volume, run.clone_of, run.entry) == (b'{"limit":5}', "full", "first", (signal(0),))
        assert await frontier(store, "run") == [task(0), task(1)]

    async def test_its_state_is_what_a_worker_starts_from(self, store: Store) -> None:
        state = await admitted(store, new_run(tasks=2))

        assert (state.sequence, state.next_task, state.next_signal) == (0, 2, 1)
        assert state.tasks == (task(0), task(1))
        assert state.signals == {0: signal(0)}
        assert (state.contexts, state.hops) == ({}, {})

    async def test_without_a_worker_a_run_waits(self, store: Store) -> None:
        state = await admitted(store, worker_id=None)

        assert (state.run.status, state.run.owner, state.run.attempt_number) == ("pending", None, 0)
        assert await store.attempts("", "run") == []

    async def test_a_taken_id_changes_nothing(self, store: Store) -> None:
        state = await admitted(store)

        assert await store.admit(new_run(tasks=5), "other") is None
        assert await store.get("", "run") == state.run
        assert len(await frontier(store, "run")) == 1

    async def test_of_many_admissions_of_one_id_one_succeeds(self, store: Store) -> None:
        states = await asyncio.gather(*(store.admit(new_run(), f"worker-{n}") for n in range(8)))

        assert sum(state is not None for state in states) == 1

    async def test_scopes_do_not_see_each_other(self, store: Store) -> None:
        await admitted(store, new_run(scope="a"))
        await admitted(store, new_run(scope="b"))

        assert await store.get("", "run") is None
        assert [run.scope for run in await store.list("b")] == ["b"]
        assert await store.claim("c", "worker", dead=["worker"], limit=9) == []

    async def test_an_unknown_run_has_nothing(self, store: Store) -> None:
        assert await store.get("", "nobody") is None
        assert await store.attempts("", "nobody") == []
        assert await store.tasks("", "nobody") == []
        assert await frontier(store, "nobody") == []
        assert not await store.delete("", "nobody", dead=())
        assert not await store.settle("", "nobody", "aborted", dead=())
        assert await store.take("", "nobody", "worker", statuses=OPEN, dead=()) is None


class CommitContract:
    async def test_a_hop_moves_the_frontier(self, store: Store) -> None:
        state = await admitted(store)

        assert await store.commit([hop(state)]) == [True]

        assert await frontier(store, "run") == [task(1, of=1)]
        run = await store.get("", "run")
        assert run is not None
        assert (run.hop_count, run.outstanding) == (1, 1)

    async def test_many_runs_are_committed_at_once(self, store: Store) -> None:
        states = [await admitted(store, new_run(f"run-{n}")) for n in range(70)]

        assert await store.commit([hop(state) for state in states]) == [True] * 70

        for state in states:
            assert await frontier(store, state.run.stimulation_id) == [task(1, of=1)]

    async def test_two_deltas_of_one_run_are_applied_in_order(self, store: Store) -> None:
        state = await admitted(store)
        first = hop(state)
        first.contexts = {"card-0": b"1", "card-1": b"1"}
        second = hop(after(state, first))
        second.contexts = {"card-0": b"2", "card-1": None}

        assert await store.commit([first, second]) == [True, True]

        assert await frontier(store, "run") == [task(2, of=2)]
        [taken] = await store.claim("", "other", dead=["worker"], limit=1)
        assert (taken.sequence, taken.contexts) == (2, {"card-0": b"2"})

    async def test_committing_again_changes_nothing_and_succeeds(self, store: Store) -> None:
        state = await admitted(store)
        delta = hop(state)
        delta.hops = {"card-0": 1}

        assert await store.commit([delta]) == [True]
        assert await store.commit([delta]) == [True]

        run = await store.get("", "run")
        assert run is not None
        assert (run.hop_count, run.outstanding) == (1, 1)
        assert len(await store.tasks("", "run")) == 1

    @pytest.mark.parametrize("sequence", [0, 2, 3])
    async def test_a_delta_out_of_order_is_refused(self, store: Store, sequence: int) -> None:
        state = await admitted(store)
        await store.commit([hop(state)])
        delta = hop(after(state, hop(state)))
        delta.sequence = sequence
        before = await store.get("", "run")

        assert await store.commit([delta]) == [sequence == 2]
        assert (await store.get("", "run") == before) == (sequence != 2)

    async def test_a_delta_with_an_old_fence_changes_nothing(self, store: Store) -> None:
        state = await admitted(store)
        [taken] = await store.claim("", "other", dead=["worker"], limit=1)
        zombie = hop(state)
        zombie.contexts = {"card-0": b"1"}

        assert await store.commit([zombie]) == [False]

        assert await store.get("", "run") == taken.run
        assert await frontier(store, "run") == [task(0)]
        assert await store.tasks("", "run") == []

    async def test_what_is_refused_does_not_hold_up_the_rest(self, store: Store) -> None:
        states = [await admitted(store, new_run(f"run-{n}")) for n in range(3)]
        await store.commit([hop(states[2])])
        await store.take("", "run-1", "other", statuses=["running"], dead=["worker"])

        assert await store.commit([hop(state) for state in states]) == [True, False, True]

        assert await frontier(store, "run-0") == [task(1, of=1)]
        assert await frontier(store, "run-1") == [task(0)]
        assert await frontier(store, "run-2") == [task(1, of=1)]

    async def test_a_delta_of_a_deleted_run_is_refused(self, store: Store) -> None:
        states = [await admitted(store, new_run(f"run-{n}")) for n in range(2)]
        await store.delete("", "run-1", dead=["worker"])
        newer = await admitted(store, new_run("run-3"))

        assert await store.commit([hop(state) for state in states]) == [True, False]

        assert await store.get("", "run-1") is None
        assert await store.get("", "run-3") == newer.run

    async def test_nothing_to_commit_is_nothing(self, store: Store) -> None:
        assert await store.commit([]) == []

    async def test_a_wide_fan_out_is_stored_whole(self, store: Store) -> None:
        state = await admitted(store)
        delta = hop(state)
        delta.tasks = {n: task(n, of=1) for n in range(1, 700)}
        delta.next_task = 700

        await store.commit([delta])

        assert [row.ordinal for row in await frontier(store, "run")] == list(range(1, 700))
        [taken] = await store.claim("", "other", dead=["worker"], limit=1)
        assert taken.signals == {1: signal(1, producer=0)}
        assert (taken.run.outstanding, taken.next_task) == (699, 700)

    async def test_contexts_and_hops_are_kept_by_neuron(self, store: Store) -> None:
        state = await admitted(store)
        first = hop(state)
        first.contexts, first.hops = {"a": b"1", "b": b'"x"'}, {"a": 1, "b": 2}
        second = hop(after(state, first))
        second.contexts, second.hops = {"a": b"2", "b": None}, {"a": 4}
        await store.commit([first])
        await store.commit([second])

        [taken] = await store.claim("", "other", dead=["worker"], limit=1)

        assert taken.contexts == {"a": b"2"}
        assert taken.hops == {"a": 5, "b": 2}

    async def test_volume_progress_keeps_only_what_a_resume_needs(self, store: Store) -> None:
        state = await admitted(store, new_run(volume="progress"))
        for _ in range(3):
            delta = hop(state)
            await store.commit([delta])
            state = after(state, delta)

        [taken] = await store.claim("", "other", dead=["worker"], limit=1)

        assert taken.tasks == (task(3, of=3),)
        assert taken.signals == {3: signal(3, producer=2)}
        assert taken.run.entry == (signal(0),)
        assert await store.tasks("", "run") == []


class AttemptContract:
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

    async def test_a_task_that_is_added_as_failed_is_failed(self, store: Store) -> None:
        state = await admitted(store)
        delta = hop(state)
        delta.tasks[1] = task(1, of=1)._replace(failure=BOOM)

        await store.commit([delta])

        assert await frontier(store, "run") == [task(1, of=1)._replace(failure=BOOM)]


class ClaimContract:
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

    async def test_many_claimers_share_the_runs(self, store: Store) -> None:
        for n in range(20):
            await admitted(store, new_run(f"run-{n}"), worker_id=None)
        for n in range(5):
            await store.add_worker(worker(f"worker-{n}"), lease=60)

        claims = await asyncio.gather(*(store.claim("", f"worker-{n}", dead=(), limit=6) for n in range(5)))

        claimed = [state.run.stimulation_id for states in claims for state in states]
        assert sorted(claimed) == sorted(f"run-{n}" for n in range(20))

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


class TakeContract:
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


class HistoryContract:
    async def test_tasks_are_told_with_their_signals_in_the_order_in_which_they_settled(self, store: Store) -> None:
        state = await admitted(store)
        first = hop(state)
        await store.commit([first])
        await store.commit([hop(after(state, first), ended=COMPLETED)])

        one, two = await store.tasks("", "run")

        assert one.settled == settled(task(0))
        assert (one.input, list(one.outputs)) == (signal(0), [signal(1, producer=0)])
        assert two.settled == settled(task(1, of=1))
        assert (two.input, list(two.outputs)) == (signal(1, producer=0), [signal(2, producer=1)])

    async def test_a_retried_task_has_a_record_in_each_attempt(self, store: Store) -> None:
        state = await admitted(store)
        await store.commit([failure(state)])
        taken = await store.take("", "run", "other", statuses=["failed"], dead=())
        assert taken is not None
        await store.commit([hop(taken, ended=COMPLETED)])

        one, two = await store.tasks("", "run")

        assert (one.settled.status, one.settled.error, list(one.outputs)) == ("failed", BOOM, [])
        assert (two.settled.status, two.settled.error, len(two.outputs)) == ("done", None, 1)
        assert await store.tasks("", "run", 2) == [two]
        assert await store.tasks("", "run", 3) == []

    async def test_a_task_may_have_no_input(self, store: Store) -> None:
        state = await admitted(store)
        delta = hop(state)
        delta.history = [settled(task(0, of=None))]
        await store.commit([delta])

        [one] = await store.tasks("", "run")

        assert one.input is None


class ListContract:
    async def test_runs_are_listed_newest_first_page_by_page(self, store: Store) -> None:
        for n in range(5):
            await admitted(store, new_run(f"run-{n}"))

        first = await store.list("", limit=2)
        second = await store.list("", limit=2, cursor=first.cursor)
        third = await store.list("", limit=2, cursor=second.cursor)

        pages = [[run.stimulation_id for run in page] for page in (first, second, third)]
        assert pages == [["run-4", "run-3"], ["run-2", "run-1"], ["run-0"]]
        assert third.cursor is None

    async def test_a_list_may_be_of_some_statuses(self, store: Store) -> None:
        await run_to_its_end(store, "done")
        await run_to_its_end(store, "broken", ended=FAILED)
        await admitted(store, new_run("waiting"), worker_id=None)
        await admitted(store, new_run("busy"))

        page = await store.list("", statuses=["failed", "running"])

        assert [run.stimulation_id for run in page] == ["busy", "broken"]
        assert len(await store.list("", statuses=[])) == 0
        assert len(await store.list("")) == 4

    async def test_the_last_full_page_has_no_cursor(self, store: Store) -> None:
        await admitted(store)

        page = await store.list("", limit=1)

        assert (len(page), page.cursor) == (1, None)

    async def test_a_list_of_none_is_empty(self, store: Store) -> None:
        await admitted(store)

        page = await store.list("", limit=0)

        assert (len(page), page.cursor) == (0, None)

    async def test_an_invented_cursor_is_refused(self, store: Store) -> None:
        with pytest.raises(StoreError, match="'page 2' is no cursor"):
            await store.list("", cursor="page 2")


class RemovalContract:
    async def test_a_deleted_run_is_gone_with_everything(self, store: Store) -> None:
        await run_to_its_end(store, "run")

        assert await store.delete("", "run", dead=())

        assert await store.get("", "run") is None
        assert await store.tasks("", "run") == []
        assert await store.attempts("", "run") == []
        assert await store.admit(new_run(), "worker") is not None
        assert await store.tasks("", "run") == []

    async def test_a_purge_takes_the_longest_ended(self, store: Store) -> None:
        for run_id in ("a", "b", "c", "d"):
            await run_to_its_end(store, run_id)

        assert await store.purge("", statuses=FINAL, older_than=-1, limit=3) == 3

        assert [run.stimulation_id for run in await store.list("")] == ["d"]

    async def test_a_purge_keeps_the_latest(self, store: Store) -> None:
        for run_id in ("a", "b", "c"):
            await run_to_its_end(store, run_id)

        assert await store.purge("", statuses=FINAL, older_than=-1, keep=2) == 1
        assert await store.purge("", statuses=FINAL, older_than=-1, keep=2) == 0

        assert [run.stimulation_id for run in await store.list("")] == ["c", "b"]

    async def test_a_purge_spares_the_young_the_open_and_other_statuses_and_scopes(self, store: Store) -> None:
        await run_to_its_end(store, "broken", ended=FAILED)
        await run_to_its_end(store, "done")
        await run_to_its_end(store, "elsewhere", scope="other")
        await admitted(store, new_run("busy"))

        assert await store.purge("", statuses=["completed"], older_than=60) == 0
        assert await store.purge("", statuses=["completed", "running"], older_than=-1) == 1

        assert [run.stimulation_id for run in await store.list("")] == ["busy", "broken"]
        assert len(await store.list("other")) == 1

    async def test_a_large_purge_stops_at_its_limit(self, store: Store) -> None:
        for n in range(120):
            await run_to_its_end(store, f"run-{n}")

        assert await store.purge("", statuses=FINAL, older_than=-1, limit=110) == 110
        assert await store.purge("", statuses=FINAL, older_than=-1, keep=3, limit=110) == 7


class WorkerContract:
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

    async def test_its_label_is_for_a_sentence(self, store: Store) -> None:
        assert store.label.startswith("the ")

    async def test_an_error_of_any_text_comes_back(self, store: Store) -> None:
        state = await admitted(store)
        strange = ErrorRecord("Odd", "\x00\ud800\U0001f4a5\n'\"", "")

        await store.commit([empty_delta(state, ended=Ended("failed", "failed", strange))])

        run = await store.get("", "run")
        assert run is not None
        assert run.error == strange


class StoreContract(
    AdmissionContract,
    CommitContract,
    AttemptContract,
    ClaimContract,
    TakeContract,
    HistoryContract,
    ListContract,
    RemovalContract,
    WorkerContract,
):
    """All of it."""
