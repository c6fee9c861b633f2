"""The runs that one runner has under way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from cnstra.durable.handles import DurableRun
    from cnstra.durable.recorder import RunRecorder

__all__ = ["LiveRuns"]


@final
class LiveRuns:
    """Handle and recorder of each run under way, by id."""

    def __init__(self) -> None:
        self._runs: dict[str, tuple[DurableRun, RunRecorder]] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._awaited: dict[str, set[asyncio.Future[None]]] = {}

    def add(self, run: DurableRun, recorder: RunRecorder) -> None:
        """A run has started."""
        self._runs[run.stimulation_id] = (run, recorder)
        self._idle.clear()
        for waiting in self._awaited.pop(run.stimulation_id, ()):
            if not waiting.done():
                waiting.set_result(None)

    def drop(self, recorder: RunRecorder) -> None:
        """A run has ended; a later attempt of it, if there is one already, stays."""
        entry = self._runs.get(recorder.stimulation_id)
        if entry is not None and entry[1] is recorder:
            del self._runs[recorder.stimulation_id]
        if not self._runs:
            self._idle.set()

    def get(self, stimulation_id: str) -> DurableRun | None:
        """Return the run, if it is under way here."""
        entry = self._runs.get(stimulation_id)
        return None if entry is None else entry[0]

    def __iter__(self) -> Iterator[tuple[DurableRun, RunRecorder]]:
        return iter(list(self._runs.values()))

    def __len__(self) -> int:
        return len(self._runs)

    async def wait_until_idle(self) -> None:
        """Return when no run is under way."""
        await self._idle.wait()

    async def wait_for_start(self, stimulation_id: str, seconds: float) -> None:
        """Return when a run of this id starts here, or after *seconds*."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited.setdefault(stimulation_id, set()).add(waiting)
        try:
            await asyncio.wait([waiting], timeout=seconds)
        finally:
            others = self._awaited.get(stimulation_id)
            if others is not None:
                others.discard(waiting)
                if not others:
                    del self._awaited[stimulation_id]
