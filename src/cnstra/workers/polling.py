"""A source of jobs for every broker that is asked for the next one: two functions make it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, final

from cnstra.durable.arguments import seconds, whole
from cnstra.workers.deliveries import Retry
from cnstra.workers.judging import text_of

if TYPE_CHECKING:
    from cnstra.workers.deliveries import Delivery, Outcome
    from cnstra.workers.handler import JobHandler

__all__ = ["PolledSource"]

logger = logging.getLogger("cnstra")

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0


@final
class PolledSource:
    """Asks a broker for jobs while there is room, and answers each delivery; a `JobSource`.

    A broker that fails is asked again, with pauses, for as long as it takes. An answer that fails is logged: the broker
    delivers that job again, and finds its run where it stands.

    Args:
        handler: Runs the jobs.
        take: Returns the next delivery, or ``None`` if there is none now. It is cancelled when the worker stops, so the
            broker must deliver again what was taken and not answered.
        answer: Does with a delivery what came out.
        at_once: How many deliveries are handled at the same time.
        idle: Seconds to wait after there was none.

    Raises:
        GraphError: If a number makes no sense.
    """

    def __init__(
        self,
        handler: JobHandler,
        take: Callable[[], Awaitable[Delivery | None]],
        answer: Callable[[Delivery, Outcome], Awaitable[object]],
        *,
        at_once: int = 10,
        idle: float = 1.0,
    ) -> None:
        self._handler = handler
        self._take = take
        self._answer = answer
        self._room = asyncio.Semaphore(whole(at_once, "at_once", 1))
        self._idle = seconds(idle, "idle")
        self._stopped = asyncio.Event()
        self._in_hand: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take jobs until `stop` is called."""
        stop = asyncio.create_task(self._stopped.wait(), name="cnstra-stop-taking")
        taking = asyncio.create_task(self._take_all(), name="cnstra-take")
        try:
            await asyncio.wait([stop, taking], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            taking.cancel()
            await asyncio.wait([taking])
        if not taking.cancelled():
            taking.result()

    async def stop(self) -> None:
        """Take no more jobs."""
        self._stopped.set()

    async def close(self) -> None:
        """Return when every delivery is answered."""
        while self._in_hand:
            await asyncio.wait(self._in_hand)

    async def _take_all(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            await self._room.acquire()
            if self._stopped.is_set():
                return
            try:
                delivery = await self._take()
            except Exception:
                self._room.release()
                logger.exception("the broker could not be asked for a job; it is asked again in %.3g s", pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            except BaseException:
                self._room.release()
                raise
            pause = _FIRST_PAUSE
            if delivery is None:
                self._room.release()
                await asyncio.sleep(self._idle)
            else:
                task = asyncio.create_task(self._work(delivery), name=f"cnstra-job-{delivery.job_id}")
                self._in_hand.add(task)
                task.add_done_callback(self._in_hand.discard)

    async def _work(self, delivery: Delivery) -> None:
        try:
            await self._answer(delivery, await self._handle(delivery))
        except Exception:
            logger.exception("job %s could not be answered; the broker will deliver it again", delivery.job_id)
        finally:
            self._room.release()

    async def _handle(self, delivery: Delivery) -> Outcome:
        """Return what became of a delivery; one that could not be handled goes back, or it would stay here for ever."""
        try:
            return await self._handler.handle(delivery)
        except Exception as error:
            logger.exception("job %s could not be handled", delivery.job_id)
            return Retry(_LONGEST_PAUSE, text_of(error), error=error)
