"""Renewing leases from a thread that must never wait long."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, final

from redis.exceptions import ConnectionError as Lost

from cnstra.stores.redis.blocking import BlockingCluster, BlockingServer
from cnstra.stores.redis.keys import to_bytes
from cnstra.stores.redis.script import Script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnstra.stores.redis.address import Address

__all__ = ["Heart"]

_BEAT: Final = Script("beat", "clock")
_LONGEST_WAIT: Final = 2.0
_SHORTEST_WAIT: Final = 0.05


@final
class Heart:
    """A connection of its own, which the event loop has no part in.

    Args:
        address: Of the server.
        is_cluster: Whether it is a node of a cluster.
        keys: The workers and their leases.
    """

    def __init__(self, address: Address, *, is_cluster: bool, keys: Sequence[bytes]) -> None:
        self._address = address
        self._make = BlockingCluster if is_cluster else BlockingServer
        self._keys = keys
        self._lock = threading.Lock()
        self._server: BlockingServer | BlockingCluster | None = None
        self._timeout = 0.0

    def beat(self, worker_id: str, lease: float) -> bool:
        """Renew the lease; ``False`` if the worker is not there. Tries a second time on a new connection."""
        arguments = (to_bytes(worker_id), repr(float(lease)).encode())
        with self._lock:
            server = self._connected(min(_LONGEST_WAIT, max(_SHORTEST_WAIT, lease / 4)))
            try:
                return bool(server.call(_BEAT, self._keys, arguments))
            except Lost:  # the server may have closed it long ago
                return bool(server.call(_BEAT, self._keys, arguments))

    def _connected(self, timeout: float) -> BlockingServer | BlockingCluster:
        if self._server is None or self._timeout != timeout:
            self._close()
            self._server = self._make(self._address, timeout)
            self._timeout = timeout
        return self._server

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
