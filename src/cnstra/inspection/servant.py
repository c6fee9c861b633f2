"""Carrying commands out where perhaps nobody else does: beside a store whose workers are not there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, final

from cnstra.durable import DurableRunner
from cnstra.errors import CNSError

__all__ = ["Servant"]

_logger = logging.getLogger("cnstra.inspection")
_PATIENCE: Final = 30.0


@final
class Servant:
    """A runner that takes no runs and carries commands out, from the first order on.

    Args:
        make: Makes the runner.
        loop: The event loop that its store belongs to; ``None`` for the one that asks.
    """

    def __init__(self, make: Callable[[], DurableRunner], loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._make = make
        self._loop = loop
        self._lock = asyncio.Lock()
        self._runner: DurableRunner | None = None

    async def come(self) -> None:
        """Be there. If that cannot be, a command waits for a worker, and the next call tries again."""
        async with self._lock:
            if self._runner is not None:
                return
            try:
                runner = self._make()
                await self._there(runner.open())
            except CNSError as error:
                _logger.warning("commands wait for a worker, since none can be carried out here: %s", error)
            else:
                self._runner = runner

    async def close(self) -> None:
        """Go; commands that wait then wait for others."""
        async with self._lock:
            runner, self._runner = self._runner, None
            if runner is not None:
                with suppress(CNSError, TimeoutError):
                    await self._there(runner.close())

    async def _there(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in the event loop of the store."""
        if self._loop is None:
            await work
            return
        try:
            doing = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError as error:
            work.close()
            raise CNSError("the event loop that the store belongs to has stopped") from error
        async with asyncio.timeout(_PATIENCE):
            await asyncio.wrap_future(doing)
