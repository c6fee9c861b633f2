"""Renewing leases from a thread that must never wait long."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, final

from redis.exceptions import ConnectionError as Lost
from redis.exceptions import NoScriptError

from cnstra.stores.redis.keys import to_bytes
from cnstra.stores.redis.scripts import Script
from cnstra.stores.redis.servers import packed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnstra.stores.redis.address import Address

__all__ = ["Heart"]

_BEAT: Final = Script("beat")
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
        self._is_cluster = is_cluster
        self._keys = keys
        self._lock = threading.Lock()
        self._client: Any = None
        self._timeout = 0.0

    def beat(self, worker_id: str, lease: float) -> bool:
        """Renew the lease; ``False`` if the worker is not there. Tries a second time on a new connection."""
        arguments = (to_bytes(worker_id), repr(float(lease)).encode())
        with self._lock:
            self._connect(min(_LONGEST_WAIT, max(_SHORTEST_WAIT, lease / 4)))
            try:
                return bool(self._call(arguments))
            except Lost:  # the server may have closed it long ago
                return bool(self._call(arguments))

    def _connect(self, timeout: float) -> None:
        if self._client is not None and self._timeout == timeout:
            return
        self._close()
        make = self._address.blocking_cluster if self._is_cluster else self._address.blocking_connection
        self._client = make(timeout)
        self._timeout = timeout

    def _call(self, arguments: Sequence[bytes]) -> Any:
        try:
            return self._ask(b"EVALSHA", _BEAT.digest, arguments)
        except NoScriptError:
            return self._ask(b"EVAL", _BEAT.text, arguments)

    def _ask(self, command: bytes, script: bytes, arguments: Sequence[bytes]) -> Any:
        parts = (command, script, b"%d" % len(self._keys), *self._keys, *arguments)
        if self._is_cluster:
            return self._client.execute_command(command.decode(), *parts[1:])
        self._client.send_packed_command([packed(*parts)], check_health=False)
        return self._client.read_response()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._client is not None:
            if self._is_cluster:
                self._client.close()
            else:
                self._client.disconnect()
            self._client = None
