"""How a stored run ends, for whoever waits for it in a process that does not run it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from random import Random
from typing import TYPE_CHECKING, final

from cnstra.durable.failures import error_of
from cnstra.durable.handles import DurableRun
from cnstra.durable.retention import FINAL_STATUSES
from cnstra.errors import RecordedFailure, RunNotFound, StimulationAborted, StimulationFailed, StoreError

if TYPE_CHECKING:
    from cnstra.durable.live import LiveRuns
    from cnstra.persist.ports import Store
    from cnstra.persist.records import RunRecord

__all__ = ["Outcomes"]

_PAUSE = 0.05
_MAX_PAUSE = 1.0
_TRIES = 10
"""How often in a row the store may fail to answer; with the pauses between, that is some seconds."""


@final
class Outcomes:
    """Asks the store, now and then, whether a run is over; a run that starts here meanwhile is asked itself."""

    def __init__(self, store: Store, scope: str, live: LiveRuns, random: Random) -> None:
        self._store = store
        self._scope = scope
        self._live = live
        self._random = random

    def handle(self, stimulation_id: str, attempt_number: int) -> DurableRun:
        """Return the handle of a run that is stored, which may be under way here."""
        live = self._live.get(stimulation_id)
        if live is not None:
            return live
        return DurableRun(stimulation_id, attempt_number, None, partial(self.wait, stimulation_id))

    async def wait(self, stimulation_id: str) -> None:
        """Wait until the run is over, and raise as awaiting it would.

        Raises:
            RunNotFound: If the run is not stored, or is deleted meanwhile.
            StimulationFailed: If it failed; the members are `RecordedFailure`s, unless it failed in this process.
            StimulationAborted: If it was aborted, or was given back by this process.
            StoreError: If the store has not answered several times in a row.
        """
        record = await self._until_over(stimulation_id)
        if record is None or record.status == "completed":
            return
        if record.status == "aborted":
            raise StimulationAborted((record.error.message or None) if record.error else None)
        tasks = await self._store.frontier(self._scope, stimulation_id)
        failures: list[Exception] = [error_of(task.failure, task) for task, _ in tasks if task.failure]
        if not failures:
            failures = [RecordedFailure("Error", "unknown") if record.error is None else error_of(record.error)]
        raise StimulationFailed(record.error.message if record.error else "Stimulation failed", failures)

    async def _until_over(self, stimulation_id: str) -> RunRecord | None:
        """Return the run once it is over; ``None`` if it ended here, and has raised what it had to raise."""
        pause, failed = _PAUSE, 0
        while True:
            with self._live.awaiting(stimulation_id) as start:
                live = self._live.get(stimulation_id)
                if live is not None and await _is_ended(live.wait_for_attempt()):
                    return None
                try:
                    record = await self._store.get(self._scope, stimulation_id)
                    failed = 0
                except StoreError:
                    record, failed = None, failed + 1
                    if failed == _TRIES:
                        raise
                if not start.done() and not failed:
                    if record is None:
                        raise RunNotFound(stimulation_id)
                    if record.status in FINAL_STATUSES:
                        return record
                await asyncio.wait([start], timeout=pause * self._random.uniform(0.5, 1.0))
                if start.done() and await _is_ended(start.result()):
                    return None
            pause = min(pause * 1.5, _MAX_PAUSE)


async def _is_ended(attempt: Awaitable[bool]) -> bool:
    """Wait for an attempt that is under way here; ``False`` if another one follows, here or at another worker."""
    try:
        return await attempt
    except StoreError:
        return False
