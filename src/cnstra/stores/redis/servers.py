"""Calling scripts on one server, or on a cluster of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, final

from redis.exceptions import NoScriptError

if TYPE_CHECKING:
    from redis.asyncio.connection import AbstractConnection

    from cnstra.stores.redis.address import Address
    from cnstra.stores.redis.scripts import Script

__all__ = ["Cluster", "Server", "SingleServer", "packed"]

_AT_ONCE: Final = 16
"""Commands that are under way at the same time, each on a connection of its own."""


class Server(Protocol):
    """What runs scripts. Every method raises the driver's errors as they are."""

    async def call(self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes]) -> Any:
        """Run a script; nothing is sent a second time, except if the server does not know the script yet."""

    async def info(self) -> Sequence[Mapping[str, str]]:
        """Return what every server that is written to tells about itself."""
        ...

    def connection(self) -> AbstractConnection:
        """Make a connection of its own to one of the servers; who asks for it opens and closes it."""
        ...

    async def close(self) -> None:
        """Close all connections."""


def packed(*parts: bytes) -> bytes:
    """Return a command as it is sent."""
    return b"*%d\r\n%b" % (len(parts), b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]))


@final
class SingleServer:
    """One server.

    Args:
        address: Where it is.
        timeout: Seconds that an answer may take.
    """

    def __init__(self, address: Address, *, timeout: float) -> None:
        self._address = address
        self._timeout = timeout
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._connections: set[AbstractConnection] = set()
        self._idle: list[AbstractConnection] = []

    async def call(self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes]) -> Any:
        """Run a script."""
        try:
            return await self._ask(packed(b"EVALSHA", script.digest, b"%d" % len(keys), *keys, *arguments))
        except NoScriptError:
            return await self._ask(packed(b"EVAL", script.text, b"%d" % len(keys), *keys, *arguments))

    async def info(self) -> Sequence[Mapping[str, str]]:
        """Return what the server tells about itself."""
        lines = (await self._ask(packed(b"INFO"))).decode("utf-8", "replace").splitlines()
        return [dict(line.split(":", 1) for line in lines if ":" in line)]

    async def _ask(self, command: bytes) -> Any:
        async with self._turns:
            connection = self._idle.pop() if self._idle else self._new()
            try:
                async with asyncio.timeout(self._timeout):
                    if connection.is_connected and await connection.can_read():
                        await connection.disconnect()  # the server has closed it
                    # The driver closes a connection when a wait for its answer is cancelled or runs out of time, so
                    # that nobody gets the answer to another one's question; it opens it again by itself.
                    await connection.send_packed_command(command, check_health=False)
                    return await connection.read_response()
            finally:
                self._idle.append(connection)

    def _new(self) -> AbstractConnection:
        connection = self.connection()
        self._connections.add(connection)
        return connection

    def connection(self) -> AbstractConnection:
        """Make a connection of its own."""
        return self._address.connection()

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            await connection.disconnect()
        self._connections.clear()
        self._idle.clear()


@final
class Cluster:
    """A cluster; the client of the driver knows which node has which slot.

    Args:
        address: Where one of its nodes is.
        timeout: Seconds that an answer may take.
    """

    def __init__(self, address: Address, *, timeout: float) -> None:
        self._address = address
        self._client = address.cluster()
        self._timeout = timeout
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def call(self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes]) -> Any:
        """Run a script on the node that has its keys."""
        try:
            return await self._ask("EVALSHA", script.digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await self._ask("EVAL", script.text, len(keys), *keys, *arguments)

    async def _ask(self, *command: str | bytes | int) -> Any:
        async with self._turns, asyncio.timeout(self._timeout):
            return await self._client.execute_command(*command)

    async def info(self) -> Sequence[Mapping[str, str]]:
        """Return what the primaries tell about themselves."""
        async with asyncio.timeout(self._timeout):
            await self._client.initialize()
            told = [await self._client.info(target_nodes=node) for node in self._client.get_primaries()]
        return [{name: str(value) for name, value in one.items()} for one in told]

    def connection(self) -> AbstractConnection:
        """Make a connection of its own to some node: a message that is told at one of them reaches all."""
        node = self._client.get_random_node()
        return self._address.connection(host=node.host, port=node.port)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()
