"""Waking those who wait for a change, whatever thread and event loop they are in."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import final

__all__ = ["Watchers"]


@final
class Watchers:
    """Everybody who waits for the next change; who has waited longest is told first."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._lock = threading.Lock()

    def tell(self) -> None:
        """Wake them all."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for future in waiting:
            with suppress(RuntimeError):  # its event loop has closed
                future.get_loop().call_soon_threadsafe(_wake, future)

    async def wait(self, seconds: float) -> bool:
        """Wait for the next change, at most so long; tell whether there was one."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting[future] = None
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            return False
        finally:
            with self._lock:
                self._waiting.pop(future, None)
        return True


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
