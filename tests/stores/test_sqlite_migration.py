"""A file of the first schema version, with runs in it, goes on under this one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from cnstra.persist.records import RunFilter
from cnstra.stores import SqliteStore
from cnstra.stores.sqlite import schema
from cnstra.testing.building import BOOM, COMPLETED, enqueued, hop, signal, task

RUN = """
    INSERT INTO cnstra_runs (key, scope, stimulation_id, status, owner, attempt_number, recoveries, entry_count, volume,
        clone_of, created_at, ended_at, options)
    VALUES (:key, '', :name, :status, :owner, 1, 2, 1, 'full', 'first', 1000.0 + :key, :ended_at, x'7B7D');
    INSERT INTO cnstra_progress VALUES (:key, 1, 1, 2, 2, 1, 1, 1001.0);
    INSERT INTO cnstra_attempts VALUES (:key, 1, :attempt, 'worker', 1000.0, NULL, 0, NULL, :error);
    INSERT INTO cnstra_signals VALUES (:key << 32, NULL, 'card_created', 2, :first);
    INSERT INTO cnstra_signals VALUES (:key << 32 | 1, 0, 'card_created', 2, :second);
    INSERT INTO cnstra_frontier VALUES (:key << 32 | 1, 'card-1', 'card_created', 1, 1, NULL);
    INSERT INTO cnstra_history (key, ordinal, attempt_number, neuron_name, collateral_name, dendrite_index, signal,
        status, error, started_at, duration)
    VALUES (:key, 0, 1, 'card-0', 'card_created', 1, 0, 'done', NULL, 12.5, 0.25);
    INSERT INTO cnstra_contexts VALUES (:key, 'card-0', x'31');
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "runs.db"
    error = json.dumps([BOOM.type_name, BOOM.message, BOOM.traceback])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(schema.MIGRATIONS[0].read_text(encoding="utf-8"))
        connection.execute("INSERT INTO cnstra_meta VALUES (1)")
        for key, name, status, attempt, text in (
            (1, "busy", "running", "running", None),
            (2, "waiting", "pending", "interrupted", None),
            (3, "broken", "failed", "failed", error),
        ):
            values = {"key": key, "name": name, "status": status, "attempt": attempt, "error": text}
            values |= {"owner": "worker" if key == 1 else None, "ended_at": 1002.0 if text else None}
            values |= {"first": signal(0).payload, "second": signal(1).payload}
            for statement in RUN.split(";")[:-1]:
                connection.execute(statement, values)
    return path


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, synchronous="OFF")
    await store.open()
    yield store
    await store.close()


async def test_its_runs_are_still_listed(store: SqliteStore) -> None:
    page = await store.list("")

    assert [(run.stimulation_id, run.priority, run.due_at) for run in page] == [
        (name, 0, None) for name in ("broken", "waiting", "busy")
    ]
    assert page.runs[0].error == BOOM


async def test_its_runs_are_found_by_what_is_new(store: SqliteStore) -> None:
    assert len(await store.list("", where=RunFilter(entry="card_created"))) == 3
    assert len(await store.list("", where=RunFilter(error="boom"))) == 1
    assert len(await store.list("", where=RunFilter(id_prefix="b"))) == 2
    assert (await store.stats("")).oldest_open_at == 1001.0


async def test_its_runs_are_recovered_where_they_stood(store: SqliteStore) -> None:
    await enqueued(store, "urgent", priority=1)

    states = await store.claim("", "other", dead=(), limit=9, max_recoveries=3)

    assert [state.run.stimulation_id for state in states] == ["urgent", "busy", "waiting"]
    busy = states[1]
    assert (busy.sequence, busy.tasks, busy.contexts) == (1, (task(1, of=1),), {"card-0": b"1"})
    assert busy.signals == {1: signal(1, producer=0)}
    assert (busy.run.attempt_number, busy.run.recoveries) == (2, 3)
    assert await store.commit([hop(busy, ended=COMPLETED)]) == [True]


async def test_its_history_is_still_told(store: SqliteStore) -> None:
    [one] = await store.tasks("", "broken")

    assert (one.settled.task, one.settled.contexts, one.settled.logs) == (task(0), None, ())
    assert (one.input, list(one.outputs)) == (signal(0), [signal(1, producer=0)])


async def test_it_is_migrated_once(path: Path, store: SqliteStore) -> None:
    await store.close()
    await store.open()

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT schema_version FROM cnstra_meta").fetchall() == [(schema.SCHEMA_VERSION,)]
        assert connection.execute("SELECT count(*) FROM cnstra_changes").fetchone() == (1,)
