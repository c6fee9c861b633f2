"""Short writes that are not handed to the thread that writes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, TypeVar, cast, final

from cnstra.errors import StoreError
from cnstra.stores.sqlite.pace import Pace
from cnstra.stores.sqlite.thread import DatabaseThread, Together

__all__ = ["PromptWriter"]

T = TypeVar("T")

_BRIEFLY: Final = 0.001
"""Seconds; for so long a short write waits in the event loop for other processes. They are short, too, as a rule, and a
lock that is held for longer is waited for in the thread."""


@final
class PromptWriter:
    """Writes in the calling thread, the event loop's: the way to the writer's thread and back takes longer than that.

    Args:
        thread: Has the connection, and does what cannot be done here.
        together: Makes transactions.
        pace: Tells whether the disk is fast.
    """

    def __init__(self, thread: DatabaseThread, together: Together, pace: Pace) -> None:
        self._thread = thread
        self._together = together
        self._pace = pace
        self._loop: asyncio.AbstractEventLoop | None = None
        self._coming: list[tuple[Callable[[sqlite3.Connection], object], asyncio.Future[object]]] = []

    def write(self, work: Callable[[sqlite3.Connection], T]) -> tuple[T] | None:
        """Do *work* in a transaction; return ``None``, with nothing changed, if that may take long or does not work."""
        if not self._pace.is_fast:
            return None
        with self._thread.borrowed() as connection:
            if connection is None:
                return None
            try:
                with self._together.transaction(connection, _BRIEFLY):
                    return (work(connection),)
            except Exception:  # noqa: BLE001 - a lock, a run that was taken over: the thread finds out, and says it
                return None

    def write_alone(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Do *work* here if nothing else comes in the same round of the event loop, and else in the thread.

        Several would wait for the disk one after the other here; in the thread they share a transaction. Cancelling the
        waiter does not undo the work.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # one that has ended with something still to come does not come back to it
            self._loop, self._coming = loop, []
        if not self._coming:
            loop.call_soon(self.begin)
        future: asyncio.Future[T] = loop.create_future()
        self._coming.append((work, cast("asyncio.Future[object]", future)))
        return future

    def begin(self) -> None:
        """Begin with what has come so far; before the thread ends."""
        coming, self._coming = self._coming, []
        done: tuple[object] | None = None
        try:
            done = self.write(coming[0][0]) if len(coming) == 1 else None
        finally:  # also if a signal's handler has raised something here
            self._settle(coming, done)

    def _settle(
        self,
        coming: Sequence[tuple[Callable[[sqlite3.Connection], object], asyncio.Future[object]]],
        done: tuple[object] | None,
    ) -> None:
        for work, future in coming:
            if done is None:
                self._hand_over(work, future)
            elif not future.done():  # else its waiter was cancelled
                future.set_result(done[0])

    def _hand_over(self, work: Callable[[sqlite3.Connection], object], future: asyncio.Future[object]) -> None:
        try:
            self._thread.run(work, future=future)
        except StoreError as error:
            if not future.done():
                future.set_exception(error)
