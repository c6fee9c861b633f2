"""A worker inside an application that has a broker of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, final

from cnstra.workers.stopping import StopSignals

if TYPE_CHECKING:
    from cnstra.workers.faststream.source import LineSource
    from cnstra.workers.serving import BrokerWorker

__all__ = ["App", "AttachedWorker"]

logger = logging.getLogger("cnstra")


class App(Protocol):
    """An application of FastStream."""

    def after_startup(self, func: Callable[[], Awaitable[None]], /) -> object:
        """Have something done when the broker is connected."""

    def on_shutdown(self, func: Callable[[], Awaitable[None]], /) -> object:
        """Have something done before the broker is disconnected."""


@final
class AttachedWorker:
    """A worker that begins and ends with the application whose broker it takes jobs from.

    Args:
        worker: Does the work.
        source: Its source.
    """

    def __init__(self, worker: BrokerWorker, source: LineSource) -> None:
        self._worker = worker
        self._source = source
        self._signals: StopSignals | None = None
        self._serving: asyncio.Task[None] | None = None

    def install(self, app: App) -> None:
        """Begin when *app* has started its broker, and end before it stops it."""
        app.after_startup(self.start)
        app.on_shutdown(self.stop)

    async def start(self) -> None:
        """Open the runner and take jobs; return when the first one may come.

        Raises:
            StoreError: If the runner cannot be opened.
            GraphError: If what is there on the broker does not fit.
        """
        self._signals = StopSignals(())  # the application hears the signals
        self._serving = asyncio.create_task(self._worker.serve(signals=self._signals), name="cnstra-worker")
        ready = asyncio.create_task(self._source.ready.wait(), name="cnstra-worker-is-ready")
        try:
            await asyncio.wait([self._serving, ready], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self._serving.done():
            await self._serving
        self._serving.add_done_callback(_tell)

    async def stop(self) -> None:
        """Take no more jobs, give back what is not over within the runner's grace time, and close the runner."""
        if self._signals is not None and self._serving is not None:
            self._signals.request()
            await self._serving


def _tell(serving: asyncio.Task[None]) -> None:
    if not serving.cancelled() and serving.exception() is not None:
        logger.error("this worker takes no more jobs", exc_info=serving.exception())
