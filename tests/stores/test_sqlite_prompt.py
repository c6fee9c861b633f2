"""Short writes that the event loop does itself."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from cnstra.stores import SqliteStore
from cnstra.testing.building import new_run
from tests.durable.waiting import until


async def threads_of_commits(store: SqliteStore) -> list[int]:
    """Return a list that tells of each commit from now on in which thread it was made."""
    threads: list[int] = []

    def note(statement: str) -> None:
        if statement == "COMMIT":
            threads.append(threading.get_ident())

    await store._writer.run(lambda connection: connection.set_trace_callback(note), is_alone=True)
    await until(lambda: not store._writer._busy.locked())  # the thread lets go of the connection after it has answered
    return threads


async def test_a_run_that_is_admitted_alone_is_written_by_the_event_loop(sqlite_store: SqliteStore) -> None:
    threads = await threads_of_commits(sqlite_store)

    state = await sqlite_store.admit(new_run("run-1"), "worker")

    assert state is not None
    assert threads == [threading.get_ident()]


async def test_runs_that_are_admitted_at_once_are_left_to_the_thread(sqlite_store: SqliteStore) -> None:
    threads = await threads_of_commits(sqlite_store)

    await asyncio.gather(*(sqlite_store.admit(new_run(f"run-{n}"), "worker") for n in range(9)))

    assert threading.get_ident() not in threads


async def test_a_lock_of_another_process_is_waited_for_outside_the_event_loop(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "runs.db", busy_timeout=60.0)
    await store.open()
    with closing(sqlite3.connect(tmp_path / "runs.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        admission = asyncio.ensure_future(store.admit(new_run("run-1"), "worker"))
        await until(store._writer._busy.locked)
        other.execute("ROLLBACK")

    assert await admission is not None
    await store.close()


async def test_what_came_in_the_last_round_is_written_before_the_store_closes(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "runs.db")
    await store.open()

    admission = store._prompt.write_alone(lambda connection: connection.in_transaction)
    await store.close()

    assert await admission


def test_an_event_loop_that_stood_still_too_early_does_not_hold_up_the_next_one(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "runs.db")
    loop = asyncio.new_event_loop()

    async def admit_in_the_last_round() -> None:
        await store.open()
        store._prompt.write_alone(lambda connection: connection.in_transaction)
        asyncio.get_running_loop().stop()

    task = loop.create_task(admit_in_the_last_round())
    loop.run_forever()
    assert task.done()
    loop.close()

    async def admit() -> bool:
        async with asyncio.timeout(60):
            state = await store.admit(new_run("run-1"), "worker")
        await store.close()
        return state is not None

    assert asyncio.run(admit())
