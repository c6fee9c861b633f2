"""Keeping a worker from taking a run from itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import final
from weakref import WeakValueDictionary

__all__ = ["Ownership"]


@final
class Ownership:
    """The locks under which the runs of one worker begin, and change hands.

    To get at a run that the store has as its own but that it does not run (a commit failed, an answer was lost), a
    worker tells the store that it is dead. That is a lie for a run which something else is just starting here: an
    admission of the same id, another retry, or a claim, which may bring any run.
    """

    def __init__(self) -> None:
        self.claims = asyncio.Lock()
        self._runs: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, stimulation_id: str) -> asyncio.Lock:
        """Return the lock of one run; it lives as long as somebody holds it or waits for it."""
        lock = self._runs.get(stimulation_id)
        if lock is None:
            lock = self._runs[stimulation_id] = asyncio.Lock()
        return lock

    @asynccontextmanager
    async def taking(self, stimulation_id: str) -> AsyncIterator[None]:
        """Keep everything else of this worker from starting the run."""
        async with self.claims, self.of(stimulation_id):
            yield
