"""What handlers do to the world outside the store, so that it can be counted afterwards."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, final

import msgspec

__all__ = ["Effect", "Effects", "Try"]

_TABLES = """
CREATE TABLE IF NOT EXISTS effects (activation_id TEXT PRIMARY KEY, meaning TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mishaps (activation_id TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS mishaps_by_activation ON mishaps (activation_id);
"""


class Try(NamedTuple):
    """One call of a handler; the journal has them in the order in which they began, over all processes."""

    run_id: str
    activation_id: str
    attempt_number: int
    pid: int
    meaning: str


class Effect(NamedTuple):
    """What an activation has done outside: once, however often it was tried."""

    activation_id: str
    meaning: str


@final
class Effects:
    """A database that takes each effect once by its key, as a payment provider does, and a journal of all tries.

    What is in it survives the process, and so does what a process was about to say when it was killed: nothing is
    kept back in memory. A process may have one of them open.

    Args:
        folder: Where it is; all processes of a test share it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "effects.db"
        self._journal_path = folder / "journal"
        self._journal = os.open(self._journal_path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        self._connection = sqlite3.connect(self._path, isolation_level=None, timeout=60)
        fcntl.flock(self._journal, fcntl.LOCK_EX)  # to begin with the log, SQLite waits for nobody
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.executescript(_TABLES)
        fcntl.flock(self._journal, fcntl.LOCK_UN)
        self._connection.execute("PRAGMA synchronous=OFF")  # processes die here, the machine does not

    def close(self) -> None:
        os.close(self._journal)
        self._connection.close()

    def tried(self, one: Try) -> None:
        """Note that a handler has been called."""
        os.write(self._journal, msgspec.json.encode(one) + b"\n")

    def happen(self, effect: Effect) -> None:
        """Let something happen in the world, unless it has happened already.

        Raises:
            AssertionError: If the same key was used for something else.
        """
        self._connection.execute("INSERT OR IGNORE INTO effects VALUES (?, ?)", effect)
        row = self._connection.execute(
            "SELECT activation_id, meaning FROM effects WHERE activation_id = ?", effect[:1]
        ).fetchone()
        assert row == effect, f"{effect} has the key of {row}"

    def has_failed(self, activation_id: str) -> int:
        """Return how often an activation failed on purpose."""
        row = self._connection.execute("SELECT count(*) FROM mishaps WHERE activation_id = ?", (activation_id,))
        count: int = row.fetchone()[0]
        return count

    def fail(self, activation_id: str) -> None:
        """Note that an activation fails on purpose."""
        self._connection.execute("INSERT INTO mishaps VALUES (?)", (activation_id,))

    def all(self) -> list[Effect]:
        """Return everything that has happened."""
        with closing(sqlite3.connect(self._path)) as connection:
            return [Effect(*row) for row in connection.execute("SELECT activation_id, meaning FROM effects")]

    def journal(self) -> Sequence[Try]:
        """Return every call of a handler, in order."""
        lines = self._journal_path.read_bytes().splitlines()
        return [msgspec.json.decode(line, type=Try) for line in lines]
