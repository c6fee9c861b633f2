from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import combinations

import pytest

from cnstra.errors import StoreError
from cnstra.persist.delta import Delta
from cnstra.persist.records import RunState
from cnstra.stores import PostgresStore
from cnstra.stores.postgres.batch import Batch
from cnstra.stores.postgres.statements import PARTS, commit_text
from cnstra.testing.building import (
    BOOM,
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
from tests.stores.postgres_stores import open_postgres_store, query


@pytest.fixture
async def store(postgres_url: str, postgres_schema: str) -> AsyncIterator[PostgresStore]:
    async with open_postgres_store(postgres_url, postgres_schema) as store:
        yield store


async def test_a_payload_of_many_megabytes_is_stored(store: PostgresStore) -> None:
    state = await admitted(store)
    delta = hop(state)
    payload = b'"' + b"x" * 20_000_000 + b'"'
    delta.signals[1] = delta.signals[1]._replace(payload=payload)

    assert await store.commit([delta]) == [True]

    [outstanding] = await store.frontier("", "run")
    assert outstanding.input is not None
    assert outstanding.input.payload == payload


async def test_more_deltas_than_fit_one_statement_are_one_transaction(store: PostgresStore) -> None:
    state = await admitted(store)
    deltas: list[Delta] = []
    for _ in range(30):
        deltas.append(hop(state))
        state = after(state, deltas[-1])
    broken = empty_delta(await admitted(store, new_run("other")))
    broken.contexts = {"a\0b": b"1"}

    with pytest.raises(StoreError, match="Postgres cannot hold"):
        await store.commit([*deltas, broken])
    run = await store.get("", "run")
    assert run is not None
    assert run.hop_count == 0

    assert await store.commit(deltas) == [True] * 30
    assert await frontier(store, "run") == [task(30, of=30)]


async def test_a_batch_of_thousands_is_committed(store: PostgresStore, postgres_url: str, postgres_schema: str) -> None:
    first = await admitted(store)
    await query(
        postgres_url,
        postgres_schema,
        "INSERT INTO progress SELECT n, 1, 0, 1, 1, 0, 1, 0 FROM generate_series(2, 2500) AS n;"
        "INSERT INTO frontier SELECT n, 0, 0, 1, 'card-0', 'card_created' FROM generate_series(2, 2500) AS n",
    )
    states = [RunState(key, first.run, 0, 1, 1, first.tasks) for key in range(1, 2501)]

    assert await store.commit([hop(state) for state in states]) == [True] * 2500
    assert await store.commit([hop(state) for state in states]) == [True] * 2500

    [(tasks, hops)] = await query(
        postgres_url,
        postgres_schema,
        "SELECT (SELECT count(*) FROM frontier WHERE ordinal = 1), sum(hop_count) FROM progress",
    )
    assert (tasks, hops) == (2500, 2500)


async def test_commits_that_are_asked_for_at_once_are_all_made(store: PostgresStore) -> None:
    states = [await admitted(store, new_run(f"run-{n}")) for n in range(40)]

    outcomes = await asyncio.gather(*(store.commit([hop(state)]) for state in states))

    assert outcomes == [[True]] * 40


def full_delta(state: RunState, number: int) -> Delta:
    """Return a delta with every kind of change, with ordinals of its own."""
    delta = empty_delta(state)
    delta.signals = {number: signal(number, producer=number)}
    delta.tasks = {number: task(number, of=number)}
    delta.history = [settled(task(number), error=BOOM)._replace(contexts={"a": b"1", "b": None})]
    delta.contexts = {f"c{number}": b"1", "same": b"%d" % number}
    delta.hops = {"a": 1}
    delta.failures = {0: BOOM}
    delta.removed = [number - 1] if number > 1 else []
    delta.dropped = [number - 1] if number > 1 else []
    delta.hop_count = 1
    return delta


async def test_every_pair_of_kinds_makes_a_statement(store: PostgresStore) -> None:
    state = await admitted(store)
    kinds = ("signals", "tasks", "history", "contexts", "hops", "failures", "removed", "dropped")

    for number, pair in enumerate(combinations(kinds, 2), start=1):
        full, delta = full_delta(state, number), empty_delta(state)
        for kind in pair:
            setattr(delta, kind, getattr(full, kind))
        assert await store.commit([delta]) == [True]
        state = after(state, delta)

    assert await store.commit([empty_delta(state, ended=COMPLETED)]) == [True]


async def test_a_full_delta_is_read_back_whole(store: PostgresStore) -> None:
    first = await admitted(store)
    delta = full_delta(first, 1)
    delta.next_task = delta.next_signal = 2

    assert set(Batch([delta]).names) == set(PARTS) - {"removed", "dropped", "ended", "attempts", "renewed"}
    assert await store.commit([delta]) == [True]

    [taken] = await store.claim("", "other", dead=["worker"], limit=1)
    assert taken.tasks == (task(0)._replace(failure=BOOM), task(1, of=1))
    assert taken.signals == {0: signal(0), 1: signal(1, producer=1)}
    assert taken.contexts == {"c1": b"1", "same": b"1"}
    assert taken.hops == {"a": 1}
    [stored] = await store.tasks("", "run")
    assert stored.settled == delta.history[0]


@pytest.mark.parametrize(("is_single", "type_of_a_column"), [(True, "bigint"), (False, "bigint[]")])
def test_a_statement_has_the_parts_that_it_needs(*, is_single: bool, type_of_a_column: str) -> None:
    text = commit_text(("signals",), is_single=is_single)

    assert "INSERT INTO cnstra.signals" in text
    assert "cnstra.frontier" not in text
    assert f"$13::{type_of_a_column})" in text
    assert "$14" not in text


async def test_one_row_of_each_kind_needs_no_arrays(store: PostgresStore) -> None:
    state = await admitted(store, new_run(tasks=3))
    single = hop(state)
    wide = hop(state)
    wide.removed = [0, 1]

    assert Batch([single]).is_single
    assert not Batch([wide]).is_single
    assert not Batch([single, hop(await admitted(store, new_run("other")))]).is_single
