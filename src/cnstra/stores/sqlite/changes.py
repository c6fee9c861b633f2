"""A count of the events that those who wait for work wait for, kept in the file so that other processes see it too."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import final

from cnstra.stores.watching import Watchers

__all__ = ["ChangeWatch", "note_change"]


def note_change(connection: sqlite3.Connection) -> None:
    """Count that a run may have become free or that an abort was requested, inside the transaction that did it."""
    connection.execute("UPDATE cnstra_changes SET count = count + 1")


LOOK_EVERY = 0.03
"""Seconds. A look takes 0.1 ms with the way to the thread and back; what others enqueue should not wait long."""


@final
class ChangeWatch:
    """Waits until something is counted: by this process, which tells at once, or by another one, so it looks."""

    def __init__(self) -> None:
        self._watchers = Watchers()
        self._told = 0
        self._version = self._count = -1

    def tell(self) -> None:
        """Wake those who wait: this process has counted something, or seen that another one has."""
        self._told += 1
        self._watchers.tell()

    async def wait(self, look: Callable[[], Awaitable[bool]], seconds: float) -> bool:
        """Wait for so long at most, with a look now and then; tell whether there was anything."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        told = self._told
        while True:
            left = deadline - clock()
            await self._watchers.wait(min(left, LOOK_EVERY))
            if await look():  # told or not: what this process has counted would be seen again at the next look
                self.tell()
            if self._told != told or left <= LOOK_EVERY:
                return self._told != told

    def has_changed(self, connection: sqlite3.Connection) -> bool:
        """Look whether anything was counted since the last look, on the connection that reads.

        Hops are committed all the time and are not counted. Most looks cost one question that SQLite answers from
        memory: whether another connection has written at all.
        """
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return False
        self._version = version
        before = self._count
        (self._count,) = connection.execute("SELECT coalesce(sum(count), 0) FROM cnstra_changes").fetchone()
        return before != self._count
