"""Asking for aborts from outside."""

from __future__ import annotations

from cnstra.persist.delta import Ended
from cnstra.persist.ports import Store
from cnstra.testing.building import BOOM, COMPLETED, admitted, empty_delta, enqueued, hop, new_run, run_to_its_end, task

__all__ = ["AbortContract"]


class AbortContract:
    """Asking for aborts from outside."""

    async def test_the_owner_of_a_run_is_told_of_the_request(self, store: Store) -> None:
        await admitted(store)
        await admitted(store, new_run("left alone"))
        await admitted(store, new_run("of another"), worker_id="other")
        await admitted(store, new_run(scope="elsewhere"))

        assert await store.request_abort("", "run", "too slow")
        assert await store.request_abort("", "of another", "not mine")

        assert await store.abort_requests("", "worker") == [("run", "too slow")]
        assert await store.abort_requests("", "nobody") == []
        assert await store.abort_requests("elsewhere", "worker") == []

    async def test_the_first_reason_stays(self, store: Store) -> None:
        await admitted(store)

        assert await store.request_abort("", "run", "too slow")
        assert await store.request_abort("", "run", "too late")

        run = await store.get("", "run")
        assert run is not None
        assert (run.status, run.abort_requested) == ("running", "too slow")
        assert await store.abort_requests("", "worker") == [("run", "too slow")]

    async def test_what_is_over_or_unknown_cannot_be_aborted(self, store: Store) -> None:
        await run_to_its_end(store, "run")

        assert not await store.request_abort("", "run", "too slow")
        assert not await store.request_abort("", "nobody", "too slow")

        run = await store.get("", "run")
        assert run is not None
        assert (run.status, run.abort_requested) == ("completed", None)

    async def test_a_free_run_is_aborted_by_who_would_claim_it(self, store: Store) -> None:
        await enqueued(store, "doomed")
        await enqueued(store, "waiting")
        await store.request_abort("", "doomed", "too slow")

        claimed = await store.claim("", "worker", dead=(), limit=1)

        assert [state.run.stimulation_id for state in claimed] == ["waiting"]
        run = await store.get("", "doomed")
        assert run is not None
        assert (run.status, run.owner, run.outstanding, run.abort_requested) == ("aborted", None, 1, None)
        assert run.error is not None
        assert (run.error.type_name, run.error.message) == ("StimulationAborted", "too slow")
        assert run.ended_at is not None

    async def test_a_run_that_was_aborted_so_is_over(self, store: Store) -> None:
        await enqueued(store, "doomed")
        await store.request_abort("", "doomed", "too slow")

        for _ in range(2):
            assert await store.claim("", "worker", dead=(), limit=9) == []

        assert not await store.request_abort("", "doomed", "too late")
        assert await store.purge("", statuses=["aborted"], older_than=-1) == 1

    async def test_many_free_runs_can_be_aborted_at_once(self, store: Store) -> None:
        for n in range(250):
            await enqueued(store, f"run-{n}")
            await store.request_abort("", f"run-{n}", "too slow")
        await enqueued(store, "waiting")

        claimed = await store.claim("", "worker", dead=(), limit=9)

        while not claimed:
            claimed = await store.claim("", "worker", dead=(), limit=9)
        assert [state.run.stimulation_id for state in claimed] == ["waiting"]
        assert (await store.stats("")).runs["aborted"] == 250

    async def test_a_run_whose_worker_dies_before_it_aborts_is_aborted(self, store: Store) -> None:
        zombie = await admitted(store)
        await store.request_abort("", "run", "too slow")

        assert await store.claim("", "other", dead=["worker"], limit=9) == []

        run = await store.get("", "run")
        assert run is not None
        assert (run.status, run.recoveries) == ("aborted", 1)
        assert [attempt.status for attempt in await store.attempts("", "run")] == ["lost"]
        assert await store.commit([hop(zombie)]) == [False]

    async def test_a_run_that_is_given_back_is_still_to_be_aborted(self, store: Store) -> None:
        state = await admitted(store)
        await store.request_abort("", "run", "too slow")
        await store.commit([empty_delta(state, ended=Ended("pending", "interrupted"))])

        assert await store.claim("", "other", dead=(), limit=9) == []

        run = await store.get("", "run")
        assert run is not None
        assert run.status == "aborted"

    async def test_the_request_goes_with_the_end(self, store: Store) -> None:
        state = await admitted(store)
        await admitted(store, new_run("settled"))
        for run_id in ("run", "settled"):
            await store.request_abort("", run_id, "too slow")

        await store.commit([hop(state, ended=COMPLETED)])
        await store.settle("", "settled", "failed", dead=["worker"], error=BOOM)

        assert [run.abort_requested for run in await store.list("")] == [None, None]
        assert await store.abort_requests("", "worker") == []

    async def test_taking_a_run_forgets_the_request(self, store: Store) -> None:
        await admitted(store)
        await store.request_abort("", "run", "too slow")

        taken = await store.take("", "run", "other", statuses=["running"], dead=["worker"])

        assert taken is not None
        assert (taken.tasks, taken.run.abort_requested) == ((task(0),), None)
        assert await store.abort_requests("", "other") == []

    async def test_a_reason_may_be_any_text(self, store: Store) -> None:
        strange = "\x00\ud800\U0001f4a5\n'\" größe"
        await admitted(store)

        await store.request_abort("", "run", strange)

        assert await store.abort_requests("", "worker") == [("run", strange)]
        await store.claim("", "other", dead=["worker"], limit=1)
        run = await store.get("", "run")
        assert run is not None
        assert run.error is not None
        assert run.error.message == strange
