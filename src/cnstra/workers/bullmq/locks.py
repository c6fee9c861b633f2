"""Keeping the locks of jobs from a thread, whatever a handler does to the event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, final

from cnstra.workers.bullmq.options import milliseconds
from cnstra.workers.judging import text_of

if TYPE_CHECKING:
    from cnstra.workers.bullmq.client import Queue

__all__ = ["LockKeeper"]

logger = logging.getLogger("cnstra")

_PARTS: Final = 4
"""How often a lock is renewed in its time."""
_UNLIMITED: Final = 1_000_000_000
"""How often a job may be taken from dead workers. BullMQ's own 1 would fail it after the second death."""
_JOIN: Final = 5.0


@final
class LockKeeper:
    """Renews the locks of jobs in hand, and has jobs of dead workers delivered again; a context manager.

    It works in a thread with an event loop and a connection of its own.

    Args:
        make_queue: Connects to the queue; called in the thread.
        lock_duration: For how many seconds a lock holds.
        stalled_interval: How many seconds lie between two looks for dead workers, over all workers of the queue.
        on_lost: Called in the event loop with the token of a lock that has run out or is another's.
    """

    def __init__(
        self,
        make_queue: Callable[[], Queue],
        *,
        lock_duration: float,
        stalled_interval: float,
        on_lost: Callable[[str], None],
    ) -> None:
        self._make_queue = make_queue
        self._lock_duration = lock_duration
        self._stalled_interval = stalled_interval
        self._on_lost = on_lost
        self._held: dict[str, str] = {}
        self._owner: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_stopped = threading.Event()
        self._wake: Callable[[], object] | None = None
        self._is_away = False

    def hold(self, job_id: str, token: str) -> None:
        """Renew the lock of a job from now on."""
        before = self._held.get(job_id)
        self._held[job_id] = token
        if before is not None:  # that lock has run out, or this one could not have been had
            self._on_lost(before)

    def release(self, job_id: str, token: str) -> None:
        """Leave the lock of a job alone from now on."""
        if self._held.get(job_id) == token:
            del self._held[job_id]

    def __enter__(self) -> Self:
        self._owner = asyncio.get_running_loop()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._keep()), name="cnstra-bullmq", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_stopped.set()
        if self._wake is not None:
            self._wake()
        if self._thread is not None:
            self._thread.join(_JOIN)

    # ---- in the thread ---------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(woken.set)
        queue = self._make_queue()
        renewing = asyncio.create_task(self._renew_always(queue))
        looking = asyncio.create_task(self._look_always(queue))
        try:
            if not self._is_stopped.is_set():
                await woken.wait()
        finally:
            self._wake = None
            renewing.cancel()
            looking.cancel()
            await asyncio.wait([renewing, looking])
            await queue.client.aclose()

    async def _renew_always(self, queue: Queue) -> None:
        pause = self._lock_duration / _PARTS
        while True:
            await asyncio.sleep(min(pause, 1.0) if self._is_away else pause)
            if self._held:
                await self._try(self._renew(queue, dict(self._held)))

    async def _renew(self, queue: Queue, held: dict[str, str]) -> None:
        async with asyncio.timeout(self._lock_duration / _PARTS):
            lost = await queue.backend.extendLocks(list(held), list(held.values()), milliseconds(self._lock_duration))
        for job_id in lost or ():
            if self._owner is not None:
                self._owner.call_soon_threadsafe(self._lose, job_id, held[job_id])

    async def _look_always(self, queue: Queue) -> None:
        while True:
            await self._try(self._look(queue))
            await asyncio.sleep(1.0 if self._is_away else self._stalled_interval)

    async def _look(self, queue: Queue) -> None:
        interval = milliseconds(self._stalled_interval)
        for job_id in await queue.backend.moveStalledJobsToWait(_UNLIMITED, interval):
            logger.warning("job %s is delivered again: its worker has died, or stood still", job_id)

    async def _try(self, attempt: Awaitable[None]) -> None:
        try:
            await attempt
        except Exception as error:  # noqa: BLE001 - a client may raise anything, and the next time may be better
            if not self._is_away:
                logger.warning("the locks of jobs cannot be renewed, since Redis does not answer: %s", text_of(error))
            self._is_away = True
        else:
            self._is_away = False

    # ---- in the event loop -----------------------------------------------------------------------------------

    def _lose(self, job_id: str, token: str) -> None:
        if self._held.get(job_id) == token:  # else it was answered meanwhile
            del self._held[job_id]
            self._on_lost(token)
