"""Heartbeats of workers, on a connection of their own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import final

from cnstra.errors import StoreError
from cnstra.stores.sqlite.thread import Explain
from cnstra.stores.sqlite.workers import renew

__all__ = ["Heart"]


@final
class Heart:
    """Renews leases in the thread of the caller, so that long work of the store's threads does not delay it.

    Args:
        label: Names the store in errors.
        connect: Opens a connection; called at the first beat.
        explain: Turns what the driver raises into what the caller gets.
    """

    def __init__(self, label: str, *, connect: Callable[[], sqlite3.Connection], explain: Explain) -> None:
        self._label = label
        self._connect = connect
        self._explain = explain
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._is_open = False

    def open(self) -> None:
        """Let it beat."""
        with self._lock:
            self._is_open = True

    def beat(self, worker_id: str, lease: float) -> bool:
        """Renew a lease; return ``False`` if there is no such worker."""
        with self._lock:
            if not self._is_open:
                raise StoreError(f"{self._label} is not open: await its open() first")
            try:
                if self._connection is None:
                    self._connection = self._connect()
                    # No fsync for a heartbeat: after a crash of the machine no lease means anything.
                    self._connection.execute("PRAGMA synchronous = NORMAL")
                return renew(self._connection, worker_id, lease)
            except Exception as error:
                raise self._explain(error) from error

    def close(self) -> None:
        """Disconnect; it does not beat any more."""
        with self._lock:
            self._is_open = False
            if self._connection is not None:
                self._connection.close()
                self._connection = None
