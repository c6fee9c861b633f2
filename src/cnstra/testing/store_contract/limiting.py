"""Runs with keys, and the limits of these."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from cnstra.persist.delta import Ended
from cnstra.persist.limits import Limit, Limits
from cnstra.persist.ports import Store
from cnstra.persist.records import RunState
from cnstra.testing.building import (
    COMPLETED,
    admitted,
    clock_of,
    empty_delta,
    hop,
    new_run,
    worker,
)

__all__ = ["LimitContract"]

TWO = Limits({"a*": Limit(concurrency=2)})
RATE = Limits({"a": Limit(rate=(2, 1000.0))})
QUICK = Limits({"a": Limit(rate=(2, 0.3))})
BOTH = Limits({"*": Limit(concurrency=2, rate=(3, 1000.0))})


async def wait(store: Store, *run_ids: str, key: str | None = "a", **options: Any) -> None:
    """Admit runs with a key that wait for a worker."""
    for run_id in run_ids:
        await admitted(store, replace(new_run(run_id), limit_key=key, **options), worker_id=None)


async def claim(
    store: Store, worker_id: str = "worker", *, limits: Limits = TWO, limit: int = 9, **options: Any
) -> list[RunState]:
    """Claim runs of living workers, under limits."""
    return await store.claim("", worker_id, limit=limit, limits=limits, **{"dead": (), **options})


def ids(states: list[RunState]) -> list[str]:
    """Return the ids of runs."""
    return [state.run.stimulation_id for state in states]


class LimitContract:
    """Runs with keys, and the limits of these."""

    async def test_a_run_shows_its_key(self, store: Store) -> None:
        await wait(store, "one", key="customer \u00fc *")

        [state] = await claim(store)

        run = await store.get("", "one")
        assert run is not None
        assert (run.limit_key, state.run.limit_key) == ("customer \u00fc *", "customer \u00fc *")

    async def test_no_more_runs_of_a_key_are_running_than_it_allows(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        await wait(store, "one", "two", "three")

        assert ids(await claim(store)) == ["one", "two"]
        assert await claim(store) == []
        assert await claim(store, "other") == []

    async def test_a_run_that_ends_leaves_its_place_to_another(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        await wait(store, "one", "two", "three", "four", "five")
        first, second = await claim(store)

        await store.commit([hop(first, ended=COMPLETED)])
        assert ids(await claim(store)) == ["three"]
        await store.commit([empty_delta(second, ended=Ended("pending", "interrupted"))])
        assert ids(await claim(store)) == ["two"]
        assert await claim(store) == []

    async def test_other_keys_and_runs_without_one_are_not_held_up(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        await wait(store, *[f"a{n}" for n in range(5)])
        await wait(store, "other key", key="ab")
        await wait(store, "free", key="unlimited")
        await wait(store, "plain", key=None)

        assert ids(await claim(store)) == ["a0", "a1", "other key", "free", "plain"]

    async def test_the_order_is_by_priority_and_age_among_all(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        for n, (key, priority) in enumerate([("a", 0), (None, 1), ("b", 2), ("a", 2), ("b", 1), (None, 2), ("a", 1)]):
            await wait(store, f"{n}", key=key, priority=priority)

        claimed = [ids(await claim(store, limit=3, limits=Limits())) for _ in range(3)]

        assert claimed == [["2", "3", "5"], ["1", "4", "6"], ["0"]]

    async def test_of_a_key_at_its_limit_the_first_in_order_goes_on(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        one = Limits({"a": Limit(concurrency=1)})
        await wait(store, "late", "later")
        [late] = await claim(store, limits=one)
        await wait(store, "urgent", priority=5)

        await store.commit([hop(late, ended=COMPLETED)])

        assert ids(await claim(store, limits=one)) == ["urgent"]

    async def test_a_small_claim_leaves_the_rest_to_the_next(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        await store.add_worker(worker("other"), lease=600)
        await wait(store, "one", "two", "three")

        assert ids(await claim(store, limit=1)) == ["one"]
        assert ids(await claim(store, "other", limit=1)) == ["two"]
        assert await claim(store, limit=1) == []

    async def test_claims_at_the_same_time_keep_the_limit(self, store: Store) -> None:
        names = [f"w{n}" for n in range(6)]
        for name in names:
            await store.add_worker(worker(name), lease=600)
        await wait(store, *[f"a{n}" for n in range(12)])
        await wait(store, *[f"b{n}" for n in range(12)], key="ab")

        claims = await asyncio.gather(*[claim(store, name, limit=3) for name in names * 3])

        taken = [state.run.limit_key for states in claims for state in states]
        while more := await claim(store, "w0"):
            taken += [state.run.limit_key for state in more]
        assert sorted(map(str, taken)) == ["a", "a", "ab", "ab"]

    async def test_the_place_of_a_dead_worker_comes_back_with_its_run(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        await store.add_worker(worker("other"), lease=600)
        await wait(store, "one", "two", "three")
        await claim(store)

        recovered = await claim(store, "other", dead=["worker"])

        assert ids(recovered) == ["one", "two"]
        assert await claim(store, "other", dead=["worker"]) == []
        await store.commit([hop(recovered[0], ended=COMPLETED)])
        assert ids(await claim(store, "other", dead=["worker"])) == ["three"]

    async def test_a_run_that_is_put_back_or_ended_from_outside_leaves_its_place(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        await wait(store, "one", "two", "three", "four")
        first, _ = await claim(store)
        assert await claim(store) == []

        await store.put_back(first.key, first.run.fence)
        assert ids(await claim(store)) == ["one"]
        await store.settle("", "two", "aborted", dead=["worker"])
        assert ids(await claim(store)) == ["three"]
        await store.delete("", "one", dead=["worker"])
        assert ids(await claim(store)) == ["four"]

    async def test_a_run_that_waits_for_its_time_waits_for_its_key_after_that(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        now = await clock_of(store)
        await wait(store, "one", "two", "three", due_at=now + 0.05)
        states: list[RunState] = []
        while len(states) < 2:
            await asyncio.sleep(await store.next_due("") or 0.0)
            states += await claim(store)

        assert await claim(store) == []

    async def test_a_run_that_is_passed_over_lets_others_of_its_key_start(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        await wait(store, "unfit", "fit", "more", "less")
        run = await store.peek("", "unfit")
        assert run is not None

        assert ids(await claim(store, unfit=[run.key])) == ["fit", "more"]

    async def test_a_run_with_a_requested_abort_takes_no_place(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        await wait(store, "one", "two", "three")
        await store.request_abort("", "one", "no more")

        assert ids(await claim(store)) == ["two", "three"]
        run = await store.get("", "one")
        assert run is not None
        assert run.status == "aborted"

    async def test_a_claim_that_ends_the_run_of_a_dead_worker_makes_its_place_free(self, store: Store) -> None:
        await store.add_worker(worker("other"), lease=600)
        await wait(store, "one", "two", "three", "four")
        await claim(store, "dead")
        await store.request_abort("", "one", "no more")

        states = await claim(store, "other")
        states += await claim(store, "other")

        assert ids(states) == ["two", "three"]
        assert await claim(store, "other") == []

    async def test_who_takes_a_run_by_its_name_takes_a_place(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        await wait(store, "one", "two", "three")
        await store.take("", "three", "worker", statuses=["pending"], dead=())

        assert ids(await claim(store)) == ["one"]

    async def test_a_try_again_waits_for_a_place_too(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        await wait(store, "one", "two", "three")
        first, _ = await claim(store)
        await store.commit([empty_delta(first, ended=Ended("pending", "failed", None, 0.0))])

        states: list[RunState] = []
        while not states:
            states = await claim(store)

        assert ids(states) in (["one"], ["three"])
        assert await claim(store) == []

    async def test_no_more_runs_of_a_key_start_in_a_while_than_its_rate(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        await wait(store, "one", "two", "three")

        states = await claim(store, limits=RATE)

        assert ids(states) == ["one", "two"]
        await store.commit([hop(state, ended=COMPLETED) for state in states])
        assert await claim(store, limits=RATE) == []
        due = await store.next_due("")
        assert due is not None
        assert 900 < due <= 1000 + 1000 / 64

    async def test_a_rate_lets_more_start_when_its_time_has_come(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        await wait(store, *[f"a{n}" for n in range(5)])

        times: list[float] = []
        while len(times) < 5:
            times += [state.run.updated_at for state in await claim(store, limits=QUICK)]
            await asyncio.sleep(min(await store.next_due("") or 0.0, 0.05))

        assert all(later - earlier >= 0.299 for earlier, later in zip(times, times[2:], strict=False))

    async def test_concurrency_and_rate_hold_together(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        await wait(store, *[f"a{n}" for n in range(6)])

        first = await claim(store, limits=BOTH)
        await store.commit([hop(state, ended=COMPLETED) for state in first])
        second = await claim(store, limits=BOTH)
        await store.commit([hop(state, ended=COMPLETED) for state in second])

        assert (len(first), len(second)) == (2, 1)
        assert await claim(store, limits=BOTH) == []

    async def test_a_place_that_becomes_free_is_told(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        await wait(store, "one", "two", "three")
        [first, _] = await claim(store)
        assert await claim(store) == []
        await store.changed("", 0.001)
        told = asyncio.ensure_future(store.changed("", 60.0))
        await asyncio.sleep(0.05)

        await store.commit([hop(first, ended=COMPLETED)])

        assert await told

    async def test_keys_of_another_scope_are_others(self, store: Store) -> None:
        await store.add_worker(worker(), lease=600)
        await wait(store, "one", "two", scope="other")
        await wait(store, "one", "two")

        assert len(await claim(store)) == 2
        assert len(await store.claim("other", "worker", dead=(), limit=9, limits=TWO)) == 2
