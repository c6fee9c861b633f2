"""Being told of changes, by the server's messages."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final

from redis.exceptions import RedisClusterException, RedisError

from cnstra.stores.redis.keys import EVERYWHERE

if TYPE_CHECKING:
    from redis.asyncio.connection import AbstractConnection

__all__ = ["Watcher"]

_logger = logging.getLogger("cnstra.stores")

_QUIET: Final = 15.0
"""Seconds without a message after which the server is asked whether it is still there."""
_FIRST_PAUSE: Final = 0.1
_MAX_PAUSE: Final = 5.0


@final
class Watcher:
    """Listens to a channel, on a connection of its own, which it makes again as often as it must.

    Who waits is woken too when the connection is lost, and when it is there again: something may have been told
    meanwhile. Where a user may not listen, that is all that wakes anybody.

    Args:
        connection: Makes a connection.
        channel: Where changes are told.
    """

    def __init__(self, connection: Callable[[], AbstractConnection], channel: bytes) -> None:
        self._make = connection
        self._channel = channel
        self._waiting: dict[asyncio.Future[None], bytes] = {}
        self._has_tried = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen; return when that has succeeded, or has failed for a first time."""
        self._listener = asyncio.create_task(self._listen(), name="cnstra-redis-watcher")
        await self._has_tried.wait()

    async def wait(self, message: bytes, seconds: float) -> bool:
        """Wait for this message, or one that concerns everybody, at most so long; tell whether there was one."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = message
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            return False
        finally:
            del self._waiting[future]
        return True

    async def _listen(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._hear()
                pause = _FIRST_PAUSE
            except (RedisError, RedisClusterException, OSError, LookupError) as error:  # a cluster may know no node
                _logger.debug("no messages from Redis, for now: %s", error)
                pause = min(2 * pause, _MAX_PAUSE)
            finally:
                self._has_tried.set()
            self._wake(EVERYWHERE)
            await asyncio.sleep(pause)

    async def _hear(self) -> None:
        """Take messages until the connection is lost, or nothing is heard on it."""
        connection = self._make()
        try:
            await connection.connect()  # type: ignore[no-untyped-call] # the driver has not typed it
            await connection.send_command("SUBSCRIBE", self._channel, check_health=False)
            await connection.read_response()
            self._has_tried.set()
            self._wake(EVERYWHERE)
            with contextlib.suppress(RedisError, OSError):
                await self._take_messages(connection)
        finally:
            await connection.disconnect(nowait=True)

    async def _take_messages(self, connection: AbstractConnection) -> None:
        is_asked = False
        while True:
            told = await connection.read_response(timeout=_QUIET)
            if told is not None:
                is_asked = False
                if told[0] == b"message":
                    self._wake(told[2])
            elif is_asked:
                return
            else:
                is_asked = True
                await connection.send_command("PING", check_health=False)

    def _wake(self, message: bytes) -> None:
        for future, wanted in self._waiting.items():
            if message in (wanted, EVERYWHERE) and not future.done():
                future.set_result(None)

    async def close(self) -> None:
        """Stop listening; who waits is woken."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait([self._listener])
            self._listener = None
        self._wake(EVERYWHERE)
