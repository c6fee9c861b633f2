"""Opening connections, and the pools of them."""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias, final

from psycopg import AsyncConnection, AsyncCursor, OperationalError
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from cnstra.stores.postgres.address import Address
from cnstra.stores.postgres.errors import NoConnection
from cnstra.stores.postgres.pipe import PLANS_KEPT

__all__ = ["Connections", "PooledConnection", "connect"]

# What a role or a database may have set otherwise. A stronger synchronous_commit stays; with a weaker one a commit that
# was reported as done could be lost.
_SETTINGS: Final = b"""
    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
               WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false),
           set_config('default_transaction_isolation', 'read committed', false),
           set_config('default_transaction_read_only', 'off', false),
           set_config('default_transaction_deferrable', 'off', false),
           set_config('extra_float_digits', '1', false)
"""
# Each statement of ours finds its rows by an index, one after the other, however large the tables are. To plan it takes
# longer than to run it, so a plan is kept, but not for ever: one that was made for a small table may read all of it.
_PLANS: Final = b"""
    SELECT set_config('enable_seqscan', 'off', false), set_config('enable_bitmapscan', 'off', false),
           set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false),
           set_config('plan_cache_mode', 'force_generic_plan', false)
"""
_REPLAN: Final = b"DISCARD PLANS"
_RESET: Final = b"RESET ALL"
_KEPT_IDLE: Final = 60.0


class PooledConnection(AsyncConnection[Any]):
    """A connection that knows for how long its plans are good.

    Attributes:
        replan_at: When they are to be made anew, by the clock of the event loop.
    """

    replan_at = 0.0


_Pool: TypeAlias = AsyncConnectionPool[PooledConnection]


async def connect(address: Address) -> AsyncConnection[Any]:
    """Open a connection for the store's own statements, in autocommit mode."""
    try:
        connection = await AsyncConnection.connect(address.conninfo, autocommit=True)
    except OperationalError as error:
        raise NoConnection(str(error)) from error
    try:
        await _set_up(connection)
    except BaseException:
        await connection.close()
        raise
    return connection


async def _set_up(connection: AsyncConnection[Any]) -> None:
    await _configure(connection)
    await connection.execute(_PLANS)


async def _configure(connection: AsyncConnection[Any]) -> None:
    await connection.execute(_SETTINGS)


async def _reset(connection: AsyncConnection[Any]) -> None:
    """Undo what a handler may have set."""
    connection.row_factory = tuple_row
    connection.cursor_factory = AsyncCursor
    await connection.execute(_RESET)
    await _configure(connection)


async def _check(connection: PooledConnection) -> None:
    """Ask the server whether it is there, but only if there is something to read, such as the end of the connection."""
    watch = select.poll()
    watch.register(connection.fileno(), select.POLLIN)
    if watch.poll(0):
        await AsyncConnectionPool.check_connection(connection)
    now = asyncio.get_running_loop().time()
    if now >= connection.replan_at:
        connection.replan_at = now + PLANS_KEPT
        await connection.execute(_REPLAN)


@final
class Connections:
    """Two pools: one for the store's own short work, and one for handlers, which keep theirs for as long as they run.

    So handlers that hold all of theirs, or wait for one, never hold up a claim.

    Args:
        address: Where to connect.
        pool_size: How many for the store's own work.
        max_transactions: How many for handlers; more of them wait.
        patience: Seconds to wait for a connection, a server that is down included.
    """

    def __init__(self, address: Address, *, pool_size: int, max_transactions: int, patience: float) -> None:
        self._address = address

        def pool(size: int, **callbacks: Any) -> _Pool:
            return AsyncConnectionPool(
                address.conninfo,
                connection_class=PooledConnection,
                kwargs={"autocommit": True},
                min_size=0,
                max_size=size,
                open=False,
                check=_check,
                timeout=patience,
                max_idle=_KEPT_IDLE,
                reconnect_timeout=patience,
                num_workers=2,
                **callbacks,
            )

        self._own = pool(pool_size, configure=_set_up)
        self._handlers = pool(max_transactions, configure=_configure, reset=_reset)
        self._turns = asyncio.Semaphore(max_transactions)

    async def open(self) -> None:
        """Open the pools; they connect when they are used."""
        await self._own.open()
        await self._handlers.open()

    async def close(self) -> None:
        """Close what is not in use, and the rest when it comes back."""
        await self._handlers.close()
        await self._own.close()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Lend a connection for the store's own work."""
        async with self._lend(self._own) as connection:
            yield connection

    @asynccontextmanager
    async def for_handler(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Lend a connection for a handler, as soon as one is free, however long that takes."""
        async with self._turns, self._lend(self._handlers) as connection:
            yield connection

    @asynccontextmanager
    async def _lend(self, pool: _Pool) -> AsyncIterator[AsyncConnection[Any]]:
        try:
            connection = await pool.getconn()
        except PoolTimeout:
            # The pool does not tell why it has none. If the server lets us in here, it is back, or all are in use.
            await (await connect(self._address)).close()
            connection = await pool.getconn()
        try:
            async with connection:  # an open transaction is rolled back
                yield connection
        finally:
            await pool.putconn(connection)
