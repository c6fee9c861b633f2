"""SIGTERM: the polite request to stop, which an orchestrator follows with SIGKILL."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any, final

__all__ = ["Termination"]


@final
class Termination:
    """Closes a runner on SIGTERM, then lets the signal do what it would have done.

    It steps in only where the program has no handler of its own, in the main thread; a second SIGTERM ends the
    process at once, which loses nothing that is committed.
    """

    def __init__(self, close: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._close = close
        self._installed = False
        self._loop = asyncio.get_running_loop()
        self.requested: asyncio.Task[None] | None = None

    def install(self) -> None:
        """Step in, if nobody else has."""
        if (
            threading.current_thread() is not threading.main_thread()
            or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        ):
            return
        try:
            self._loop.add_signal_handler(signal.SIGTERM, self._request)
        except (
            NotImplementedError,
            RuntimeError,
            ValueError,
        ):  # an event loop that has no signals, or is not in the main thread
            return
        self._installed = True

    def remove(self) -> None:
        """Step back."""
        if self._installed:
            self._loop.remove_signal_handler(signal.SIGTERM)
            self._installed = False

    def _request(self) -> None:
        self.remove()
        self.requested = self._loop.create_task(self._terminate(), name="cnstra-sigterm")

    async def _terminate(self) -> None:
        try:
            await self._close()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
