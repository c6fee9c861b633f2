"""A pool of connections that is back as soon as its server is."""

from __future__ import annotations

import asyncio
import random
import select
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, final

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

from cnstra.stores.postgres.errors import NoConnection, NoneFree
from cnstra.stores.postgres.pipe import PLANS_KEPT

__all__ = ["Pool", "PooledConnection"]

_PING: Final = b"SELECT 1"
_REPLAN: Final = b"DISCARD PLANS"
_FIRST_PAUSE: Final = 0.02
_MAX_PAUSE: Final = 0.5
_KEPT_IDLE: Final = 60.0
_LEFT_OPEN: Final = frozenset({TransactionStatus.INTRANS, TransactionStatus.INERROR})


class PooledConnection(AsyncConnection[Any]):
    """A connection that knows for how long it is good.

    Attributes:
        replan_at: When its plans are to be made anew, by the clock of the event loop.
        idle_since: When it was last given back.
    """

    replan_at = 0.0
    idle_since = 0.0


@final
class Pool:
    """Lends connections, the one that was used last first, and replaces a broken one at once.

    When a server crashes, all its connections break together. The driver's own pool then waits a second before it tries
    again, and twice as long each time after that, for each of them; a lease may not last that long.

    Args:
        connect: Opens a connection; raises `NoConnection` if that cannot be done now.
        reset: Makes one that was used as good as new; ``None`` if that is not needed.
        size: How many there are at most.
        patience: Seconds to wait for the server, if it is down.
        turn: Seconds to wait for one that is free; ``None``: however long that takes.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[PooledConnection]],
        *,
        size: int,
        patience: float,
        turn: float | None,
        reset: Callable[[PooledConnection], Awaitable[None]] | None = None,
    ) -> None:
        self._connect = connect
        self._reset = reset
        self._patience = patience
        self._turn = turn
        self._free = asyncio.Semaphore(size)
        self._idle: list[PooledConnection] = []  # the one that was used last stands last
        self._is_open = True

    async def close(self) -> None:
        """Close what is not in use, and the rest when it comes back."""
        self._is_open = False
        while self._idle:
            await self._idle.pop().close()

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[PooledConnection]:
        """Lend a connection; a transaction that is left open on it is rolled back.

        Raises:
            NoConnection: If the server cannot be reached in time.
            NoneFree: If others keep all of them.
        """
        await self._wait_for_turn()
        try:
            connection = await self._sound()
            try:
                yield connection
            finally:
                await self._take_back(connection)
        finally:
            self._free.release()

    async def _wait_for_turn(self) -> None:
        try:
            async with asyncio.timeout(self._turn):
                await self._free.acquire()
        except TimeoutError:
            await (await self._connect()).close()  # if the server is down, that is what keeps them
            raise NoneFree(f"none of them in {self._turn:g} s") from None

    async def _sound(self) -> PooledConnection:
        """Return a connection that works, as far as can be told without asking the server."""
        while self._idle:
            connection = self._idle.pop()
            try:
                await self._examine(connection)
            except psycopg.Error:
                await connection.close()
            except BaseException:
                await connection.close()
                raise
            else:
                return connection
        return await self._new()

    async def _examine(self, connection: PooledConnection) -> None:
        """Ask the server whether it is there, but only if there is something to read, such as the end of it all."""
        watch = select.poll()
        watch.register(connection.fileno(), select.POLLIN)
        if watch.poll(0):
            await connection.execute(_PING)
        now = asyncio.get_running_loop().time()
        if now >= connection.replan_at:
            connection.replan_at = now + PLANS_KEPT
            await connection.execute(_REPLAN)

    async def _new(self) -> PooledConnection:
        """Open a connection, and keep trying while the server is down."""
        now = asyncio.get_running_loop().time
        deadline, pause = now() + self._patience, _FIRST_PAUSE
        while True:
            try:
                return await self._connect()
            except NoConnection:
                if now() + pause >= deadline:
                    raise
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, _MAX_PAUSE)

    async def _take_back(self, connection: PooledConnection) -> None:
        is_sound = False
        try:
            if connection.info.transaction_status in _LEFT_OPEN:
                await connection.rollback()
            if _is_idle(connection) and self._reset is not None:
                await self._reset(connection)
            is_sound = _is_idle(connection)
        except psycopg.Error:
            is_sound = False
        finally:
            if is_sound and self._is_open:
                await self._put_away(connection)
            else:
                await connection.close()

    async def _put_away(self, connection: PooledConnection) -> None:
        """Keep a connection for the next one who asks, and close those that nobody has asked for."""
        now = asyncio.get_running_loop().time()
        connection.idle_since = now
        self._idle.append(connection)
        while self._idle[0].idle_since < now - _KEPT_IDLE:
            await self._idle.pop(0).close()


def _is_idle(connection: PooledConnection) -> bool:
    return connection.info.transaction_status == TransactionStatus.IDLE
