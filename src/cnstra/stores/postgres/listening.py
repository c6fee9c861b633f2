"""Being told by the server that runs may have become free."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, final

import psycopg

from cnstra.stores.postgres.names import Names
from cnstra.stores.postgres.pipe import Connect, Pipe, Statement

__all__ = ["Listener"]

_logger = logging.getLogger("cnstra.stores")

_FIRST_PAUSE: Final = 0.5
_MAX_PAUSE: Final = 5.0


@final
class Listener:
    """Listens on a connection of its own, for all who wait in this store.

    It is opened when somebody waits for the first time, and again when it was lost; then everybody is woken once, since
    they may have missed something. While there is none, nobody is told anything, and waits for the time given.

    Args:
        connect: Opens a connection.
        names: Of the channels.
        sender: What this store signs its own notifications with.
    """

    def __init__(self, connect: Connect, names: Names, sender: str) -> None:
        self._pipe = Pipe(connect, notified=self._notified, lost=self._lost)
        self._names = names
        self._sender = sender
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._missed: set[str] = set()
        self._listening: set[str] = set()
        self._losses = 0
        self._opener: asyncio.Task[None] | None = None
        self._is_closed = False

    async def wait(self, scope: str, seconds: float) -> bool:
        """Wait until runs of *scope* may have become free, at most for so long; tell whether there was such news."""
        channel = self._names.channel_of(scope)
        waiting = self._waiting.setdefault(channel, set())
        self._listen()
        if channel in self._missed:
            self._missed.discard(channel)
            return True
        news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.add(news)
        try:
            async with asyncio.timeout(seconds):
                await news
        except TimeoutError:
            return False
        finally:
            waiting.discard(news)
        return True

    async def close(self) -> None:
        """Stop listening."""
        self._is_closed = True
        if self._opener is not None:
            self._opener.cancel()
            await asyncio.wait([self._opener])
        await self._pipe.close()

    # ---- what the server tells -------------------------------------------------------------------------------

    def _notified(self, channel: str, sender: str) -> None:
        for one in self._waiting if channel == self._names.channel else (channel,):
            self._pass_on(one, is_own=sender == self._sender)

    def _pass_on(self, channel: str, *, is_own: bool = False) -> None:
        waiting = self._waiting.get(channel)
        if waiting is None:
            return
        for news in waiting:
            if not news.done():
                news.set_result(None)
        # Who looks for runs at this moment does not wait, and what he sees may be older than this news. Of what this
        # store has done itself he knows.
        if not waiting and not is_own:
            self._missed.add(channel)

    def _lost(self) -> None:
        self._listening.clear()
        self._losses += 1
        if not self._is_closed:
            self._listen()

    # ---- the connection --------------------------------------------------------------------------------------

    def _listen(self) -> None:
        """See that all channels that somebody waits for are listened to, or soon will be."""
        if self._waiting.keys() - self._listening and (self._opener is None or self._opener.done()):
            self._opener = asyncio.get_running_loop().create_task(self._open(), name="cnstra listens")

    async def _open(self) -> None:
        pause = _FIRST_PAUSE
        while channels := self._waiting.keys() - self._listening:
            losses = self._losses
            try:
                for channel in (*channels, self._names.channel):
                    await self._pipe.run(Statement(None, b"LISTEN " + channel.encode()))
            except (psycopg.Error, OSError) as error:
                _logger.debug("the store cannot listen, and tries again in %.1f s: %s", pause, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _MAX_PAUSE)
                continue
            if losses == self._losses:
                self._listening |= channels
                for channel in channels:  # something may have changed before this
                    self._pass_on(channel)
