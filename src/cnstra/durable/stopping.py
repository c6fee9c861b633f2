"""Ending the runs of a worker before they are over, so that they go on elsewhere or later."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Final

from cnstra.durable.ending import SHUTDOWN
from cnstra.errors import StimulationAborted

if TYPE_CHECKING:
    from cnstra.durable.live import LiveRuns
    from cnstra.durable.recorder import RunRecorder
    from cnstra.errors import StoreError

__all__ = ["end", "give_back", "is_ending", "stop"]

_LAST_WORDS: Final = 1.0
"""Seconds that what is cancelled gets to clean up."""


def stop(recorder: RunRecorder, error: StoreError) -> list[asyncio.Task[Any]]:
    """Stop a run that is this worker's no more: nothing of it is written from now on, and awaiting it raises *error*.

    Returns:
        The tasks of its handlers, which are being cancelled.
    """
    recorder.broken = True
    if recorder.stimulation is None:
        return []
    bodies = recorder.stimulation.bodies()
    recorder.stimulation.halt(error)
    return _cancelled(bodies)


async def give_back(live: LiveRuns, grace: float) -> None:
    """Let active handlers settle for *grace* seconds, and give all runs back.

    Handlers that take longer are cancelled, and run again later.
    """
    for run, _ in live:
        if run.stimulation is not None:
            run.stimulation.abort(SHUTDOWN)
    try:
        async with asyncio.timeout(grace):
            await live.wait_until_idle()
    except TimeoutError:
        await _cut_short(live)


async def _cut_short(live: LiveRuns) -> None:
    bodies: list[asyncio.Task[Any]] = []
    for run, recorder in live:
        recorder.release()
        if run.stimulation is not None:
            bodies += run.stimulation.bodies()
            run.stimulation.halt(StimulationAborted(SHUTDOWN))
    if _cancelled(bodies):
        await asyncio.wait(bodies, timeout=_LAST_WORDS)


def is_ending() -> bool:
    """Whether the task that asks was cancelled, also if that has got lost on its way."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel *tasks* until they have ended: before 3.12, `asyncio.wait_for`, which drivers use, may lose that."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_LAST_WORDS)


def _cancelled(bodies: Iterable[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    tasks = [task for task in bodies if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    return tasks
