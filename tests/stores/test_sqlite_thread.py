from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from cnstra.stores import SqliteStore
from cnstra.testing.building import admitted, hop, new_run


async def test_what_is_written_at_the_same_time_shares_a_transaction(sqlite_store: SqliteStore) -> None:
    statements: list[str] = []
    await sqlite_store._writer.run(lambda connection: connection.set_trace_callback(statements.append))

    await asyncio.gather(*(admitted(sqlite_store, new_run(f"run-{n}")) for n in range(100)))

    assert len(await sqlite_store.list("", limit=200)) == 100
    assert statements.count("COMMIT") < 50


async def test_work_that_stands_alone_shares_no_transaction(sqlite_store: SqliteStore) -> None:
    jobs = [
        sqlite_store._writer.run(lambda connection: connection.in_transaction, is_alone=is_alone)
        for is_alone in (False, True, True, False)
    ]

    assert await asyncio.gather(*jobs) == [True, False, False, True]


async def test_one_refusal_does_not_undo_what_shares_its_transaction(sqlite_store: SqliteStore) -> None:
    state = await admitted(sqlite_store)
    await sqlite_store.claim("", "other", dead=["worker"], limit=1)

    applied, *states = await asyncio.gather(
        sqlite_store.commit([hop(state)]), *(sqlite_store.admit(new_run(f"run-{n}"), "worker") for n in range(9))
    )

    assert applied == [False]
    assert None not in states


async def test_who_stops_waiting_does_not_stop_the_work(sqlite_store: SqliteStore) -> None:
    waiting = asyncio.ensure_future(sqlite_store.admit(new_run(), "worker"))
    await asyncio.sleep(0)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert await sqlite_store.admit(new_run(), "worker") is None


async def test_closing_waits_for_what_was_begun(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "runs.db")
    await store.open()
    admissions = [asyncio.ensure_future(store.admit(new_run(f"run-{n}"), None)) for n in range(20)]
    await asyncio.sleep(0)

    await store.close()

    assert None not in await asyncio.gather(*admissions)


async def test_a_closed_store_leaves_no_thread(tmp_path: Path) -> None:
    before = threading.enumerate()
    store = SqliteStore(tmp_path / "runs.db")
    await store.open()
    await store.workers()

    await store.close()

    assert set(threading.enumerate()) <= set(before)


async def test_an_open_that_is_cancelled_leaves_no_thread(tmp_path: Path) -> None:
    before = threading.enumerate()
    store = SqliteStore(tmp_path / "runs.db")
    opening = asyncio.ensure_future(store.open())
    await asyncio.sleep(0)

    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    for thread in set(threading.enumerate()).difference(before):
        thread.join(10)

    assert set(threading.enumerate()) <= set(before)
    await store.open()
    await store.close()


async def test_any_error_of_the_work_reaches_its_waiter(sqlite_store: SqliteStore) -> None:
    def work(connection: sqlite3.Connection) -> None:
        raise KeyError(connection.in_transaction)

    with pytest.raises(KeyError, match="True"):
        await sqlite_store._writer.run(work)
    with pytest.raises(KeyError, match="False"):
        await sqlite_store._reader.run(work)

    await admitted(sqlite_store)


def test_a_loop_that_ends_while_work_is_under_way_does_no_harm(tmp_path: Path) -> None:
    go = threading.Event()
    store = SqliteStore(tmp_path / "runs.db")

    async def leave_work_behind() -> None:
        await store.open()
        asyncio.ensure_future(store._reader.run(lambda _: go.wait(30)))  # noqa: RUF006 - left behind on purpose
        await asyncio.sleep(0.01)

    asyncio.run(leave_work_behind())
    go.set()

    async def close() -> None:
        await store.close()

    asyncio.run(close())
