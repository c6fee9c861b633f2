"""The connection that a handler's own statements run on."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, final

from cnstra.errors import StoreError
from cnstra.stores.sqlite.schema import Synchronous, prepare_to_write

__all__ = ["HopConnection", "connect_for_hop"]


def connect_for_hop(path: Path, busy_timeout: float, synchronous: Synchronous) -> HopConnection:
    """Open the connection of one transaction."""
    connection = sqlite3.connect(
        path, timeout=busy_timeout, isolation_level=None, check_same_thread=False, factory=HopConnection
    )
    prepare_to_write(connection, synchronous)
    return connection


@final
class HopConnection(sqlite3.Connection):
    """A connection for one transaction, which is not its user's to end."""

    def __del__(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # it could not be opened
            super().close()

    def done(self) -> None:
        """Close it, at the end of a handler.

        Not after one that was given up: a thread may still be using it, and crash. There it is closed by whoever lets
        go of it last.
        """
        super().close()

    def commit(self) -> NoReturn:
        """Refuse."""
        _refuse("commit()")

    def rollback(self) -> NoReturn:
        """Refuse."""
        _refuse("rollback()")

    def close(self) -> NoReturn:
        """Refuse."""
        _refuse("close()")

    def executescript(self, sql_script: str, /) -> NoReturn:  # noqa: ARG002 - the driver's parameter
        """Refuse: it would commit first."""
        _refuse("executescript()")

    def __enter__(self) -> NoReturn:
        """Refuse: leaving it would commit."""
        _refuse("a with statement")


def _refuse(what: str) -> NoReturn:
    raise StoreError(
        f"this connection belongs to a hop, whose commit ends its transaction: do without {what}, and raise to undo it"
    )
