"""Calling scripts from a thread that waits for the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, final

from redis.exceptions import NoScriptError

from cnstra.stores.redis.servers import packed

if TYPE_CHECKING:
    from cnstra.stores.redis.address import Address
    from cnstra.stores.redis.script import Script

__all__ = ["BlockingCluster", "BlockingServer"]


@final
class BlockingServer:
    """One connection to a server, which is opened when it is needed; for one thread at a time.

    Args:
        address: Of the server.
        timeout: Seconds that connecting may take, and an answer.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        self._connection: Any = address.blocking_connection(timeout)  # the driver has not typed its methods

    def call(self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes]) -> Any:
        """Run a script."""
        try:
            return self._ask(packed(b"EVALSHA", script.digest, b"%d" % len(keys), *keys, *arguments))
        except NoScriptError:
            return self._ask(packed(b"EVAL", script.text, b"%d" % len(keys), *keys, *arguments))

    def _ask(self, command: bytes) -> Any:
        self._connection.send_packed_command([command], check_health=False)
        return self._connection.read_response()

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        self._connection.disconnect()


@final
class BlockingCluster:
    """A client of a cluster.

    Args:
        address: Of one of its nodes.
        timeout: Seconds that connecting may take, and an answer.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        self._client: Any = address.blocking_cluster(timeout)

    def call(self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes]) -> Any:
        """Run a script."""
        try:
            return self._client.execute_command("EVALSHA", script.digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return self._client.execute_command("EVAL", script.text, len(keys), *keys, *arguments)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()
