"""Several workers that take the same runs from each other, all at once."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import psycopg
import pytest

from cnstra.errors import StoreError
from cnstra.persist.delta import Ended
from cnstra.persist.limits import NO_LIMITS
from cnstra.persist.records import RunState, RunStatus
from cnstra.stores import PostgresStore
from cnstra.stores.postgres import claims
from cnstra.testing.building import admitted, after, empty_delta, enqueued, frontier, hop, new_run, worker
from tests.stores.postgres_stores import open_postgres_store

RUNS = 6
TURNS = 40
OPEN: tuple[RunStatus, ...] = ("pending", "running")


@pytest.fixture
async def stores(postgres_url: str, postgres_schema: str) -> AsyncIterator[list[PostgresStore]]:
    """One store for each of four processes, as it were."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(open_postgres_store(postgres_url, postgres_schema, pool_size=2))
            for _ in range(4)
        ]


class Rival:
    """A worker that takes every other worker for dead, now and then, and goes on when it was robbed itself."""

    def __init__(self, store: PostgresStore, name: str, committed: Counter[tuple[str, int]]) -> None:
        self._store = store
        self._name = name
        self._others = [f"rival-{n}" for n in range(4)]
        self._committed = committed
        self._random = random.Random(name)
        self._held: dict[str, RunState] = {}

    async def live(self) -> None:
        for _ in range(TURNS):
            act = self._random.choice(
                [self.claim, self.commit, self.commit, self.commit, self.take, self.give, self.end]
            )
            await act()

    async def claim(self) -> None:
        dead = self._random.sample(self._others, 2)
        for state in await self._store.claim("", self._name, dead=dead, limit=3):
            self._held[state.run.stimulation_id] = state

    async def take(self) -> None:
        run_id = f"run-{self._random.randrange(RUNS)}"
        state = await self._store.take("", run_id, self._name, statuses=OPEN, dead=self._others)
        if state is not None:
            self._held[run_id] = state

    async def commit(self) -> None:
        deltas = {run_id: hop(state) for run_id, state in self._held.items() if state.tasks}
        applied = await self._store.commit(list(deltas.values()))
        for (run_id, delta), is_applied in zip(deltas.items(), applied, strict=True):
            if is_applied:
                self._committed[run_id, delta.sequence] += 1
                self._held[run_id] = after(self._held[run_id], delta)
            else:
                del self._held[run_id]

    async def give(self) -> None:
        if self._held:
            _, state = self._held.popitem()
            await self._store.commit([empty_delta(state, ended=Ended("pending", "interrupted"))])

    async def end(self) -> None:
        run_id = f"run-{self._random.randrange(RUNS)}"
        await self._store.settle("", run_id, "pending", dead=self._others)
        await self._store.request_abort("", "nobody", "never")


async def test_whatever_rivals_do_each_hop_is_committed_once(stores: list[PostgresStore]) -> None:
    committed: Counter[tuple[str, int]] = Counter()
    for n in range(RUNS):
        await admitted(stores[0], new_run(f"run-{n}"), worker_id=None)
    for n in range(4):
        await stores[0].add_worker(worker(f"rival-{n}"), lease=60)

    await asyncio.gather(*(Rival(store, f"rival-{n}", committed).live() for n, store in enumerate(stores)))

    assert len(committed) > RUNS
    for n in range(RUNS):
        run = await stores[0].get("", f"run-{n}")
        assert run is not None
        assert run.hop_count == sum(count for (run_id, _), count in committed.items() if run_id == f"run-{n}")
        assert len(await stores[0].tasks("", f"run-{n}")) == run.hop_count
        assert len(await frontier(stores[0], f"run-{n}")) == run.outstanding == 1
        attempts = await stores[0].attempts("", f"run-{n}")
        assert [attempt.attempt_number for attempt in attempts] == list(range(1, run.attempt_number + 1))
        assert sum(attempt.status == "running" for attempt in attempts) == (run.status == "running")
    assert set(committed.values()) == {1}


async def test_a_claim_waits_for_nobody(stores: list[PostgresStore], postgres_url: str, postgres_schema: str) -> None:
    for n in range(3):
        await admitted(stores[0], new_run(f"run-{n}"), worker_id=None)

    with psycopg.connect(postgres_url) as other:
        lock = f'SELECT FROM "{postgres_schema}".progress WHERE run = 1 FOR UPDATE'
        other.execute(lock.encode())
        states = await stores[0].claim("", "worker", dead=(), limit=9)

    assert [state.run.stimulation_id for state in states] == ["run-1", "run-2"]


