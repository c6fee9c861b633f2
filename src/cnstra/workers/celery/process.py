"""What runs jobs in one process of a Celery worker: an event loop in a thread, with a runner that stays open."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, final

from cnstra.workers.celery.client import SoftTimeLimitExceeded
from cnstra.workers.deliveries import Outcome, Retry
from cnstra.workers.judging import GIVEN_BACK, text_of
from cnstra.workers.loop_watch import LoopWatch
from cnstra.workers.serving import serve
from cnstra.workers.stopping import StopSignals

if TYPE_CHECKING:
    from cnstra.durable.runner import DurableRunner
    from cnstra.workers.celery.bells import Bells
    from cnstra.workers.deliveries import Delivery
    from cnstra.workers.handler import JobHandler

__all__ = ["ProcessWorker"]

logger = logging.getLogger("cnstra")

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_PATIENCE: Final = 10.0
"""For how many seconds a job waits for the store before it goes back to the broker."""
_HURRY: Final = 5.0
"""Seconds that giving back may take in a process that is to end now."""


@final
class Intake:
    """Hands the deliveries of one runner to its handler: a `JobSource` that is given jobs instead of taking them.

    Args:
        handler: Runs them.
        opened: Set when the runner is open.
    """

    def __init__(self, handler: JobHandler, opened: asyncio.Event) -> None:
        self._handler = handler
        self._opened = opened
        self._stopped = asyncio.Event()
        self._in_hand: set[asyncio.Task[Outcome]] = set()

    async def run(self) -> None:
        """Let jobs in until `stop` is called: the runner is open."""
        self._opened.set()
        await self._stopped.wait()

    async def stop(self) -> None:
        """Let no more jobs in."""
        self._stopped.set()

    async def close(self) -> None:
        """Return when every delivery in hand is answered."""
        while self._in_hand:
            await asyncio.wait(self._in_hand)

    async def handle(self, delivery: Delivery) -> Outcome:
        """Run a job; cancelling this gives it back."""
        task = asyncio.create_task(self._handler.handle(delivery), name=f"cnstra-job-{delivery.job_id}")
        self._in_hand.add(task)
        task.add_done_callback(self._in_hand.discard)
        return await task


@final
class ProcessWorker:
    """Runs jobs for the threads of this process, from `start` to `end`; it must not be carried across a fork.

    Args:
        make_runner: Makes the runner, which is opened here; again and again, until the store can be reached.
        make_handler: Makes the handler of a runner.
        loop_watch: For how many seconds a handler may block the event loop before its neuron is named in the log.
        bells: Say when the worker stops, if this is one of its processes.
    """

    def __init__(
        self,
        make_runner: Callable[[], DurableRunner],
        make_handler: Callable[[DurableRunner], JobHandler],
        *,
        loop_watch: float | None,
        bells: Bells | None,
    ) -> None:
        self._make_runner = make_runner
        self._make_handler = make_handler
        self._loop_watch = loop_watch
        self._bells = bells
        self._loop = asyncio.new_event_loop()
        self._signals = StopSignals(())
        self._opened = asyncio.Event()
        self._intake: Intake | None = None
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="cnstra-celery", daemon=True)

    # ---- called by the threads that run tasks ----------------------------------------------------------------

    def start(self) -> None:
        """Begin to open the runner, and return."""
        self._thread.start()

    def deliver(self, delivery: Delivery) -> Outcome:
        """Run a job, and return what the broker is to do with it.

        Whatever interrupts the calling thread meanwhile gives the job back: a soft time limit ends its turn, and what
        ends the process gives back everything that is under way here.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(self._handle(delivery), self._loop)
        except RuntimeError:  # the event loop is closed
            return GIVEN_BACK
        try:
            return future.result()
        except CancelledError:
            return GIVEN_BACK
        except SoftTimeLimitExceeded as error:
            future.cancel()
            return Retry(0.0, "its soft time limit has passed; the run was given back", error=error)
        except BaseException:
            self.end(hurry=True)
            raise

    def end(self, *, hurry: bool = False) -> None:
        """Give back what is under way, close the runner and return; calling it too often is not an error.

        Args:
            hurry: Not to wait for handlers, nor for long.
        """
        for _ in range(1 + hurry):
            try:
                self._loop.call_soon_threadsafe(self._signals.request)
            except RuntimeError:
                return
        self._thread.join(_HURRY if hurry else None)

    # ---- in the event loop -----------------------------------------------------------------------------------

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as loop:
            loop.run(self._live())

    async def _live(self) -> None:
        with ExitStack() as stack:
            if self._bells is not None:
                stack.enter_context(self._bells.heard(self._signals.request))
            if self._loop_watch is not None:
                stack.enter_context(LoopWatch(self._loop_watch))
            pause = _FIRST_PAUSE
            while not self._signals.requested:
                await self._serve()
                await self._rest(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _serve(self) -> None:
        try:
            runner = self._make_runner()
            handler = self._make_handler(runner)
            self._intake = Intake(handler, self._opened)
            await serve(self._intake, handler, runner, signals=self._signals)
        except Exception as error:
            if self._problem is None:
                logger.exception("the runner could not be opened, or closed; jobs wait")
            self._problem = error

    async def _rest(self, pause: float) -> None:
        try:
            async with asyncio.timeout(pause):
                await self._signals.wait()
        except TimeoutError:
            return

    async def _handle(self, delivery: Delivery) -> Outcome:
        """Run a job as soon as the runner is open."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._opened.wait()
        except TimeoutError:
            why = "it takes long" if self._problem is None else text_of(self._problem)
            return Retry(_LONGEST_PAUSE, f"the runner cannot be opened: {why}", error=self._problem)
        assert self._intake is not None  # noqa: S101 - for the type checker
        return await self._intake.handle(delivery)
