"""Committing hops."""

from __future__ import annotations

import pytest

from cnstra.persist.ports import Store
from cnstra.testing.building import (
    COMPLETED,
    admitted,
    after,
    empty_delta,
    frontier,
    hop,
    new_run,
    settled,
    signal,
    task,
)

__all__ = ["CommitContract"]


class CommitContract:
    """Committing hops."""

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
        delta.tasks = {n: task(n, of=1) for n in range(1, 1001)}
        delta.next_task = 1001

        await store.commit([delta])

        assert [row.ordinal for row in await frontier(store, "run")] == list(range(1, 1001))
        [taken] = await store.claim("", "other", dead=["worker"], limit=1)
        assert taken.signals == {1: signal(1, producer=0)}
        assert (taken.run.outstanding, taken.next_task) == (1000, 1001)

    async def test_a_wide_fan_in_is_settled_at_once(self, store: Store) -> None:
        state = await admitted(store, new_run(tasks=1000))
        delta = empty_delta(state, ended=COMPLETED)
        delta.removed = list(range(1000))
        delta.history = [settled(row) for row in state.tasks]
        delta.hop_count = 1000

        assert await store.commit([delta]) == [True]

        run = await store.get("", "run")
        assert run is not None
        assert (run.status, run.outstanding, run.hop_count) == ("completed", 0, 1000)
        assert [one.settled.ordinal for one in await store.tasks("", "run")] == list(range(1000))

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
