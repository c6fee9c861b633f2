"""Opening connections, and the pools of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Final, final

from psycopg import AsyncConnection, AsyncCursor, OperationalError
from psycopg.rows import tuple_row

from cnstra.stores.postgres.address import Address
from cnstra.stores.postgres.errors import NoConnection
from cnstra.stores.postgres.pool import Pool, PooledConnection

__all__ = ["Connections", "connect"]

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
_RESET: Final = b"RESET ALL"

# A process that stands still in a transaction keeps its locks, and holds up whoever goes on with its run: the server is
# to end it. What the role or the database says stays, if it is stricter.
_LIMIT: Final = b"""
    SELECT set_config(name, '%d', false) FROM pg_settings
    WHERE name = 'idle_in_transaction_session_timeout' AND (setting = '0' OR setting::bigint > %d)
"""
_OWN_LIMIT: Final = 30.0
"""Seconds for transactions of the store itself, which never wait for anything but the server."""


async def connect(address: Address) -> PooledConnection:
    """Open a connection for the store's own statements, in autocommit mode."""
    return await _opened(address, _SETTINGS, _limit(_OWN_LIMIT), _PLANS)


def _limit(seconds: float) -> bytes:
    milliseconds = max(1, round(seconds * 1000))
    return _LIMIT % (milliseconds, milliseconds)


async def _opened(address: Address, *settings: bytes) -> PooledConnection:
    try:
        connection = await PooledConnection.connect(address.conninfo, autocommit=True)
        try:
            for statement in settings:
                await connection.execute(statement)
        except BaseException:
            await connection.close()
            raise
    except OperationalError as error:
        raise NoConnection(str(error)) from error
    return connection


async def _reset(settings: Sequence[bytes], connection: PooledConnection) -> None:
    """Undo what a handler may have set."""
    connection.row_factory = tuple_row
    connection.cursor_factory = AsyncCursor
    for statement in (_RESET, *settings):
        await connection.execute(statement)


@final
class Connections:
    """Two pools: one for the store's own short work, and one for handlers, which keep theirs for as long as they run.

    So handlers that hold all of theirs, or wait for one, never hold up a claim.

    Args:
        address: Where to connect.
        pool_size: How many for the store's own work.
        max_transactions: How many for handlers; more of them wait.
        transaction_timeout: Seconds that a handler's transaction may stand still.
        patience: Seconds to wait for a connection, a server that is down included.
    """

    def __init__(
        self, address: Address, *, pool_size: int, max_transactions: int, transaction_timeout: float, patience: float
    ) -> None:
        settings = (_SETTINGS, _limit(transaction_timeout))
        self._own = Pool(partial(connect, address), size=pool_size, patience=patience, turn=patience)
        self._handlers = Pool(
            partial(_opened, address, *settings),
            size=max_transactions,
            patience=patience,
            turn=None,
            reset=partial(_reset, settings),
        )

    async def close(self) -> None:
        """Close what is not in use, and the rest when it comes back."""
        await self._handlers.close()
        await self._own.close()

    def one(self) -> AbstractAsyncContextManager[AsyncConnection[Any]]:
        """Lend a connection for the store's own work."""
        return self._own.lend()

    def for_handler(self) -> AbstractAsyncContextManager[AsyncConnection[Any]]:
        """Lend a connection for a handler, as soon as one is free, however long that takes."""
        return self._handlers.lend()
