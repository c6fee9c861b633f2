"""The life of a worker process: take jobs until a signal, then give back what is not over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from cnstra.durable.recorder import SHUTDOWN
from cnstra.errors import StimulationAborted
from cnstra.workers.stopping import StopSignals, cut_short

if TYPE_CHECKING:
    from cnstra.durable.runner import DurableRunner
    from cnstra.workers.handler import JobHandler

__all__ = ["JobSource", "serve"]


class JobSource(Protocol):
    """A broker's side of a worker: hands deliveries to a `JobHandler` and does what comes out."""

    async def run(self) -> None:
        """Take jobs until `stop` is called; raise if that cannot go on."""

    async def stop(self) -> None:
        """Take no further job; those in hand go on."""

    async def close(self) -> None:
        """Return when every delivery in hand is answered, and disconnect; also if `run` has raised."""


async def serve(
    source: JobSource, handler: JobHandler, runner: DurableRunner | None = None, *, signals: StopSignals | None = None
) -> None:
    """Run a worker until SIGTERM or SIGINT, and return when it has given back what was not over.

    On the first signal it takes no more jobs, and active handlers may settle within the grace time of the runner; on a
    second one they are cancelled. In both cases what they did is committed, and runs that are not over go back, so that
    another worker resumes them at once.

    Args:
        source: Hands jobs to *handler*.
        handler: Runs them.
        runner: The handler's runner, if it has one; it is open, and is closed in the end.
        signals: Heard already, by a program that has to do something else on a signal, too.

    Raises:
        Exception: What *source* could not go on with; all is given back then, too.
    """
    if signals is None:
        with StopSignals() as own:
            await _serve(source, handler, runner, own)
    else:
        await _serve(source, handler, runner, signals)


async def _serve(source: JobSource, handler: JobHandler, runner: DurableRunner | None, signals: StopSignals) -> None:
    taking = asyncio.create_task(source.run(), name="cnstra-take-jobs")
    asked = asyncio.create_task(signals.wait(), name="cnstra-wait-for-signal")
    try:
        await asyncio.wait([taking, asked], return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
        handler.stop_taking()
        try:
            if not taking.done():
                await source.stop()
        finally:
            await _give_back(handler, runner, signals.hurry)
            await source.close()
            await _end(taking)


async def _give_back(handler: JobHandler, runner: DurableRunner | None, hurry: asyncio.Event) -> None:
    if runner is None:
        await handler.give_back(hurry)
        return
    hurrying = asyncio.create_task(_hurry(runner, hurry), name="cnstra-hurry")
    try:
        await runner.close()
    finally:
        hurrying.cancel()


async def _hurry(runner: DurableRunner, hurry: asyncio.Event) -> None:
    await hurry.wait()
    for run in runner.active_runs:
        if run.stimulation is not None:
            cut_short(run.stimulation, StimulationAborted(SHUTDOWN))


async def _end(taking: asyncio.Task[None]) -> None:
    """Let a source that has been stopped end, and raise what it could not go on with."""
    try:
        await taking
    except asyncio.CancelledError:
        if not taking.cancelled():
            raise
