"""Many who want the same runs at once."""

from __future__ import annotations

import asyncio

from cnstra.persist.ports import PromptStore, Store
from cnstra.persist.records import RunState
from cnstra.testing.building import COMPLETED, admitted, after, enqueued, frontier, hop, new_run, task, worker

__all__ = ["SharingContract"]


async def claim_all(store: Store, worker_id: str) -> list[str]:
    """Claim runs, a few at a time, until there are none."""
    claimed: list[str] = []
    while states := await store.claim("", worker_id, dead=(), limit=7):
        claimed += [state.run.stimulation_id for state in states]
        await store.commit([hop(state, ended=COMPLETED) for state in states[::2]])
    return claimed


async def commit_until_refused(store: Store, state: RunState) -> int:
    """Commit one hop after the other; return how many were applied."""
    hops = 0
    while True:
        delta = hop(state)
        if await store.commit([delta]) != [True]:
            return hops
        state = after(state, delta)
        hops += 1


class SharingContract:
    """Many who want the same runs at once."""

    async def test_many_claimers_share_the_runs(self, store: Store) -> None:
        for n in range(150):
            await enqueued(store, f"run-{n}", priority=n % 3)
        for n in range(8):
            await store.add_worker(worker(f"worker-{n}"), lease=60)

        claims = await asyncio.gather(*(claim_all(store, f"worker-{n}") for n in range(8)))

        assert sorted(run_id for claimed in claims for run_id in claimed) == sorted(f"run-{n}" for n in range(150))

    async def test_of_many_takers_of_one_run_one_succeeds(self, store: Store) -> None:
        await enqueued(store, "run")
        for n in range(8):
            await store.add_worker(worker(f"worker-{n}"), lease=60)

        takes = [store.take("", "run", f"worker-{n}", statuses=["pending", "running"], dead=()) for n in range(8)]
        taken = [state for state in await asyncio.gather(*takes) if state is not None]

        assert len(taken) == 1
        assert await store.get("", "run") == taken[0].run

    async def test_a_worker_that_was_taken_for_dead_loses_from_one_hop_to_the_next(self, store: Store) -> None:
        states = [await admitted(store, new_run(f"run-{n}")) for n in range(5)]

        zombies = [asyncio.ensure_future(commit_until_refused(store, state)) for state in states]
        taken: list[RunState] = []
        while len(taken) < len(states):  # what is being committed at this moment may be passed over
            seen = [state.key for state in taken]
            taken += await store.claim("", "other", dead=["worker"], limit=9, unfit=seen)
        hops_of = dict(zip([state.key for state in states], await asyncio.gather(*zombies), strict=True))
        hops = [hops_of[state.key] for state in taken]

        assert [state.sequence for state in taken] == [state.run.hop_count for state in taken] == hops
        for state in taken:
            settled = await store.tasks("", state.run.stimulation_id)
            assert [one.settled.ordinal for one in settled] == list(range(state.sequence))
            assert await store.commit([hop(state)]) == [True]

    async def test_commits_of_many_runs_at_once_do_not_mix(self, store: Store) -> None:
        async def run_some_hops(run_id: str) -> None:
            state = await admitted(store, new_run(run_id))
            for _ in range(10):
                delta = hop(state)
                delta.contexts = {"card": run_id.encode()}
                assert await store.commit([delta]) == [True]
                state = after(state, delta)

        await asyncio.gather(*(run_some_hops(f"run-{n}") for n in range(30)))

        states = await store.claim("", "other", dead=["worker"], limit=99)
        assert len(states) == 30
        for state in states:
            run_id = state.run.stimulation_id
            assert (state.sequence, state.contexts) == (10, {"card": run_id.encode()})
            assert await frontier(store, run_id) == [task(10, of=10)]

    async def test_one_delta_committed_by_two_at_once_is_applied_once(self, store: Store) -> None:
        state = await admitted(store)
        delta = hop(state)

        assert await asyncio.gather(*(store.commit([delta]) for _ in range(4))) == [[True]] * 4

        run = await store.get("", "run")
        assert run is not None
        assert (run.hop_count, run.outstanding) == (1, 1)

    async def test_a_prompt_commit_is_as_good_as_any(self, store: Store) -> None:
        state = await admitted(store)
        if not isinstance(store, PromptStore):
            return
        delta = hop(state)
        zombie = hop(await admitted(store, new_run("taken over")))
        await store.take("", "taken over", "other", statuses=["running"], dead=["worker"])

        applied = store.commit_now([delta])

        assert await frontier(store, "run") == ([task(0)] if applied is None else [task(1, of=1)])
        assert store.commit_now([zombie]) in (None, [False])
        assert await store.commit([delta]) == [True]
        assert await frontier(store, "run") == [task(1, of=1)]
