"""The runs that one runner has under way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias, final

if TYPE_CHECKING:
    from cnstra.durable.handles import DurableRun
    from cnstra.durable.recorder import RunRecorder

__all__ = ["LiveRuns", "Start"]

Start: TypeAlias = "asyncio.Future[asyncio.Future[bool]]"
"""Done when a run starts here; its result is done when that attempt ends, as `DurableRun.wait_for_attempt` tells."""


@final
class LiveRuns:
    """Handle and recorder of each run under way, by id."""

    def __init__(self) -> None:
        self._runs: dict[str, tuple[DurableRun, RunRecorder]] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._awaited: dict[str, set[Start]] = {}

    def add(self, run: DurableRun, recorder: RunRecorder) -> None:
        """A run has started."""
        self._runs[run.stimulation_id] = (run, recorder)
        self._idle.clear()
        for start in self._awaited.pop(run.stimulation_id, ()):
            if not start.done():
                if run.stimulation is not None:
                    run.stimulation.observe()
                outcome = asyncio.ensure_future(run.wait_for_attempt())
                outcome.add_done_callback(_see)
                start.set_result(outcome)

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

    def recorder_of(self, stimulation_id: str) -> RunRecorder | None:
        """Return the recorder of the run, if it is under way here."""
        entry = self._runs.get(stimulation_id)
        return None if entry is None else entry[1]

    def __iter__(self) -> Iterator[tuple[DurableRun, RunRecorder]]:
        return iter(list(self._runs.values()))

    def __len__(self) -> int:
        return len(self._runs)

    async def wait_until_idle(self) -> None:
        """Return when no run is under way."""
        await self._idle.wait()

    @contextmanager
    def awaiting(self, stimulation_id: str) -> Iterator[Start]:
        """Wait for the start of a run here, as long as this is entered."""
        start: Start = asyncio.get_running_loop().create_future()
        self._awaited.setdefault(stimulation_id, set()).add(start)
        try:
            yield start
        finally:
            others = self._awaited.get(stimulation_id)
            if others is not None:
                others.discard(start)
                if not others:
                    del self._awaited[stimulation_id]


def _see(outcome: asyncio.Future[bool]) -> None:
    """Keep asyncio from calling a failure lost: who has waited for it may have been cancelled meanwhile."""
    if not outcome.cancelled():
        outcome.exception()
