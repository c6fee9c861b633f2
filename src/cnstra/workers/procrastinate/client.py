"""What is used of Procrastinate and of the driver: the one module that imports them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Final, TypeAlias, cast, final

from cnstra.errors import GraphError, StoreError

try:
    from procrastinate import App, PsycopgConnector
    from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
    from procrastinate.jobs import Job
    from procrastinate.manager import JobManager
    from procrastinate.periodic import PeriodicDeferrer, PeriodicTask
    from procrastinate.schema import SchemaManager
    from procrastinate.sql import queries
    from psycopg import AsyncConnection, Error, OperationalError, ProgrammingError, errors
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
    from psycopg.pq import TransactionStatus
    from psycopg.sql import SQL, Identifier
except ImportError as missing:
    raise ImportError(
        f"workers on Procrastinate need it and its driver: pip install 'cnstra[procrastinate]' ({missing})"
    ) from missing

from cnstra.stores.postgres.errors import NoConnection
from cnstra.stores.postgres.pool import Pool, PooledConnection

__all__ = [
    "SQL",
    "AlreadyEnqueued",
    "App",
    "AsyncConnection",
    "Connection",
    "ConnectorException",
    "Error",
    "Identifier",
    "Job",
    "PeriodicDeferrer",
    "PeriodicTask",
    "SchemaManager",
    "TransactionStatus",
    "advice_on",
    "bound_app",
    "connect",
    "conninfo_of",
    "make_pool",
    "new_app",
    "new_manager",
    "queries",
]

Connection: TypeAlias = str | Mapping[str, Any]
"""Where Postgres is: an address such as ``postgresql://user@host/database``, or keyword arguments of libpq."""

Lend: TypeAlias = "Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]]"
"""Lends a connection."""

_DEFAULTS: Final[Mapping[str, str]] = {
    "application_name": "cnstra",
    "connect_timeout": "10",
    # A server that is gone without a word is noticed within half a minute.
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
_NO_SCHEMA: Final = (
    "the tables and functions of Procrastinate 3.10 are not there: `procrastinate schema --apply`, its migrations, or "
    "cnstra.workers.procrastinate.apply_schema make them"
)
_MISSING: Final = (
    errors.UndefinedTable,
    errors.UndefinedFunction,
    errors.UndefinedColumn,
    errors.UndefinedObject,
    errors.InvalidSchemaName,
)


def conninfo_of(connection: Connection) -> str:
    """Return what the driver connects with.

    Raises:
        GraphError: If the address cannot be read.
    """
    try:
        given = conninfo_to_dict(connection) if isinstance(connection, str) else dict(connection)
        return make_conninfo(**{**_DEFAULTS, **given, "client_encoding": "utf8"})
    except (ProgrammingError, ValueError, TypeError):  # what the driver says may quote the password
        pass
    raise GraphError(
        "the address of Postgres cannot be read: write postgresql://user:password@host:port/database, with special "
        "characters of the password percent-encoded, and only parameters that libpq knows"
    )


async def connect(conninfo: str) -> PooledConnection:
    """Open a connection in autocommit mode.

    Raises:
        NoConnection: If that cannot be done now.
    """
    try:
        return await PooledConnection.connect(conninfo, autocommit=True)
    except OperationalError as error:
        raise NoConnection(str(error)) from error


def make_pool(conninfo: str, *, size: int, patience: float) -> Pool:
    """Return a pool of connections, none of them open yet."""
    return Pool(partial(connect, conninfo), size=size, patience=patience, turn=None)


def new_app() -> App:
    """Return an app of Procrastinate that is not connected; what its jobs are given stays the text that is stored."""
    return App(connector=PsycopgConnector(json_loads=_as_stored))


def new_manager() -> JobManager:
    """Return what adds jobs, on connections that it is given."""
    return JobManager(PsycopgConnector())


async def bound_app(app: App, lend: Lend) -> App:
    """Have all that an app does run on connections that are lent to it, and return it."""
    await app.open_async(cast("Any", _Lender(lend)))
    return app


@final
class _Lender:
    """Stands where Procrastinate expects the driver's own pool, of which it uses this much."""

    def __init__(self, lend: Lend) -> None:
        self.connection = lend


def advice_on(error: BaseException) -> StoreError | None:
    """Return what is wrong with the database if the tables are not there; ``None`` if it is something else."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, _MISSING):
            return StoreError(f"{_NO_SCHEMA} ({str(cause).splitlines()[0]})")
        cause = cause.__cause__
    return None


def _as_stored(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data
