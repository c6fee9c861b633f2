"""Renewing a worker's lease in a thread of its own, which a handler that blocks the event loop cannot hold up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, final

from cnstra.errors import StoreError

if TYPE_CHECKING:
    from cnstra.persist.ports import Store

__all__ = ["Heartbeat"]

_SAFETY = 0.8
"""The part of the lease after which a worker that could not renew it stops: before anyone else may take its runs."""


@final
class Heartbeat:
    """Beats until it is stopped, or until the lease can no longer be held.

    Args:
        store: Where the worker's row is.
        worker_id: The worker.
        lease: How long a beat is good for, in seconds.
        interval: Seconds between two beats.
        wanted: Asked before each beat: a worker whose event loop has died must not keep its runs.
        lost: Called from this thread, once, with what went wrong, if the lease is lost.
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
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="cnstra-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat; the worker's row exists, with a fresh lease."""
        self._renewed_at = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Stop beating, and wait for the beat that is under way."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(self._lease)

    def _beat(self) -> None:
        pause = self._interval
        while not self._stopped.wait(pause) and self._wanted():
            started = time.monotonic()
            try:
                renewed = self._store.beat(self._worker_id, self._lease)
            except StoreError as error:
                if time.monotonic() - self._renewed_at >= self._lease * _SAFETY:
                    self._lost(error)
                    return
                pause = min(self._interval, self._lease / 20)  # again soon: what is left of the lease is short
                continue
            if not renewed:
                self._lost(StoreError(f"worker {self._worker_id} is not known to {self._store.label} any more"))
                return
            self._renewed_at = started
            pause = self._interval
