"""Opening a database file: its settings, and its tables brought up to date."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Literal, TypeAlias

from cnstra.errors import StoreError

__all__ = ["SCHEMA_VERSION", "Synchronous", "check_path", "connect", "connect_writer", "prepare_to_write"]

Synchronous: TypeAlias = Literal["FULL", "NORMAL", "OFF"]

APPLICATION_ID = 0x434E5354  # "CNST", so that `file` can tell what a database is for
OLDEST_SQLITE = (3, 33, 0)
"""`UPDATE ... FROM` came with 3.33, the limit of 32,766 parameters with 3.32."""
CHECKPOINT_PAGES = 1000
"""When the log is folded into the file: at 4 MB. A quarter of that was as fast where an fsync takes 0.2 ms; where it
takes 2 ms, by reckoning, 50 runs at once would spend a quarter of their time on it."""
JOURNAL_BYTES = CHECKPOINT_PAGES * 4096

MIGRATIONS = sorted(
    (
        entry
        for entry in (resources.files("cnstra.stores.sqlite") / "migrations").iterdir()
        if entry.name.endswith(".sql")
    ),
    key=lambda entry: entry.name,
)
SCHEMA_VERSION = len(MIGRATIONS)


def check_path(path: Path) -> None:
    """Raise a `StoreError` for what SQLite would not say clearly."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        raise StoreError(f"this Python has SQLite {sqlite3.sqlite_version}; the store needs {needed} or newer")
    if path.is_dir():
        raise StoreError(f"{path}: this is a folder; give the path of a file in it")
    if not path.parent.is_dir():
        raise StoreError(f"{path}: there is no folder {path.parent}; create it first")


def connect(path: Path, busy_timeout: float) -> sqlite3.Connection:
    """Open a connection in autocommit mode; transactions are opened and closed by hand."""
    return sqlite3.connect(
        path,
        timeout=busy_timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,  # a dozen kinds, each for two dozen numbers of rows
    )


def connect_writer(path: Path, busy_timeout: float, synchronous: Synchronous) -> sqlite3.Connection:
    """Open the connection that writes, and bring the file up to date."""
    check_path(path)
    connection = connect(path, busy_timeout)
    try:
        connection.execute(
            "PRAGMA auto_vacuum = INCREMENTAL"
        )  # takes effect in a new file, so that a purge gives space back
        _switch_to_wal(connection, busy_timeout)
        prepare_to_write(connection, synchronous)
        _migrate(connection, path)
        connection.execute("PRAGMA busy_timeout = 0")  # who begins a transaction waits for the lock, or does not
    except BaseException:
        connection.close()
        raise
    return connection


def prepare_to_write(connection: sqlite3.Connection, synchronous: Synchronous) -> None:
    """Set what a connection that commits has to be told."""
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    if sys.platform == "darwin":  # where a plain fsync leaves the data in the drive's cache
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA checkpoint_fullfsync = ON")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_BYTES}")


def _switch_to_wal(connection: sqlite3.Connection, busy_timeout: float) -> None:
    """Switch to write-ahead logging, which readers do not hold up.

    SQLite does not wait for a lock here, and several processes may open a new file at once.
    """
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Apply what is missing. The write lock is taken in any case: it also tells whether the file can be written."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _version(connection)
        if found > SCHEMA_VERSION:
            raise StoreError(
                f"{path}: it has schema version {found}, and this cnstra knows versions up to {SCHEMA_VERSION}: "
                "upgrade cnstra, or use another file"
            )
        if found == 0 and not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for migration in MIGRATIONS[found:]:
            for statement in _statements(migration.read_text(encoding="utf-8")):
                connection.execute(statement)
        if found < SCHEMA_VERSION:
            connection.execute("DELETE FROM cnstra_meta")
            connection.execute("INSERT INTO cnstra_meta (schema_version) VALUES (?)", (SCHEMA_VERSION,))
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection) -> int:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'cnstra_meta'").fetchone():
        return 0
    row = connection.execute("SELECT max(schema_version) FROM cnstra_meta").fetchone()
    return int(row[0] or 0)


def _statements(script: str) -> Iterator[str]:
    """Split a script: `executescript` would commit the transaction that all migrations share."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
