"""The life of a worker process: take jobs until a signal, then give back what is not over."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, final

from cnstra.durable.ending import SHUTDOWN
from cnstra.errors import StimulationAborted
from cnstra.workers.stopping import StopSignals, cut_short

if TYPE_CHECKING:
    from cnstra.durable.runner import DurableRunner
    from cnstra.workers.handler import JobHandler

__all__ = ["BrokerWorker", "JobSource", "serve"]

logger = logging.getLogger("cnstra")


class JobSource(Protocol):
    """A broker's side of a worker: hands deliveries to a `JobHandler`, and does what comes out."""

    async def run(self) -> None:
        """Take jobs until `stop` is called; raise if that cannot go on."""

    async def stop(self) -> None:
        """Take no further job; those in hand go on. Calling it too often is not an error."""

    async def close(self) -> None:
        """Return when every delivery in hand is answered, and disconnect; also if `run` has raised."""


@final
@dataclass(frozen=True, slots=True)
class BrokerWorker:
    """A worker that is ready to run: what a module has for ``cnstra worker module:worker``.

    Attributes:
        source: Hands jobs to the handler.
        handler: Runs them.
        runner: The handler's runner, if it has one; not open.
    """

    source: JobSource
    handler: JobHandler
    runner: DurableRunner | None = None

    async def serve(self, *, signals: StopSignals | None = None) -> None:
        """Work until SIGTERM or SIGINT; see `serve`."""
        await serve(self.source, self.handler, self.runner, signals=signals)


async def serve(
    source: JobSource, handler: JobHandler, runner: DurableRunner | None = None, *, signals: StopSignals | None = None
) -> None:
    """Run a worker until SIGTERM or SIGINT, and return when it has given back what was not over.

    On the first signal it takes no more jobs, and active handlers may settle within the grace time of the runner; on a
    second one they are cancelled. In both cases what they did is committed, and runs that are not over go back, so that
    another worker resumes them at once. A third signal does what it does in any program; nothing that was committed is
    lost then either.

    Args:
        source: Hands jobs to *handler*.
        handler: Runs them.
        runner: The handler's runner, if it has one; it is opened and closed here.
        signals: Heard already, by a program that has to do something else on a signal, too.

    Raises:
        StoreError: If the runner cannot be opened.
        Exception: What *source* could not go on with; all is given back then, too.
    """
    async with AsyncExitStack() as stack:
        heard = stack.enter_context(StopSignals()) if signals is None else signals
        if runner is not None:
            await stack.enter_async_context(runner)
        await _work(source, handler, runner, heard)


async def _work(source: JobSource, handler: JobHandler, runner: DurableRunner | None, signals: StopSignals) -> None:
    taking = asyncio.create_task(source.run(), name="cnstra-take-jobs")
    asked = asyncio.create_task(signals.wait(), name="cnstra-wait-for-signal")
    try:
        await asyncio.wait([taking, asked], return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
        await _stop(source, handler, runner, signals.hurry)
        await taking


async def _stop(source: JobSource, handler: JobHandler, runner: DurableRunner | None, hurry: asyncio.Event) -> None:
    handler.stop_taking()
    logger.info("this worker stops; %d deliveries are in hand", handler.in_hand)
    try:
        await source.stop()
    finally:
        try:
            await _give_back(handler, runner, hurry)
        finally:
            await source.close()


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
