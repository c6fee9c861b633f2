"""Calling scripts on one server, or on a cluster of them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, final

from redis.exceptions import AuthenticationError, BusyLoadingError, NoScriptError, RedisError
from redis.exceptions import ConnectionError as ConnectionLost

if TYPE_CHECKING:
    from redis.asyncio.connection import AbstractConnection

    from cnstra.stores.redis.address import Address
    from cnstra.stores.redis.script import Script

__all__ = ["Cluster", "Server", "SingleServer", "packed"]

_AT_ONCE: Final = 16
"""Commands that are under way at the same time, each on a connection of its own."""
_FIRST_PAUSE: Final = 0.01
_MAX_PAUSE: Final = 0.25


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


class _Away(Exception):
    """The server has done nothing, and may be asked again."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(reason)
        self.reason = reason


async def _is_stale(connection: AbstractConnection) -> bool:
    """Tell whether an idle connection has something to read: its end, or an answer that nobody waits for."""
    has_some: Any = getattr(connection, "can_read", None) or connection.can_read_destructive  # its name until 8
    try:
        return bool(await has_some())
    except (RedisError, OSError):
        return True


async def _exchange(connection: AbstractConnection, command: bytes) -> Any:
    # The driver closes a connection when a wait for its answer is cancelled or runs out of time, so that nobody gets
    # the answer to another one's question.
    await connection.send_packed_command(command, check_health=False)
    try:
        return await connection.read_response()
    except BusyLoadingError as error:  # it was started a moment ago
        raise _Away(error) from error


@final
class SingleServer:
    """One server.

    Args:
        address: Where it is.
        timeout: Seconds that an answer may take, or that it may be away.
    """

    def __init__(self, address: Address, *, timeout: float) -> None:
        self._address = address
        self._timeout = timeout
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._connections: set[AbstractConnection] = set()
        self._idle: list[AbstractConnection] = []
        self._was_there = False

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
                async with asyncio.timeout(self._timeout) as limit:
                    return await self._ask_patiently(connection, command, limit.when() or math.inf)
            finally:
                self._idle.append(connection)

    async def _ask_patiently(self, connection: AbstractConnection, command: bytes, deadline: float) -> Any:
        """Ask again while the server does nothing for anybody; one that has never been there gets no second chance."""
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._connect(connection)
                return await _exchange(connection, command)
            except _Away as away:
                if not self._was_there or asyncio.get_running_loop().time() + pause >= deadline:
                    raise away.reason from None
            await asyncio.sleep(pause)
            pause = min(2 * pause, _MAX_PAUSE)

    async def _connect(self, connection: AbstractConnection) -> None:
        """Open a connection, unless it is open and has nothing to say: the server may have closed it meanwhile."""
        if connection.is_connected and not await _is_stale(connection):
            return
        await connection.disconnect()
        try:
            await connection.connect()  # type: ignore[no-untyped-call] # the driver has not typed it
        except AuthenticationError:
            raise
        except ConnectionLost as error:
            raise _Away(error) from error
        self._was_there = True

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
