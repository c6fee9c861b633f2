"""The connection that a handler's own statements run on."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import NoReturn, final

from cnstra.errors import StoreError

__all__ = ["HopConnection"]


@final
class HopConnection(sqlite3.Connection):
    """A connection for one transaction, which is not its user's to end.

    It is never closed while somebody may be using it in a thread: whoever lets go of it last closes it.
    """

    def __del__(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # it could not be opened
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
