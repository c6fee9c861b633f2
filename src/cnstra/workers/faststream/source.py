"""Taking jobs from a place on a broker, and handing them to a job handler."""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, final

from cnstra.errors import CNSError
from cnstra.workers.faststream.ports import LineLost
from cnstra.workers.judging import text_of
from cnstra.workers.polling import PolledSource

if TYPE_CHECKING:
    from cnstra.workers.deliveries import Delivery
    from cnstra.workers.faststream.ports import Broker, Line
    from cnstra.workers.handler import JobHandler
    from cnstra.workers.loop_watch import LoopWatch

__all__ = ["LineSource"]

logger = logging.getLogger("cnstra")

_IDLE: Final = 0.01
"""Seconds between two looks that found nothing; a look itself waits for about a second."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0
_LAST_PATIENCE: Final = 1.0
"""Seconds that a connection which is being made gets when the worker stops: clients do not like to be cancelled."""


@final
class LineSource:
    """A line to a broker as the source of jobs for a worker: the `JobSource` of FastStream.

    Args:
        line: Where jobs are taken, and answered.
        handler: Runs the jobs.
        broker: Started and stopped here; ``None`` if it belongs to an application, which has started it already.
        concurrency: How many jobs are in hand at once.
        watch: Tells who blocks the event loop, if that is wanted.

    Attributes:
        ready: Set once jobs are taken.
    """

    def __init__(
        self, line: Line, handler: JobHandler, *, broker: Broker | None, concurrency: int, watch: LoopWatch | None
    ) -> None:
        self.ready = asyncio.Event()
        self._line = line
        self._broker = broker
        self._watch = watch
        self._polled = PolledSource(handler, self._take, line.answer, at_once=concurrency, idle=_IDLE)
        self._stack = ExitStack()
        self._stopped = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._lost: LineLost | None = None

    async def run(self) -> None:
        """Take jobs until `stop` is called; wait for the broker as long as it takes."""
        if self._watch is not None:
            self._stack.enter_context(self._watch)
        self._running = asyncio.create_task(self._run(), name="cnstra-take-jobs-from-line")
        await self._running

    async def stop(self) -> None:
        """Take no further job, and give back what was taken and not begun."""
        self._stopped.set()
        await self._polled.stop()
        if self._running is not None:
            await asyncio.wait([self._running])
        await self._line.stop()

    async def close(self) -> None:
        """Return when every delivery in hand is answered, and disconnect."""
        try:
            await self._polled.close()
            await self._line.close()
        finally:
            self._stack.close()
            if self._broker is not None:
                await _disconnect(self._broker)

    async def _run(self) -> None:
        opening = asyncio.create_task(self._open(), name="cnstra-open-line")
        stopped = asyncio.create_task(self._stopped.wait(), name="cnstra-stop-opening")
        try:
            await asyncio.wait([opening, stopped], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([opening], timeout=_LAST_PATIENCE)
        finally:
            stopped.cancel()
            if not opening.done():
                opening.cancel()
                await asyncio.wait([opening])
        if not opening.cancelled() and opening.result():
            logger.info("this worker takes jobs")
            self.ready.set()
            await self._polled.run()
        if self._lost is not None:
            raise self._lost

    async def _take(self) -> Delivery | None:
        try:
            return await self._line.take()
        except LineLost as error:
            self._lost = error
            await self._polled.stop()
            return None

    async def _open(self) -> bool:
        """Connect; return ``False`` if that is not wanted any more."""
        pause = _FIRST_PAUSE
        while not self._stopped.is_set():
            try:
                if self._broker is not None:
                    await self._broker.start()
                await self._line.open()
            except CNSError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the broker, it may come back
                if pause == _FIRST_PAUSE:
                    logger.warning("no jobs can be taken for now, since the broker is away: %s", text_of(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return True
        return False


async def _disconnect(broker: Broker) -> None:
    """Disconnect; a client whose server is away may complain of that, or wait for it."""
    try:
        async with asyncio.timeout(_LAST_PATIENCE * 5):
            await broker.stop()
    except Exception as error:  # noqa: BLE001 - nothing depends on it any more
        logger.debug("the broker was not disconnected in good order: %r", error)
