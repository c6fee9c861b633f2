"""A connection for short statements in a row, watched by the event loop itself.

The driver's own coroutine adds its socket to the event loop and takes it out again for every statement. On the way of
every hop that would be most of the time: an insert takes 140 us that way, and 70 us here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeAlias, final

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

from cnstra.stores.postgres.errors import error_of

__all__ = ["PLANS_KEPT", "Connect", "Notified", "Pipe", "Statement"]

Connect: TypeAlias = Callable[[], Awaitable[AsyncConnection[Any]]]
Notified: TypeAlias = Callable[[str, str], None]
"""Takes the channel and the payload of a notification."""

PLANS_KEPT = 10.0
"""Seconds after which the plans of prepared statements are made anew: a table may have grown a thousandfold."""

_LAST_WAIT = 5.0
_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY)


class Statement(NamedTuple):
    """A statement with parameters ``$1``, ``$2``, ... and the name that it is prepared under, if it is to be."""

    name: bytes | None
    text: bytes


_REPLAN = Statement(None, b"DISCARD PLANS")


class _Job(NamedTuple):
    statement: Statement
    values: Sequence[bytes | None]
    done: asyncio.Future[PGresult]


@final
class Pipe:
    """One connection in autocommit mode, which is opened when it is needed, and again after it was lost.

    Statements run one after the other in the order of the calls. A caller that is cancelled leaves
    its statement to run to its end.

    Args:
        connect: Opens a connection and makes its settings.
        notified: Called for each notification that the connection gets.
        lost: Called when a connection was lost.
    """

    def __init__(
        self, connect: Connect, *, notified: Notified | None = None, lost: Callable[[], None] | None = None
    ) -> None:
        self._connect = connect
        self._notified = notified
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._opening = asyncio.Lock()
        self._connection: AsyncConnection[Any] | None = None
        self._pgconn: PGconn
        self._socket = -1
        self._prepared: set[bytes] = set()
        self._jobs: deque[_Job] = deque()
        self._result: PGresult | None = None
        self._is_writing = False
        self._replan_at = 0.0
        self._is_closed = False

    async def open(self) -> None:
        """Connect, unless that was done.

        Raises:
            psycopg.Error: If it cannot be done.
        """
        async with self._opening:
            if self._connection is None:
                connection = await self._connect()
                if self._is_closed:
                    await connection.close()
                    raise _closed()
                self._pgconn = connection.pgconn
                self._pgconn.nonblocking = 1
                self._socket = self._pgconn.socket
                self._prepared.clear()
                self._connection = connection
                self._loop.add_reader(self._socket, self._read)

    async def run(self, statement: Statement, values: Sequence[bytes | None] = ()) -> PGresult:
        """Run a statement with binary *values*.

        Raises:
            psycopg.Error: If the server refuses it, or the connection is lost before its answer has come.
        """
        while self._connection is None:
            if self._is_closed:
                raise _closed()
            await self.open()
        now = self._loop.time()
        if now >= self._replan_at:
            self._replan_at = now + PLANS_KEPT
            self._put(_REPLAN, ()).add_done_callback(asyncio.Future.exception)  # it is told by the next one, too
        return await self._put(statement, values)

    def _put(self, statement: Statement, values: Sequence[bytes | None]) -> asyncio.Future[PGresult]:
        job = _Job(statement, values, self._loop.create_future())
        self._jobs.append(job)
        if len(self._jobs) == 1:
            self._send()
        return job.done

    async def close(self) -> None:
        """Disconnect for good, once what was begun has ended; a server that hangs is not waited for."""
        self._is_closed = True
        if self._jobs:
            await asyncio.wait([job.done for job in self._jobs], timeout=_LAST_WAIT)
        self._drop(_closed())

    # ---- to the server ---------------------------------------------------------------------------------------

    def _send(self) -> None:
        statement, values, _ = self._jobs[0]
        self._result = None
        try:
            if statement.name is None:
                self._pgconn.send_query_params(statement.text, values)
            elif statement.name in self._prepared:
                self._pgconn.send_query_prepared(statement.name, values, [Format.BINARY] * len(values))
            else:
                self._pgconn.send_prepare(statement.name, statement.text)
            self._write()
        except psycopg.OperationalError as error:
            self._drop(error)

    def _write(self) -> None:
        """Send what the socket takes; the rest when it takes more."""
        is_full = self._pgconn.flush() == 1
        if is_full != self._is_writing:
            self._is_writing = is_full
            if is_full:
                self._loop.add_writer(self._socket, self._write_more)
            else:
                self._loop.remove_writer(self._socket)

    def _write_more(self) -> None:
        try:
            self._write()
        except psycopg.OperationalError as error:
            self._drop(error)

    # ---- from the server -------------------------------------------------------------------------------------

    def _read(self) -> None:
        pgconn = self._pgconn
        try:
            pgconn.consume_input()
            if self._is_writing:
                self._write()
            if self._notified is not None:
                while (note := pgconn.notifies()) is not None:
                    self._notified(note.relname.decode(), note.extra.decode())
            while self._jobs and not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:
                    self._finish()
                else:
                    self._result = result
        except psycopg.OperationalError as error:
            self._drop(error)

    def _finish(self) -> None:
        """Take note that the statement under way has ended."""
        job, result = self._jobs[0], self._result
        if result is None or result.status not in _GOOD:
            self._jobs.popleft()
            if not job.done.done():
                job.done.set_exception(error_of(result))
        elif job.statement.name is not None and job.statement.name not in self._prepared:
            self._prepared.add(job.statement.name)
        else:
            self._jobs.popleft()
            if not job.done.done():
                job.done.set_result(result)
        if self._jobs:
            self._send()

    def _drop(self, error: psycopg.Error) -> None:
        """Give the connection up, and all statements on it; the next one opens another."""
        jobs, self._jobs = self._jobs, deque()
        for job in jobs:
            if not job.done.done():
                job.done.set_exception(error)
        if self._connection is None:
            return
        self._loop.remove_reader(self._socket)
        if self._is_writing:
            self._is_writing = False
            self._loop.remove_writer(self._socket)
        self._pgconn.finish()
        self._connection = None
        if self._lost is not None:
            self._lost()


def _closed() -> psycopg.Error:
    return psycopg.InterfaceError("the store was closed")
