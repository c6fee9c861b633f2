"""Where a server is, and how to connect to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, final

import redis
from redis.asyncio.cluster import RedisCluster as AsyncCluster
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.connection import AbstractConnection as BlockingConnection
from redis.retry import Retry as BlockingRetry

from cnstra.errors import StoreError

__all__ = ["Address"]

# What the store depends on, whatever the address says: raw bytes, answers in the older protocol, and no second sending
# of a command whose answer was lost.
_OURS: Final[dict[str, Any]] = {
    "decode_responses": False,
    "encoding": "utf-8",
    "encoding_errors": "strict",
    "protocol": 2,
    "retry_on_timeout": False,
    "retry_on_error": [],
    "health_check_interval": 0,
}
_NOT_IN_CLUSTERS: Final = ("db", "retry_on_timeout", "retry_on_error")
_PATIENT: Final[dict[str, Any]] = {"retry": Retry(NoBackoff(), 0), "socket_timeout": None}
_BLOCKING: Final[Mapping[Any, Callable[..., BlockingConnection]]] = {
    Connection: redis.connection.Connection,
    SSLConnection: redis.connection.SSLConnection,
    UnixDomainSocketConnection: redis.connection.UnixDomainSocketConnection,
}
T = TypeVar("T")


@final
class Address:
    """The address of a server, taken apart.

    Args:
        url: As in `cnstra.stores.redis.RedisStore`.
        connect_timeout: Seconds that making a connection may take.

    Attributes:
        label: Names the server in messages, without password.
        prefix: That of the keys, if nobody says otherwise.

    Raises:
        StoreError: If *url* is no address of a Redis server.
    """

    def __init__(self, url: str, *, connect_timeout: float) -> None:
        try:
            options: dict[str, Any] = dict(parse_url(url))
        except ValueError as error:  # not told: the address may hold a password
            raise StoreError(
                f"this is no address of a Redis server ({type(error).__name__}); write redis://:password@host:6379/0"
            ) from None
        self.prefix: str = options.pop("cnstra_prefix", "cnstra")
        self._make: type[AbstractConnection] = options.pop("connection_class", Connection)
        place = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
        self.label = f"{url.partition(':')[0]}://{place}/{options.get('db', 0)}"
        self._options = options | _OURS | {"socket_connect_timeout": connect_timeout}
        if "path" not in options:
            self._options.setdefault("socket_keepalive", True)

    def connection(self, **options: object) -> AbstractConnection:
        """Make a connection, which is not open yet; it waits for an answer as long as its user does.

        Raises:
            StoreError: If the address has an option that the driver does not know.
        """
        return self._made(self._make, self._options | _PATIENT | options)

    def blocking_connection(self, timeout: float) -> BlockingConnection:
        """Make a connection for a thread, which waits *timeout* seconds for an answer."""
        return self._made(_BLOCKING[self._make], self._options | _in_time(timeout))

    def cluster(self) -> AsyncCluster:
        """Make a client of the cluster that the server is a node of."""
        return self._made(AsyncCluster, self._cluster_options() | _PATIENT)

    def blocking_cluster(self, timeout: float) -> redis.RedisCluster:
        """Make a client of the cluster for a thread, which waits *timeout* seconds for an answer."""
        return self._made(redis.RedisCluster, self._cluster_options() | _in_time(timeout))

    def _cluster_options(self) -> dict[str, Any]:
        known = {name: value for name, value in self._options.items() if name not in _NOT_IN_CLUSTERS}
        return known | ({"ssl": True} if issubclass(self._make, SSLConnection) else {})

    def _made(self, make: Callable[..., T], options: Mapping[str, Any]) -> T:
        try:
            return make(**options)
        except TypeError as error:
            raise StoreError(f"the address of {self.label} has an option that the driver refuses: {error}") from error


def _in_time(timeout: float) -> dict[str, Any]:
    return {
        "retry": BlockingRetry(NoBackoff(), 0),
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
    }
