"""Carrying commands out where perhaps nobody else does: beside a store whose workers are not there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
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
            if runner is None:
                return
            with suppress(CNSError):
                if self._loop is None:
                    await runner.close()
                else:  # whoever runs that event loop may be waiting for this: it closes when it comes to it
                    _begin(runner.close(), self._loop)

    async def _there(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in the event loop of the store."""
        if self._loop is None:
            await work
            return
        doing = _begin(work, self._loop)
        try:
            async with asyncio.timeout(_PATIENCE):
                await asyncio.wrap_future(doing)
        except TimeoutError as error:
            raise CNSError("the event loop that the store belongs to does not answer") from error


def _begin(work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> Future[None]:
    """Do something in another event loop.

    Raises:
        CNSError: If that has been closed.
    """
    try:
        return asyncio.run_coroutine_threadsafe(work, loop)
    except RuntimeError as error:
        work.close()
        raise CNSError("the event loop that the store belongs to has stopped") from error
