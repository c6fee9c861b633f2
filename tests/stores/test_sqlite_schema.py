from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cnstra.errors import StoreError
from cnstra.stores import SqliteStore
from cnstra.stores.sqlite import schema
from cnstra.testing.building import admitted

ROOT = 0
NOBODY = 65534
IS_ROOT = os.geteuid() == ROOT


async def opened_and_closed(path: Path) -> None:
    store = SqliteStore(path, busy_timeout=0.2)
    await store.open()
    await store.close()


def names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def make_read_only(path: Path) -> None:
    path.chmod(0o444)


def ask(path: Path, question: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(question).fetchone()[0]


@contextmanager
def all_rights(folder: Path) -> Iterator[None]:
    if IS_ROOT:
        os.seteuid(ROOT)
        yield
        os.seteuid(NOBODY)
    else:
        folder.chmod(0o755)
        yield
        folder.chmod(0o555)


@pytest.fixture
def folder_without_rights() -> Iterator[Path]:
    """A folder that this process may read only; as root it becomes somebody else for that."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755 if IS_ROOT else 0o555)
    if IS_ROOT:
        os.seteuid(NOBODY)
    yield folder
    if IS_ROOT:
        os.seteuid(ROOT)
    folder.chmod(0o755)
    shutil.rmtree(folder)


async def test_a_new_file_gets_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"

    await opened_and_closed(path)

    assert ask(path, "SELECT schema_version FROM cnstra_meta") == schema.SCHEMA_VERSION
    assert ask(path, "PRAGMA application_id") == schema.APPLICATION_ID
    assert ask(path, "PRAGMA journal_mode") == "wal"
    assert ask(path, "PRAGMA auto_vacuum") == 2
    assert names(tmp_path) == ["runs.db"]


async def test_a_path_may_be_any_text(tmp_path: Path) -> None:
    path = tmp_path / "läufe & 100% ? # 'x'.db"

    await opened_and_closed(path)

    assert path.is_file()


async def test_the_tables_may_live_beside_others(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY)")

    await opened_and_closed(path)

    assert ask(path, "PRAGMA application_id") == 0
    assert ask(path, "SELECT count(*) FROM runs") == 0


async def test_an_older_schema_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.db"
    await opened_and_closed(path)
    migration = tmp_path / "0099_notes.sql"
    migration.write_text("CREATE TABLE cnstra_notes (\n  text TEXT -- a comment; with a semicolon\n);\n")
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, migration])
    monkeypatch.setattr(schema, "SCHEMA_VERSION", schema.SCHEMA_VERSION + 1)

    await opened_and_closed(path)
    await opened_and_closed(path)

    assert ask(path, "SELECT count(*) FROM cnstra_notes") == 0
    assert ask(path, "SELECT schema_version FROM cnstra_meta") == schema.SCHEMA_VERSION


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.db"
    await opened_and_closed(path)
    migration = tmp_path / "0099_broken.sql"
    migration.write_text("CREATE TABLE cnstra_notes (text TEXT);\nCREATE TABLE cnstra_runs (key);\n")
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, migration])
    monkeypatch.setattr(schema, "SCHEMA_VERSION", schema.SCHEMA_VERSION + 1)

    with pytest.raises(StoreError, match="cnstra_runs already exists"):
        await opened_and_closed(path)

    assert ask(path, "SELECT count(*) FROM sqlite_master WHERE name = 'cnstra_notes'") == 0


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    await opened_and_closed(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE cnstra_meta SET schema_version = 99")

    with pytest.raises(StoreError, match=r"runs\.db: it has schema version 99, .* up to \d+: upgrade cnstra"):
        await opened_and_closed(path)


@pytest.mark.parametrize("path", [":memory:", ""])
def test_a_database_in_memory_is_refused(path: str) -> None:
    with pytest.raises(StoreError, match="use MemoryStore"):
        SqliteStore(path)


def test_an_unknown_synchronous_is_refused() -> None:
    with pytest.raises(StoreError, match="'FULL', 'NORMAL' or 'OFF'"):
        SqliteStore("runs.db", synchronous="SOME")  # type: ignore[arg-type]


async def test_a_relative_path_stays_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("runs.db")
    monkeypatch.chdir("/")

    await store.open()
    await store.close()

    assert names(tmp_path) == ["runs.db"]


async def test_a_sqlite_that_is_too_old_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 1))

    with pytest.raises(StoreError, match=r"needs 3\.33\.0 or newer"):
        await opened_and_closed(tmp_path / "runs.db")


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no folder .*nowhere; create it first"):
        await opened_and_closed(tmp_path / "nowhere" / "runs.db")


async def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="this is a folder"):
        await opened_and_closed(tmp_path)


async def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"this is no database" * 1000)

    with pytest.raises(StoreError, match=r"photo\.jpg: the file is not an SQLite database: give another path"):
        await opened_and_closed(path)

    assert path.read_bytes() == b"this is no database" * 1000


async def test_a_folder_that_may_not_be_written_is_named(folder_without_rights: Path) -> None:
    with pytest.raises(StoreError, match=r"runs\.db: the file cannot be opened: check that"):
        await opened_and_closed(folder_without_rights / "runs.db")


async def test_a_read_only_file_is_named(folder_without_rights: Path) -> None:
    path = folder_without_rights / "runs.db"
    with all_rights(folder_without_rights):
        await opened_and_closed(path)
        make_read_only(path)

    with pytest.raises(StoreError, match=r"runs\.db: the file or its folder is read-only"):
        await opened_and_closed(path)


async def test_a_failed_open_can_be_tried_again(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "folder" / "runs.db")
    with pytest.raises(StoreError):
        await store.open()
    (tmp_path / "folder").mkdir()

    await store.open()

    await admitted(store)
    await store.close()


OPEN = """
import asyncio, sys
from cnstra.stores import SqliteStore
async def main():
    store = SqliteStore(sys.argv[1])
    await store.open()
    assert await store.list("") is not None
    await store.close()
sys.stdin.read(1)
asyncio.run(main())
"""


def test_many_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    command = [sys.executable, "-c", OPEN, str(path)]
    children = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(6)]

    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"g")
        child.stdin.flush()
    outcomes = [(child.communicate()[1], child.returncode) for child in children]

    assert outcomes == [(b"", 0)] * 6
    assert ask(path, "SELECT count(*) FROM cnstra_meta") == 1


FORGET = """
import asyncio, sys
from cnstra.stores import SqliteStore
async def main():
    store = SqliteStore(sys.argv[1])
    await store.open()
    await store.workers()
    return store
store = asyncio.run(main())
"""


def test_a_store_that_nobody_closed_does_not_hold_up_the_exit(tmp_path: Path) -> None:
    child = subprocess.run([sys.executable, "-c", FORGET, str(tmp_path / "runs.db")], timeout=30, check=False)

    assert child.returncode == 0
