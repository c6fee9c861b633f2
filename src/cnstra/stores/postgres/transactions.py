"""A transaction that a handler and its hop share."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, final

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

from cnstra.errors import StoreError
from cnstra.persist.delta import Delta
from cnstra.stores.postgres.commits import Committing
from cnstra.stores.postgres.errors import explaining
from cnstra.stores.postgres.session import Session

__all__ = ["PostgresTransaction"]

_BEGIN: Final = b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
# A setting that ends with its transaction tells whether that is still the one that was begun here, whatever the handler
# has run; the others are for the plan of the commit.
_MARK: Final = "SELECT set_config('cnstra_store.hop', %s, true)"
_CHECK: Final = """
    SELECT current_setting('cnstra_store.hop', true), set_config('enable_seqscan', 'off', true),
           set_config('enable_bitmapscan', 'off', true), set_config('enable_hashjoin', 'off', true),
           set_config('enable_mergejoin', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)
"""


@final
class PostgresTransaction:
    """A transaction that is open for a handler's statements; see `cnstra.persist.ports.HopTransaction`."""

    def __init__(self, session: Session, committing: Committing, label: str) -> None:
        self._session = session
        self._committing = committing
        self._label = label
        self._mark = session.sender
        self._is_over = False

    @property
    def connection(self) -> AsyncConnection[Any]:
        """The driver's connection, with the transaction begun at the level READ COMMITTED."""
        return self._session.connection

    async def begin(self) -> None:
        """Begin the transaction."""
        with explaining(self._label):
            await self.connection.execute(_BEGIN)
            await self._session.first(_MARK, (self._mark,))

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        """Commit *deltas* together with the handler's statements, or nothing of both."""
        with explaining(self._label):
            await self._check()
            self._is_over = True
            outcome = await self._committing.within(self._session, deltas)
            if not all(outcome.applied):
                await self.connection.rollback()
                standing = await self._committing.standing(self._session, deltas)
                return [delta.key in standing for delta in deltas]
            if deltas and not outcome.is_news:  # the statements were committed with the earlier try
                await self.connection.rollback()
            else:
                await self.connection.execute(b"COMMIT")
            return outcome.applied

    async def _check(self) -> None:
        """Raise a `StoreError` unless the transaction that was begun can still be committed."""
        if self._is_over:
            raise StoreError(f"{self._label}: this transaction is over: a transaction is committed once")
        status = self.connection.info.transaction_status
        if status == TransactionStatus.INERROR:
            raise StoreError(
                f"{self._label}: a statement of the handler has failed, and nothing can be committed after it; to "
                "go on after such an error, run it inside `async with connection.transaction()`"
            )
        row = await self._session.first(_CHECK) if status == TransactionStatus.INTRANS else None
        if row is None or row[0] != self._mark:
            raise StoreError(
                f"{self._label}: the handler has ended the transaction that it was given; the hop commits it, so leave "
                "out commit() and rollback()"
            )

    async def leave(self) -> None:
        """Undo what was not committed; if the connection is lost, the server does."""
        self._is_over = True
        with suppress(psycopg.Error):
            await self.connection.rollback()
