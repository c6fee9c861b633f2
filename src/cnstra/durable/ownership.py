"""Keeping a worker from taking a run from itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import final
from weakref import WeakValueDictionary

__all__ = ["Admitting", "Ownership"]


@dataclass(slots=True)
class Admitting:
    """The admission of one run, while it is under way.

    Attributes:
        is_overtaken: Whether a claim of this worker has brought the run already, under a higher fence: the worker's own
            row had got lost, so that nobody seemed to hold the run.
    """

    is_overtaken: bool = False


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
        self._admissions: dict[str, Admitting] = {}

    def of(self, stimulation_id: str) -> asyncio.Lock:
        """Return the lock of one run; it lives as long as somebody holds it or waits for it."""
        lock = self._runs.get(stimulation_id)
        if lock is None:
            lock = self._runs[stimulation_id] = asyncio.Lock()
        return lock

    @asynccontextmanager
    async def admitting(self, stimulation_id: str) -> AsyncIterator[Admitting]:
        """Keep everything but a claim from starting the run, and tell whether one did."""
        async with self.of(stimulation_id):
            admission = self._admissions[stimulation_id] = Admitting()
            try:
                yield admission
            finally:
                del self._admissions[stimulation_id]

    def claimed(self, stimulation_id: str) -> None:
        """Take note that a claim has brought a run."""
        admission = self._admissions.get(stimulation_id)
        if admission is not None:
            admission.is_overtaken = True

    @asynccontextmanager
    async def taking(self, stimulation_id: str) -> AsyncIterator[None]:
        """Keep everything else of this worker from starting the run."""
        async with self.claims, self.of(stimulation_id):
            yield
