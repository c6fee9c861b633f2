"""Transactions for a handler's own statements, which commit together with the handler's hop."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from queue import Empty, SimpleQueue
from typing import Any, final

from cnstra.errors import StoreError
from cnstra.persist.delta import Delta
from cnstra.stores.sqlite.commits import commit_fitting, is_applied
from cnstra.stores.sqlite.hop_connection import HopConnection
from cnstra.stores.sqlite.thread import DatabaseThread

__all__ = ["OpenTransaction", "Transactions"]


@final
class OpenTransaction:
    """A transaction that is open for the user's statements.

    The database's thread stands by until it is told what to do, so that nothing else of this process can begin a
    transaction; it would wait for the lock that this one holds.
    """

    def __init__(self, time_limit: float) -> None:
        self._time_limit = time_limit
        self._orders: SimpleQueue[Sequence[Delta] | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._begun: asyncio.Future[None] = self._loop.create_future()
        self._job: asyncio.Future[list[bool] | None] = self._loop.create_future()
        self._connection: sqlite3.Connection | None = None
        self.is_over = False

    @property
    def connection(self) -> Any:
        """The driver's connection, with the transaction begun."""
        if self._connection is None:
            raise StoreError("this transaction is over, and its connection closed")
        return self._connection

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        """Commit *deltas* together with what was done on the connection.

        Raises:
            StoreError: If it cannot be committed, was ended by the user's code, or is over.
        """
        if self.is_over:
            raise StoreError("this transaction is over: a transaction is committed once")
        self.is_over = True
        self._orders.put(deltas)
        applied = await asyncio.shield(self._job)
        if applied is None:
            raise StoreError(
                f"the transaction was undone before its commit: it was open for over {self._time_limit:g} s, in which "
                "nobody else can write, or the store was closed; do slow work before it or after it"
            )
        return applied

    async def begun(self, job: asyncio.Future[list[bool] | None]) -> None:
        """Wait until the database's thread, which does *job*, has begun the transaction."""
        self._job = job
        either: set[asyncio.Future[Any]] = {self._begun, job}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if job.done():
            job.result()
            raise StoreError("the store was closed before the transaction could begin")

    def hand_over(self, connection: sqlite3.Connection) -> None:
        """Give the connection to the user; called in the database's thread."""
        try:
            self._loop.call_soon_threadsafe(self._deliver, connection)
        except RuntimeError:  # the loop has closed: nobody waits any more
            self.abandon()

    def _deliver(self, connection: sqlite3.Connection) -> None:
        if not self.is_over:
            self._connection = connection
            self._begun.set_result(None)

    def order(self) -> Sequence[Delta] | None:
        """Wait in the database's thread for what to commit; ``None`` if nothing is."""
        try:
            return self._orders.get(timeout=self._time_limit)
        except Empty:
            return None

    @property
    def is_abandoned(self) -> bool:
        """Whether it need not be begun any more."""
        return not self._orders.empty()

    def abandon(self) -> None:
        """Have it undone, unless its commit was ordered before."""
        self._orders.put(None)

    async def finish(self) -> None:
        """Let go of the connection, and wait until what was not committed is undone."""
        self.is_over = True
        self._connection = None
        self.abandon()
        self._job.add_done_callback(_look_at)
        if self._begun.done():  # else nothing was written, and the thread finds out when it has the time
            await asyncio.wait({self._job})


def _look_at(job: asyncio.Future[Any]) -> None:
    """See an error, so that it is not logged: of a commit it was raised, and undoing fails only in a lost file."""
    job.exception()


_inside: ContextVar[OpenTransaction | None] = ContextVar("cnstra_sqlite_transaction", default=None)


@final
class Transactions:
    """Opens the transactions of a store, one at a time.

    Args:
        connect: Opens a connection for one transaction.
        thread: The thread that writes.
        time_limit: For how many seconds one may be open.
    """

    def __init__(self, *, connect: Callable[[], HopConnection], thread: DatabaseThread, time_limit: float) -> None:
        self._connect = connect
        self._thread = thread
        self._time_limit = time_limit
        self._open: set[OpenTransaction] = set()

    def check_outside(self) -> None:
        """Refuse what would wait for a transaction that waits for it.

        Raises:
            StoreError: If the caller has a transaction open.
        """
        inside = _inside.get()
        if inside is not None and inside in self._open and not inside.is_over:
            raise StoreError(
                "the store cannot write while this handler has a transaction open, in the one file that both write to: "
                "do it after the hop, in another neuron"
            )

    def abandon(self) -> None:
        """Have all of them undone that are not about to be committed; the store is to be closed."""
        for transaction in self._open:
            transaction.abandon()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[OpenTransaction]:
        """Open a transaction; on leaving, what is not committed is undone."""
        self.check_outside()
        transaction = OpenTransaction(self._time_limit)
        job = self._thread.run(lambda _: self._serve(transaction), is_alone=True)
        self._open.add(transaction)
        before = _inside.get()
        try:
            await transaction.begun(job)
            _inside.set(transaction)
            yield transaction
        finally:
            _inside.set(before)
            self._open.discard(transaction)
            await transaction.finish()

    def _serve(self, transaction: OpenTransaction) -> list[bool] | None:
        """Do a whole transaction, in the database's thread; ``None`` if it was undone."""
        if transaction.is_abandoned:
            return None
        connection = self._connect()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("SAVEPOINT cnstra_hop")
        transaction.hand_over(connection)
        deltas = None
        try:
            deltas = transaction.order()
            return None if deltas is None else _commit(connection, deltas)
        finally:
            _freeze(connection)
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if deltas is not None:
                connection.done()


def _commit(connection: sqlite3.Connection, deltas: Sequence[Delta]) -> list[bool]:
    """Commit *deltas* and the user's statements, or nothing."""
    connection.row_factory = None  # the user may have set another one
    try:
        connection.execute("RELEASE cnstra_hop")
    except sqlite3.OperationalError as error:
        raise StoreError(
            "the handler has ended the transaction of its hop; what it wrote before may be committed, its hop is not: "
            "leave COMMIT and ROLLBACK to the hop"
        ) from error
    writes = connection.total_changes
    applied = commit_fitting(connection, deltas)
    if not all(applied):
        connection.execute("ROLLBACK")
        return [is_applied(connection, delta) for delta in deltas]
    if connection.total_changes == writes and deltas:
        # The answer to an earlier try was lost: the user's statements were committed then.
        return applied
    _freeze(connection)
    connection.execute("COMMIT")
    return applied


def _freeze(connection: sqlite3.Connection) -> None:
    """Let nothing be written any more: a thread that was given up may still hold the connection."""
    connection.execute("PRAGMA query_only = ON")