async def test_a_commit_that_waits_for_a_claim_is_refused_by_it(
    stores: list[PostgresStore], postgres_url: str, postgres_schema: str
) -> None:
    zombie, rival = stores[:2]
    state = await admitted(zombie)
    with psycopg.connect(postgres_url) as other:
        # The claim has to wait for this row when it has locked the run already.
        other.execute(f'SELECT FROM "{postgres_schema}".attempts FOR UPDATE'.encode())
        claiming = asyncio.ensure_future(rival.claim("", "other", dead=["worker"], limit=1))
        await until_somebody_waits(postgres_url, postgres_schema, 1)
        committing = asyncio.ensure_future(zombie.commit([hop(state)]))
        await until_somebody_waits(postgres_url, postgres_schema, 2)

    assert len(await claiming) == 1
    assert await committing == [False]


async def test_a_run_that_is_being_committed_is_passed_over_by_a_claim_and_waited_for_by_who_wants_it(
    stores: list[PostgresStore], postgres_url: str, postgres_schema: str
) -> None:
    zombie, rival = stores[:2]
    state = await admitted(zombie)
    with psycopg.connect(postgres_url) as other:
        # The commit has to wait for this row when it has moved the run on already.
        other.execute(f'SELECT FROM "{postgres_schema}".frontier FOR UPDATE'.encode())
        committing = asyncio.ensure_future(zombie.commit([hop(state)]))
        await until_somebody_waits(postgres_url, postgres_schema, 1)
        assert await rival.claim("", "other", dead=["worker"], limit=1) == []
        taking = asyncio.ensure_future(rival.take("", "run", "other", statuses=["running"], dead=["worker"]))
        await until_somebody_waits(postgres_url, postgres_schema, 2)

    assert await committing == [True]
    taken = await taking
    assert taken is not None
    assert (taken.run.hop_count, taken.tasks[0].ordinal) == (1, 1)
    assert await zombie.commit([hop(state)]) == [False]
    assert await rival.commit([hop(taken)]) == [True]


async def test_runs_that_become_due_at_once_are_claimed_by_priority_however_many(
    stores: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_RIPE_AT_ONCE", 2)
    soon = time.time() + 0.2
    for n in range(5):
        await admitted(stores[0], replace(new_run(f"run-{n}"), due_at=soon - n / 1000, priority=n), worker_id=None)
    assert await stores[0].claim("", "worker", dead=(), limit=9) == []

    await asyncio.sleep(0.25)

    states = await stores[0].claim("", "worker", dead=(), limit=9)
    assert [state.run.priority for state in states] == [4, 3, 2, 1, 0]


async def until_somebody_waits(url: str, schema: str, number: int) -> None:
    """Return once so many sessions wait for a lock in that schema, or behind one that does."""
    question = (
        "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND pid IN "
        f"(SELECT pid FROM pg_locks WHERE relation::regclass::text LIKE '%{schema}%')"
    )
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while True:
            row = await (await connection.execute(question.encode())).fetchone()
            if row is not None and row[0] >= number:
                return
            await asyncio.sleep(0.01)


async def claim_in_vain(store: PostgresStore, name: str) -> None:
    """Claim a run in a transaction that is rolled back, for all that anybody knows."""
    assert store._opened is not None
    async with store._opened.taking() as (session, taken):
        [state], _ = await claims.claim(session, claims.Claim("", name, (), 1, None, (), NO_LIMITS))
        taken[state.key] = (state.run.fence, name)
        raise StoreError("the answer is lost")


async def test_a_claim_that_came_to_nothing_takes_no_run_from_who_has_it(stores: list[PostgresStore]) -> None:
    first, second, *_ = stores
    await enqueued(first, "run")
    await second.add_worker(worker("second"), lease=60)
    with pytest.raises(StoreError):
        await claim_in_vain(first, "first")

    [state] = await second.claim("", "second", dead=(), limit=1)
    assert await first.claim("", "first", dead=(), limit=1) == []

    run = await second.get("", "run")
    assert run is not None
    assert (run.status, run.owner, run.attempt_number) == ("running", "second", 1)
    assert await second.commit([hop(state)]) == [True]
