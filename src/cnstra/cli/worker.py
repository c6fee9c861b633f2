"""``cnstra worker``: a process that runs what is stored and what others enqueue, or what a broker delivers."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, final

import typer

from cnstra.cli.ending import CommandError, Exit, run
from cnstra.cli.loading import load_worker
from cnstra.durable import DurableRunner
from cnstra.workers import BrokerWorker, StopSignals

__all__ = ["command"]

logger = logging.getLogger("cnstra")

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Level(StrEnum):
    """From which level on the log is shown."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def command(
    target: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:WORKER", help="A DurableRunner, a BrokerWorker, or a function that makes one of them."
        ),
    ],
    *,
    directory: Annotated[Path, typer.Option("--dir", help="Where to look for the module first.")] = Path(),
    log_level: Annotated[Level, typer.Option(help="From which level on the log is shown.")] = Level.INFO,
) -> None:
    """Work on stored runs, or on the jobs of a broker, until SIGTERM or SIGINT (Ctrl-C).

    Then active handlers may settle within the runner's grace time, and the rest is given back to other workers. A
    second signal ends a runner's process at once; what is committed stays. A worker on a broker cancels its handlers
    then, and gives their jobs back; a third signal ends it at once.
    """
    logging.basicConfig(
        level=log_level.value.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    run(_work(target, directory.resolve()))


async def _work(target: str, directory: Path) -> Exit:
    stop = _StopSignal()
    worker = await load_worker(target, directory)
    if isinstance(worker, BrokerWorker):
        await _serve(worker, stop)
    else:
        await _hold_open(worker, stop)
    return Exit.DONE


async def _hold_open(runner: DurableRunner, stop: _StopSignal) -> None:
    async with runner:
        scope = f" in scope {runner.scope!r}" if runner.scope else ""
        logger.info("worker %s is open on %s%s", runner.worker_id, runner.store.label, scope)
        await stop.received.wait()
        logger.info("worker %s stops; %d runs are under way", runner.worker_id, len(runner.active_runs))
    logger.info("worker %s has stopped", runner.worker_id)


async def _serve(worker: BrokerWorker, stop: _StopSignal) -> None:
    with StopSignals() as signals:
        if stop.received.is_set():
            signals.request()
        logger.info("this worker takes jobs; %s", _memory_of(worker))
        try:
            await worker.serve(signals=signals)
        except OSError as error:
            raise CommandError(f"the broker cannot be used: {error}", Exit.BROKER) from error
    logger.info("this worker has stopped")


def _memory_of(worker: BrokerWorker) -> str:
    if worker.runner is None:
        return "each keeps its own progress"
    return f"worker {worker.runner.worker_id} keeps their runs in {worker.runner.store.label}"


@final
class _StopSignal:
    """Waits for the first signal to stop, and leaves the second one to end the process."""

    def __init__(self) -> None:
        self.received = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            self._loop.add_signal_handler(number, self._receive, number)

    def _receive(self, number: signal.Signals) -> None:
        if self.received.is_set():
            for each in _SIGNALS:
                self._loop.remove_signal_handler(each)
                signal.signal(each, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.received.set()
