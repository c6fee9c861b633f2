from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from cnstra.stores import SqliteStore
from cnstra.testing.building import admitted, after, enqueued, hop, new_run, worker


@pytest.fixture
async def elsewhere(sqlite_store: SqliteStore, tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """The same file, opened by what might be another process."""
    store = SqliteStore(tmp_path / "runs.db", synchronous="OFF")
    await store.open()
    yield store
    await store.close()


async def test_what_another_process_enqueues_wakes_who_waits(sqlite_store: SqliteStore, elsewhere: SqliteStore) -> None:
    waiting = [asyncio.ensure_future(sqlite_store.changed("", 60)) for _ in range(3)]
    await asyncio.sleep(0.05)

    await enqueued(elsewhere, "run")

    assert await asyncio.gather(*waiting) == [True] * 3


async def test_what_came_between_the_look_and_the_wait_is_not_missed(
    sqlite_store: SqliteStore, elsewhere: SqliteStore
) -> None:
    assert await sqlite_store.claim("", "worker", dead=(), limit=1) == []
    await enqueued(elsewhere, "run")

    assert await sqlite_store.changed("", 60)
    assert not await sqlite_store.changed("", 0.1)


async def test_hops_wake_nobody(sqlite_store: SqliteStore, elsewhere: SqliteStore) -> None:
    states = [await admitted(sqlite_store, new_run("mine")), await admitted(elsewhere, new_run("theirs"))]
    waiting = asyncio.ensure_future(sqlite_store.changed("", 0.3))

    while not waiting.done():
        deltas = [hop(state) for state in states]
        assert await sqlite_store.commit(deltas[:1]) + await elsewhere.commit(deltas[1:]) == [True, True]
        states = [after(state, delta) for state, delta in zip(states, deltas, strict=True)]
        await asyncio.sleep(0.01)

    assert not await waiting


async def test_what_this_process_does_wakes_once(sqlite_store: SqliteStore) -> None:
    waiting = asyncio.ensure_future(sqlite_store.changed("", 60))
    await asyncio.sleep(0.05)

    await enqueued(sqlite_store, "run")

    assert await waiting
    assert not await sqlite_store.changed("", 0.1)


async def test_a_wait_ends_when_it_should(sqlite_store: SqliteStore) -> None:
    assert not await sqlite_store.changed("", 0)
    assert not await sqlite_store.changed("", -1)


async def test_nobody_looks_while_nobody_waits(sqlite_store: SqliteStore) -> None:
    assert not await sqlite_store.changed("", 0.05)
    statements: list[str] = []
    await sqlite_store._reader.run(lambda connection: connection.set_trace_callback(statements.append))

    await asyncio.sleep(0.1)

    assert statements == []


async def test_a_beat_and_a_worker_that_was_never_there_wake_nobody(sqlite_store: SqliteStore) -> None:
    await sqlite_store.add_worker(worker(), lease=60)
    assert sqlite_store.beat("worker", 60)
    await sqlite_store.remove_worker("nobody")

    assert not await sqlite_store.changed("", 0.05)


async def test_a_count_that_is_gone_harms_nothing(sqlite_store: SqliteStore, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "runs.db")) as other, other:
        other.execute("DELETE FROM cnstra_changes")

    await enqueued(sqlite_store, "run")

    assert not await sqlite_store.changed("", 0.05)


ENQUEUE = """
import asyncio, sys
from cnstra.stores import SqliteStore
from cnstra.testing.building import enqueued
async def main():
    store = SqliteStore(sys.argv[1])
    await store.open()
    sys.stdin.readline()
    await enqueued(store, "run")
    await store.close()
asyncio.run(main())
"""


async def test_a_worker_hears_of_the_run_of_a_process_that_only_enqueues(
    sqlite_store: SqliteStore, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", ENQUEUE, str(tmp_path / "runs.db")]
    child = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE)
    waiting = asyncio.ensure_future(sqlite_store.changed("", 60))

    await child.communicate(b"go\n")

    assert await waiting
    assert child.returncode == 0
    assert len(await sqlite_store.claim("", "worker", dead=(), limit=9)) == 1
