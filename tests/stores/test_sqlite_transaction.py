from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cnstra.errors import StoreError
from cnstra.stores import SqliteStore
from cnstra.testing.building import admitted, frontier, hop, new_run, task


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "runs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
        connection.execute(
            "CREATE TABLE children (parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)"
        )
    return path


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, synchronous="OFF", busy_timeout=0.2)
    await store.open()
    yield store
    await store.close()


def parents(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM parents ORDER BY id").fetchall()]


REFUSED: dict[str, Callable[[sqlite3.Connection], object]] = {
    "commit": lambda connection: connection.commit(),
    "rollback": lambda connection: connection.rollback(),
    "close": lambda connection: connection.close(),
    "executescript": lambda connection: connection.executescript("SELECT 1"),
    "with": lambda connection: connection.__enter__(),
}


@pytest.mark.parametrize("end", REFUSED.values(), ids=REFUSED)
async def test_what_would_end_the_transaction_is_refused_and_harms_nothing(
    store: SqliteStore, path: Path, end: Callable[[sqlite3.Connection], object]
) -> None:
    state = await admitted(store)

    async with store.transaction() as transaction:
        transaction.connection.execute("INSERT INTO parents VALUES (1)")
        with pytest.raises(StoreError, match="this connection belongs to a hop"):
            end(transaction.connection)
        assert await transaction.commit([hop(state)]) == [True]

    assert parents(path) == [1]


async def test_a_rollback_by_hand_is_told(store: SqliteStore, path: Path) -> None:
    state = await admitted(store)

    async def roll_back_and_commit() -> None:
        async with store.transaction() as transaction:
            transaction.connection.execute("INSERT INTO parents VALUES (1)")
            transaction.connection.execute("ROLLBACK")
            await transaction.commit([hop(state)])

    with pytest.raises(StoreError, match="the handler has ended the transaction of its hop"):
        await roll_back_and_commit()

    assert parents(path) == []
    assert await frontier(store, "run") == [task(0)]


async def test_savepoints_are_the_users_own_affair(store: SqliteStore, path: Path) -> None:
    state = await admitted(store)

    async with store.transaction() as transaction:
        transaction.connection.execute("INSERT INTO parents VALUES (1)")
        transaction.connection.execute("SAVEPOINT mine")
        transaction.connection.execute("INSERT INTO parents VALUES (2)")
        transaction.connection.execute("ROLLBACK TO mine")
        await transaction.commit([hop(state)])

    assert parents(path) == [1]


async def test_settings_of_the_connection_are_for_one_transaction(store: SqliteStore) -> None:
    state = await admitted(store)

    async with store.transaction() as transaction:
        transaction.connection.row_factory = lambda *_: {}
        transaction.connection.text_factory = bytes
        await transaction.commit([hop(state)])

    async with store.transaction() as transaction:
        assert transaction.connection.execute("SELECT 'text'").fetchone() == ("text",)


async def test_a_constraint_that_fails_at_the_commit_undoes_all(store: SqliteStore) -> None:
    state = await admitted(store)

    async def commit_an_orphan() -> None:
        async with store.transaction() as transaction:
            transaction.connection.execute("INSERT INTO children VALUES (9)")
            await transaction.commit([hop(state)])

    with pytest.raises(StoreError, match=r"runs\.db: FOREIGN KEY constraint failed"):
        await commit_an_orphan()

    assert await frontier(store, "run") == [task(0)]
    assert await store.commit([hop(state)]) == [True]


async def test_a_thread_that_was_given_up_writes_nothing_any_more(store: SqliteStore, path: Path) -> None:
    go, is_over = threading.Event(), threading.Event()
    errors: list[str] = []

    def write_late(connection: sqlite3.Connection) -> None:
        go.wait(30)
        try:
            connection.execute("INSERT INTO parents VALUES (1)")
        except sqlite3.OperationalError as error:
            errors.append(str(error))
        is_over.set()

    async with store.transaction() as transaction:
        threading.Thread(target=write_late, args=(transaction.connection,)).start()
    async with store.transaction() as other:
        go.set()
        await asyncio.to_thread(is_over.wait, 30)
        await other.commit([])

    assert errors == ["attempt to write a readonly database"]
    assert parents(path) == []


async def test_a_transaction_that_stays_open_for_too_long_is_undone(path: Path) -> None:
    store = SqliteStore(path, synchronous="OFF", transaction_timeout=0.05)
    await store.open()
    state = await admitted(store)
    is_open = asyncio.Event()

    async def commit_meanwhile() -> list[bool]:
        await is_open.wait()
        return await store.commit([hop(state)])

    async def linger(others: asyncio.Task[list[bool]]) -> None:
        async with store.transaction() as transaction:
            transaction.connection.execute("INSERT INTO parents VALUES (1)")
            is_open.set()
            assert await others == [True]
            await transaction.commit([])

    with pytest.raises(StoreError, match=r"it was open for over 0\.05 s, in which nobody else can write"):
        await linger(asyncio.create_task(commit_meanwhile()))

    assert parents(path) == []
    await store.close()


async def test_a_handler_that_would_wait_for_itself_is_told(store: SqliteStore) -> None:
    state = await admitted(store)

    async with store.transaction() as transaction:
        with pytest.raises(StoreError, match="cannot write while this handler has a transaction open"):
            await store.admit(new_run("other"), None)
        with pytest.raises(StoreError, match="cannot write"):
            async with store.transaction():
                pass
        assert await store.get("", "run") == state.run
        await transaction.commit([hop(state)])
        assert await store.admit(new_run("other"), None) is not None


async def test_closing_the_store_undoes_what_is_open(path: Path) -> None:
    store = SqliteStore(path, synchronous="OFF")
    await store.open()
    state = await admitted(store)

    async with store.transaction() as transaction:
        transaction.connection.execute("INSERT INTO parents VALUES (1)")
        await store.close()
        with pytest.raises(StoreError, match="or the store was closed"):
            await transaction.commit([hop(state)])

    assert parents(path) == []


async def test_closing_the_store_lets_nobody_wait_for_a_turn(path: Path) -> None:
    store = SqliteStore(path, synchronous="OFF")
    await store.open()

    async def open_one() -> None:
        async with store.transaction():
            await asyncio.Event().wait()

    waiting = [asyncio.ensure_future(open_one()) for _ in range(3)]
    await asyncio.sleep(0.05)
    await store.close()

    done, pending = await asyncio.wait(waiting, timeout=0)
    assert [str(one.exception()) for one in done] == ["the store was closed before the transaction could begin"] * 2
    for one in pending:
        one.cancel()
    await asyncio.wait(pending)


async def test_who_is_cancelled_while_waiting_for_a_turn_takes_none(store: SqliteStore, path: Path) -> None:
    is_open = asyncio.Event()

    async def write() -> None:
        await is_open.wait()
        async with store.transaction() as transaction:
            transaction.connection.execute("INSERT INTO parents VALUES (1)")
            await transaction.commit([])

    waiting = asyncio.create_task(write())
    async with store.transaction() as transaction:
        is_open.set()
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.wait([waiting])
        transaction.connection.execute("INSERT INTO parents VALUES (2)")
        await transaction.commit([])

    assert waiting.cancelled()
    assert parents(path) == [2]


async def test_a_lock_of_another_process_is_told_and_passes(store: SqliteStore, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"the database is locked by another process, for over 0\.2 s"):
            await store.transaction().__aenter__()
        other.execute("COMMIT")

    async with store.transaction() as transaction:
        await transaction.commit([])


async def test_a_transaction_needs_an_open_store(path: Path) -> None:
    with pytest.raises(StoreError, match="is not open"):
        await SqliteStore(path).transaction().__aenter__()


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Without the garbage collector, which would tidy up behind us."""
    gc.disable()
    yield
    gc.enable()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.usefixtures("no_collector")
async def test_a_commit_closes_the_connection(store: SqliteStore) -> None:
    files = []

    for _ in range(4):
        async with store.transaction() as transaction:
            await transaction.commit([])
        with pytest.raises(StoreError, match="this transaction is over"):
            _ = transaction.connection
        files.append(open_files())

    assert files == files[:1] * 4  # SQLite keeps the file of the first one, and uses it for the others


async def test_who_lets_go_of_a_connection_last_closes_it(store: SqliteStore) -> None:
    files = []

    for _ in range(4):
        async with store.transaction():
            pass
        gc.collect()
        files.append(open_files())

    assert files == files[:1] * 4


def test_a_loop_that_ends_while_one_is_open_does_no_harm(path: Path) -> None:
    store = SqliteStore(path, synchronous="OFF")

    async def leave_one_open() -> None:
        await store.open()
        transaction = await store.transaction().__aenter__()
        transaction.connection.execute("INSERT INTO parents VALUES (1)")

    async def close() -> None:
        await store.close()

    asyncio.run(leave_one_open())
    asyncio.run(close())

    assert parents(path) == []
