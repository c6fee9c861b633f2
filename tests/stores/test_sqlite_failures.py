from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cnstra.errors import StoreError
from cnstra.stores import SqliteStore
from cnstra.testing.building import admitted, after, frontier, hop, new_run, run_to_its_end, signal, task, worker

Lock = sqlite3.Connection


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"  # where sqlite_store keeps its file


@pytest.fixture
def other(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of another program."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


async def test_a_lock_of_another_process_is_told_and_passes(sqlite_store: SqliteStore, other: Lock) -> None:
    state = await admitted(sqlite_store)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(StoreError, match=r"runs\.db: the database is locked by another process, for over 0\.2 s"):
        await sqlite_store.commit([hop(state)])
    with pytest.raises(StoreError, match="locked by another process"):
        await asyncio.to_thread(sqlite_store.beat, "worker", 60)

    other.execute("COMMIT")
    assert await sqlite_store.commit([hop(state)]) == [True]


async def test_all_who_wait_for_a_locked_file_are_told(sqlite_store: SqliteStore, other: Lock) -> None:
    other.execute("BEGIN EXCLUSIVE")

    outcomes = await asyncio.gather(
        *(sqlite_store.admit(new_run(f"run-{n}"), "worker") for n in range(5)), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [StoreError] * 5


async def test_readers_do_not_wait_for_a_writer(sqlite_store: SqliteStore, other: Lock) -> None:
    await admitted(sqlite_store)
    other.execute("BEGIN IMMEDIATE")

    assert await sqlite_store.get("", "run") is not None


async def test_a_reader_elsewhere_does_not_hold_up_the_close(
    sqlite_store: SqliteStore, other: Lock, path: Path
) -> None:
    await admitted(sqlite_store)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM cnstra_runs").fetchone()
    await admitted(sqlite_store, new_run("later"))

    await sqlite_store.close()

    other.execute("COMMIT")
    assert other.execute("SELECT count(*) FROM cnstra_runs").fetchone() == (2,)


async def test_a_full_disk_is_told_and_nothing_is_half_written(sqlite_store: SqliteStore) -> None:
    state = await admitted(sqlite_store)
    delta = hop(state)
    delta.signals[1] = signal(1)._replace(payload=b"1" * 100_000)
    await sqlite_store._writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 40").fetchall())

    with pytest.raises(StoreError, match=r"runs\.db: the disk is full, and nothing of this write was kept"):
        await sqlite_store.commit([delta])

    assert await sqlite_store.get("", "run") == state.run
    await sqlite_store._writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 4000").fetchall())
    assert await sqlite_store.commit([delta]) == [True]


FILL = """
import asyncio, resource, sys
from pathlib import Path
from cnstra.errors import StoreError
from cnstra.stores import SqliteStore
from cnstra.testing.building import admitted, after, hop
async def main():
    store = SqliteStore(sys.argv[1])
    await store.open()
    state = await admitted(store)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        while True:
            delta = hop(state)
            await store.commit([delta])
            state = after(state, delta)
    except StoreError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert await store.commit([delta]) == [True]
    run = await store.get("", "run")
    assert run.hop_count == delta.sequence == len(await store.tasks("", "run")), (run, delta)
    await store.close()
asyncio.run(main())
"""


def test_a_file_that_may_not_grow_is_told_and_work_goes_on(path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", FILL, str(path)], capture_output=True, text=True, timeout=60, check=False
    )

    assert child.stderr == ""
    assert "the disk refused, and nothing of this write was kept" in child.stdout


async def test_a_damaged_file_is_told(sqlite_store: SqliteStore, other: Lock, path: Path) -> None:
    await run_to_its_end(sqlite_store, "run")
    (page,) = other.execute("SELECT rootpage FROM sqlite_master WHERE name = 'cnstra_runs'").fetchone()
    other.close()
    await sqlite_store.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    await sqlite_store.open()

    with pytest.raises(StoreError, match=r"runs\.db: the file is damaged: restore a backup"):
        await sqlite_store.get("", "run")


async def test_a_text_that_sqlite_cannot_hold_harms_nobody_else(sqlite_store: SqliteStore) -> None:
    bad, good = await asyncio.gather(
        sqlite_store.admit(new_run("\ud800"), "worker"),
        sqlite_store.admit(new_run("good"), "worker"),
        return_exceptions=True,
    )

    assert isinstance(bad, StoreError)
    assert "surrogates not allowed" in str(bad)
    assert not isinstance(good, BaseException)


async def test_a_number_that_sqlite_cannot_hold_is_told(sqlite_store: SqliteStore) -> None:
    state = await admitted(sqlite_store)
    delta = hop(state)
    delta.signals[1] = signal(1)._replace(version=2**70)

    with pytest.raises(StoreError, match="too large"):
        await sqlite_store.commit([delta])

    assert await frontier(sqlite_store, "run") == [task(0)]


async def test_an_ordinal_that_is_used_twice_is_an_error(sqlite_store: SqliteStore) -> None:
    state = await admitted(sqlite_store)
    delta = hop(state)
    await sqlite_store.commit([delta])
    again = hop(after(state, delta))
    again.tasks = dict(delta.tasks)

    with pytest.raises(StoreError, match="UNIQUE constraint failed"):
        await sqlite_store.commit([again])

    assert await sqlite_store.commit([hop(after(state, delta))]) == [True]


async def test_a_store_that_is_not_open_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "runs.db")

    with pytest.raises(StoreError, match=r"runs\.db is not open"):
        await store.admit(new_run(), "worker")
    with pytest.raises(StoreError, match="is not open"):
        await store.list("")
    with pytest.raises(StoreError, match="is not open"):
        store.beat("worker", 60)


async def test_a_beat_after_the_close_says_so(sqlite_store: SqliteStore) -> None:
    await sqlite_store.add_worker(worker(), lease=60)
    assert sqlite_store.beat("worker", 60)

    await sqlite_store.close()

    with pytest.raises(StoreError, match="is not open"):
        sqlite_store.beat("worker", 60)
