"""Whatever is done to it, and in whatever order, a Redis store does what the store in memory does."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, Final, final, get_args

import pytest

from cnstra.persist.delta import Delta, Ended
from cnstra.persist.ports import Store
from cnstra.persist.records import ErrorRecord, RunFilter, RunRecord, RunState, RunStatus, StoredTask, Volume
from cnstra.stores import MemoryStore
from cnstra.testing.building import BOOM, COMPLETED, FAILED, empty_delta, failure, hop, new_run, worker
from tests.stores.redis_stores import open_redis_store

IDS: Final = [f"run-{n}" for n in range(6)]
WORKERS: Final = ["one", "two", "three"]
DUE: Final = [None, None, 1.5, 9e9]
STATUSES: Final = get_args(RunStatus)
VOLUMES: Final = get_args(Volume)
ENDS: Final = [
    COMPLETED,
    FAILED,
    Ended("pending", "interrupted"),
    Ended("aborted", "aborted", BOOM),
    Ended("pending", "failed", BOOM, 0.0),
    Ended("pending", "failed", BOOM, 1e6),
]


@final
class Pair:
    """Both stores, and what a worker has of the runs in each.

    Args:
        seed: Decides what is done.
        memory: What is right.
        redis: What is tested.
    """

    def __init__(self, seed: int, memory: Store, redis: Store) -> None:
        self._dice = random.Random(seed)
        self._stores = (memory, redis)
        self._held: list[tuple[RunState, RunState]] = []

    async def step(self) -> None:
        """Do one thing to both, and compare."""
        deeds = [self.admit, self.admit, self.claim, self.claim, self.take, self.commit, self.commit, self.commit]
        deeds += [self.put_back, self.settle, self.request_abort, self.heartbeat, self.delete, self.purge]
        await self._dice.choice(deeds)()
        await self.compare()

    async def admit(self) -> None:
        volume = self._dice.choice(VOLUMES)
        run = replace(
            new_run(
                self._dice.choice(IDS), tasks=self._dice.randrange(2 if volume == "progress" else 3), volume=volume
            ),
            priority=self._dice.randrange(-2, 3),
            due_at=self._dice.choice(DUE),
            contexts=self._dice.choice([{}, {"card": b"7"}]),
            reserved=self._dice.choice([0, 5]),
        )
        worker_id = self._dice.choice([None, *WORKERS])
        self._hold([await store.admit(run, worker_id) for store in self._stores])

    async def claim(self) -> None:
        options: dict[str, Any] = {
            "dead": self._dice.sample(WORKERS, self._dice.randrange(3)),
            "limit": self._dice.randrange(1, 4),
            "max_recoveries": self._dice.choice([None, 0, 1, 2]),
        }
        worker_id = self._dice.choice(WORKERS)
        unfit = [states for states in self._held if self._dice.random() < 0.1]
        claimed = [
            await store.claim("", worker_id, unfit=[states[place].key for states in unfit], **options)
            for place, store in enumerate(self._stores)
        ]
        assert len(claimed[0]) == len(claimed[1])
        for states in zip(*claimed, strict=True):
            self._hold(states)

    async def take(self) -> None:
        run_id, worker_id = self._dice.choice(IDS), self._dice.choice(WORKERS)
        options: dict[str, Any] = {"statuses": self._statuses(), "dead": self._dead()}
        self._hold([await store.take("", run_id, worker_id, **options) for store in self._stores])

    async def commit(self) -> None:
        if not self._held:
            return
        place = self._dice.randrange(len(self._held))
        states = self._held[place]
        ended = self._dice.choice([None, None, None, *ENDS])
        kind = self._dice.choice([hop, failure, None]) if states[0].tasks else None
        skipped = self._dice.choice([0, 0, 0, 0, -1, 1])
        deltas = [self._delta(state, kind, ended, skipped) for state in states]
        applied = [await store.commit([delta]) for store, delta in zip(self._stores, deltas, strict=True)]
        assert applied[0] == applied[1]
        if applied[0] == [True] and ended is not None:  # its worker has nothing to do with it any more
            self._held = [held for held in self._held if held[0].run.stimulation_id != states[0].run.stimulation_id]
        elif applied[0] == [True]:
            await self._look_again(place)

    def _delta(self, state: RunState, kind: Any, ended: Ended | None, skipped: int) -> Delta:
        delta: Delta = empty_delta(state) if kind is None else kind(state)
        delta.ended = ended
        delta.sequence += skipped
        delta.contexts = {"card": b"%d" % delta.sequence, "other": None}
        delta.hops = {"card": 1}
        return delta

    async def put_back(self) -> None:
        if self._held:
            states = self._dice.choice(self._held)
            done = [
                await store.put_back(state.key, state.run.fence)
                for store, state in zip(self._stores, states, strict=True)
            ]
            assert done[0] == done[1]

    async def settle(self) -> None:
        run_id, status = self._dice.choice(IDS), self._dice.choice(STATUSES[::2])
        error = self._dice.choice([None, ErrorRecord("Odd", "odd")])
        dead = self._dead()
        done = [await store.settle("", run_id, status, dead=dead, error=error) for store in self._stores]
        assert done[0] == done[1]

    async def request_abort(self) -> None:
        run_id = self._dice.choice(IDS)
        done = [await store.request_abort("", run_id, f"since {run_id}") for store in self._stores]
        assert done[0] == done[1]

    async def heartbeat(self) -> None:
        worker_id, lease = self._dice.choice(WORKERS), self._dice.choice([-1.0, 60.0])
        for store in self._stores:
            await store.add_worker(worker(worker_id), lease)

    async def delete(self) -> None:
        run_id, dead = self._dice.choice(IDS), self._dead()
        done = [await store.delete("", run_id, dead=dead) for store in self._stores]
        assert done[0] == done[1]

    async def purge(self) -> None:
        statuses, older_than = self._statuses(), self._dice.choice([-1.0, 60.0])
        done = [await store.purge("", statuses=statuses, older_than=older_than) for store in self._stores]
        assert done[0] == done[1]

    def _statuses(self) -> list[RunStatus]:
        return self._dice.sample(STATUSES, self._dice.randrange(1, 6))

    def _dead(self) -> list[str]:
        return self._dice.sample(WORKERS, self._dice.randrange(4))

    def _hold(self, states: Any) -> None:
        one, other = states
        assert (one is None) == (other is None)
        if one is not None:
            assert _same(one, other)
            self._held = [*self._held[-9:], (one, other)]

    async def _look_again(self, place: int) -> None:
        run = self._held[place][0].run
        one, other = [await store.peek("", run.stimulation_id) for store in self._stores]
        if one is not None and other is not None and one.run.fence == run.fence:
            self._held[place] = (one, other)

    async def compare(self) -> None:
        """See that both show the same."""
        pages = [(await store.list("")).runs for store in self._stores]
        assert [_timeless(run) for run in pages[0]] == [_timeless(run) for run in pages[1]]
        where = RunFilter(statuses=self._statuses(), error=self._dice.choice([None, "odd", "boom", "Poison"]))
        found = [[run.stimulation_id for run in await store.list("", where=where)] for store in self._stores]
        assert found[0] == found[1]
        numbers = [(await store.stats("")).runs for store in self._stores]
        assert numbers[0] == numbers[1]
        for worker_id in WORKERS:
            requests = [sorted(await store.abort_requests("", worker_id)) for store in self._stores]
            assert requests[0] == requests[1]
        run_id = self._dice.choice(IDS)
        seen = [await store.peek("", run_id) for store in self._stores]
        assert (seen[0] is None) == (seen[1] is None)
        assert seen[0] is None or seen[1] is None or _same(seen[0], seen[1])
        attempts = [
            [replace(one, started_at=0, ended_at=one.ended_at and 0) for one in await store.attempts("", run_id)]
            for store in self._stores
        ]
        assert attempts[0] == attempts[1]
        if seen[0] is not None and seen[0].run.volume == "full":
            history = [[_bare(one) for one in await store.tasks("", run_id)] for store in self._stores]
            assert history[0] == history[1]
        due = [await store.next_due("") is None for store in self._stores]
        assert due[0] == due[1]


def _timeless(run: RunRecord) -> RunRecord:
    due_at = run.due_at if run.due_at in DUE else 0  # that of a run that is tried again is reckoned from the clock
    return replace(run, created_at=0, updated_at=0, ended_at=run.ended_at and 0, due_at=due_at)


def _bare(stored: StoredTask) -> StoredTask:
    """Return it without what its task had failed of before, which only the store in memory keeps."""
    task = stored.settled.task._replace(failure=None)
    return StoredTask(stored.settled._replace(task=task), stored.input, stored.outputs)


def _same(one: RunState, other: RunState) -> bool:
    return replace(one, key=0, run=_timeless(one.run)) == replace(other, key=0, run=_timeless(other.run))


@pytest.mark.parametrize("seed", range(25))
async def test_it_does_what_the_store_in_memory_does(valkey_url: str, seed: int) -> None:
    async with open_redis_store(valkey_url) as redis:
        pair = Pair(seed, MemoryStore(), redis)

        for _ in range(60):
            await pair.step()
