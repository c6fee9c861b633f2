"""What runs jobs in one process of a Celery worker: an event loop in a thread, with a runner that stays open."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, final

from cnstra.workers.celery.client import SoftTimeLimitExceeded
from cnstra.workers.celery.intake import Intake
from cnstra.workers.celery.turns import Turn
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
        self._lock = threading.Lock()
        self._is_closed = False
        self._in_hand: set[Turn] = set()
        self._over = threading.Event()
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
        turn = Turn(delivery, self._handle)
        with self._lock:
            if self._is_closed:
                return GIVEN_BACK
            self._in_hand.add(turn)
            self._loop.call_soon_threadsafe(turn.begin, self._in_hand.discard)
        try:
            return turn.wait()
        except asyncio.CancelledError:
            return GIVEN_BACK
        except SoftTimeLimitExceeded as error:
            with suppress(RuntimeError):  # the event loop has ended, and with it the turn
                self._loop.call_soon_threadsafe(turn.cancel)
            return Retry(0.0, "its soft time limit has passed; the run was given back", error=error)
        except Exception as error:
            logger.exception("job %s could not be handled", delivery.job_id)
            return Retry(_LONGEST_PAUSE, text_of(error), error=error)
        except BaseException:
            self.end(hurry=True)
            raise

    def end(self, *, hurry: bool = False) -> None:
        """Give back what is under way, close the runner and return; calling it too often is not an error.

        Args:
            hurry: Not to wait for handlers, nor for long.
        """
        try:
            self._loop.call_soon_threadsafe(partial(self._stop, hurry=hurry))
        except RuntimeError:  # it has ended already
            return
        self._over.wait(_HURRY if hurry else None)  # and not for handlers in threads, which nobody can stop

    # ---- in the event loop -----------------------------------------------------------------------------------

    def _stop(self, *, hurry: bool = False) -> None:
        if not self._signals.requested:
            self._signals.request()
        if hurry:
            self._signals.request()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as loop:
            loop.run(self._live())

    async def _live(self) -> None:
        with ExitStack() as stack:
            stack.callback(self._over.set)
            if self._bells is not None:
                stack.enter_context(self._bells.heard(self._stop, partial(self._stop, hurry=True)))
            if self._loop_watch is not None:
                stack.enter_context(LoopWatch(self._loop_watch))
            pause = _FIRST_PAUSE
            while not self._signals.requested:
                await self._serve()
                await self._rest(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            await self._close()

    async def _close(self) -> None:
        """Let nothing in any more, and return when all that was let in is answered: nobody would answer it later."""
        with self._lock:
            self._is_closed = True
        self._opened.set()
        while self._in_hand:  # noqa: ASYNC110 - the threads that empty it have no event to set
            await asyncio.sleep(_FIRST_PAUSE / 10)

    async def _serve(self) -> None:
        try:
            runner = self._make_runner()
            handler = self._make_handler(runner)
            self._intake = Intake(handler, self._opened)
            await serve(self._intake, handler, runner, signals=self._signals)
        except Exception as error:
            self._opened.clear()
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
        if not self._opened.is_set():
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._opened.wait()
            except TimeoutError:
                why = "it takes long" if self._problem is None else text_of(self._problem)
                return Retry(_LONGEST_PAUSE, f"the runner cannot be opened: {why}", error=self._problem)
        if self._intake is None or self._signals.requested:
            return GIVEN_BACK
        return await self._intake.handle(delivery)
