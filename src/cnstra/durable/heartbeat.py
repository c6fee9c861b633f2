"""Renewing a worker's lease in a thread of its own, which a handler that blocks the event loop cannot hold up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, final

from cnstra.errors import StoreError

if TYPE_CHECKING:
    from cnstra.persist.ports import Store

__all__ = ["Heartbeat", "MakePulse", "Pulse"]

_SAFETY = 0.8
"""The part of the lease after which a worker that could not renew it stops: before anyone else may take its runs."""


class Pulse(Protocol):
    """Renews the lease of one worker until it is stopped, or until the lease can no longer be held.

    It is made before the worker's row is written: the worker's own count of its lease must not begin after the store's.
    """

    def start(self) -> None:
        """Begin to beat, in the worker's event loop; the worker's row has been written, with a fresh lease."""

    def stop(self) -> None:
        """Beat no more; a beat that is under way may still end. Nothing is lost any more."""

    async def wait_stopped(self) -> None:
        """Return when no beat is under way, or when one hangs for longer than the lease."""


class MakePulse(Protocol):
    """Makes the pulse of a worker."""

    def __call__(
        self,
        store: Store,
        worker_id: str,
        *,
        lease: float,
        interval: float,
        wanted: Callable[[], bool],
        lost: Callable[[StoreError], None],
    ) -> Pulse:
        """Return a pulse that is not started.

        Args:
            store: Where the worker's row is.
            worker_id: The worker.
            lease: How long a beat is good for, in seconds.
            interval: Seconds between two beats.
            wanted: Asked before each beat: a worker whose event loop has died must not keep its runs.
            lost: Called once, from any thread, with what went wrong, if the lease is lost.
        """
        ...


@final
class Heartbeat:
    """The pulse of a worker in a real process: a thread beats, and the event loop watches over it.

    Two things may hang, and neither holds up the other: a beat in the driver, and a handler in the event loop. If both
    do, the store's fence is what is left.
    """

    def __init__(
        self,
        store: Store,
        worker_id: str,
        *,
        lease: float,
        interval: float,
        wanted: Callable[[], bool],
        lost: Callable[[StoreError], None],
    ) -> None:
        self._store = store
        self._worker_id = worker_id
        self._lease = lease
        self._interval = interval
        self._wanted = wanted
        self._lost = lost
        self._renewed_at = time.monotonic()
        self._error: StoreError | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="cnstra-heartbeat", daemon=True)
        self._watchdog: asyncio.TimerHandle | None = None
        self._telling = threading.Lock()

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()
        self._watch(asyncio.get_running_loop())

    def stop(self) -> None:
        """Beat no more."""
        with self._telling:
            self._stopped.set()
        if self._watchdog is not None:
            self._watchdog.cancel()

    async def wait_stopped(self) -> None:
        """Return when no beat is under way, or when one hangs for longer than the lease."""
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, self._lease)

    def _left(self) -> float:
        """Return for how many seconds the worker may still rely on its lease."""
        return self._renewed_at + self._lease * _SAFETY - time.monotonic()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        left = self._left()
        if left > 0:
            self._watchdog = loop.call_later(left, self._watch, loop)
        else:
            self._lose(self._error or StoreError(f"{self._store.label} has not answered a heartbeat in time"))

    def _beat(self) -> None:
        pause = self._interval
        while not self._stopped.wait(pause) and self._wanted():
            started = time.monotonic()
            try:
                renewed = self._store.beat(self._worker_id, self._lease)
            except StoreError as error:
                self._error = error
                if self._left() <= 0:
                    self._lose(error)
                pause = min(self._interval, self._lease / 20)  # again soon: what is left of the lease is short
                continue
            if not renewed:
                self._lose(StoreError(f"worker {self._worker_id} is not known to {self._store.label} any more"))
                return
            self._renewed_at, self._error = started, None
            pause = self._interval

    def _lose(self, error: StoreError) -> None:
        """Tell once that the lease is lost, unless it is not needed any more."""
        with self._telling:
            is_first = not self._stopped.is_set()
            self._stopped.set()
        if is_first:
            self._lost(error)
