"""Telling the queue that this worker lives, and finding out who does not, from a thread that no handler blocks."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

from cnstra.workers.job import JOB_NAME
from cnstra.workers.judging import text_of
from cnstra.workers.procrastinate.client import SQL, Identifier, connect, queries
from cnstra.workers.procrastinate.statements import BEAT, STALLED, SWEEP, TO_ABORT

if TYPE_CHECKING:
    from cnstra.workers.procrastinate.client import AsyncConnection

__all__ = ["Keeper", "News"]

logger = logging.getLogger("cnstra")

_PARTS: Final = 4
"""How often a worker gives a sign of life in the time after which it is taken for dead."""
_LONGEST_INTERVAL: Final = 10.0
"""Seconds; Procrastinate's own workers forget whoever was silent for 30 when they start."""
_PAUSE: Final = 0.3
_LEAST_PATIENCE: Final = 2.0
"""Seconds that the server gets for an answer, however short the time-out is."""
_LAST_PATIENCE: Final = 5.0
_FORGOTTEN_AFTER: Final = 3600.0
"""Seconds after which the rows of dead workers go."""


@final
@dataclass(frozen=True, slots=True)
class News:
    """What a keeper tells, each in the event loop that it was started in.

    Attributes:
        on_number: Told the number of this worker, again if it has been given a new one.
        on_job: Told that there may be a job.
        on_abort: Told the number of a job that somebody wants aborted, perhaps more than once.
    """

    on_number: Callable[[int], None]
    on_job: Callable[[], None]
    on_abort: Callable[[int], None]


@final
class Keeper:
    """Gives signs of life of a worker, gives back the jobs of dead ones, and hears of new ones.

    It works in a thread with an event loop and a connection of its own.

    Args:
        conninfo: What the driver connects with.
        queue: The name of the queue.
        timeout: After so many seconds without a sign of life a worker is dead.
        news: What it is told.
    """

    def __init__(self, conninfo: str, queue: str, *, timeout: float, news: News) -> None:
        self._conninfo = conninfo
        self._queue = queue
        self._timeout = timeout
        self._interval = min(timeout / _PARTS, _LONGEST_INTERVAL)
        self._patience = max(timeout, _LEAST_PATIENCE)
        self._news = news
        self._number: int | None = None
        self._owner: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_stopped = threading.Event()
        self._wake: Callable[[], object] | None = None
        self._is_away = False

    def start(self) -> None:
        """Begin."""
        self._owner = asyncio.get_running_loop()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="cnstra-keeper", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Take leave of the queue: what this worker still has is given back by the next look of another one."""
        self._is_stopped.set()
        if self._wake is not None:
            self._wake()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, 2 * _LAST_PATIENCE)

    # ---- in the thread ---------------------------------------------------------------------------------------

    async def _live(self) -> None:
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(woken.set)
        living = asyncio.create_task(self._persist())
        try:
            if not self._is_stopped.is_set():
                await woken.wait()
        finally:
            self._wake = None
            living.cancel()
            await asyncio.wait([living])
            await self._take_leave()

    async def _persist(self) -> None:
        while True:
            try:
                async with await connect(self._conninfo) as connection:
                    await self._keep(connection)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the server, it may come back
                if not self._is_away:
                    logger.warning("this worker cannot give signs of life for now: %s", text_of(error))
                self._is_away = True
            await asyncio.sleep(_PAUSE)

    async def _keep(self, connection: AsyncConnection[Any]) -> None:
        now = asyncio.get_running_loop().time
        # Where the server was away, the others get the time to give a sign of life before they are taken for dead.
        sweep_at = now() + self._interval
        async with asyncio.timeout(self._patience):
            await connection.execute(SQL("LISTEN {}").format(Identifier(f"procrastinate_queue_v1#{self._queue}")))
        while True:
            async with asyncio.timeout(self._patience):
                await self._beat(connection)
                if now() >= sweep_at:
                    await self._sweep(connection)
                    sweep_at = now() + self._interval
            self._is_away = False
            async for notice in connection.notifies(timeout=self._interval):
                self._hear(notice.payload)

    async def _beat(self, connection: AsyncConnection[Any]) -> None:
        known = await (await connection.execute(BEAT, {"worker": self._number})).fetchone()
        if known is None:
            await self._register(connection)
        for (job,) in await (await connection.execute(TO_ABORT, {"worker": self._number})).fetchall():
            self._tell(self._news.on_abort, job)

    async def _register(self, connection: AsyncConnection[Any]) -> None:
        if self._number is None:
            await connection.execute(queries["prune_stalled_workers"], {"seconds_since_heartbeat": _FORGOTTEN_AFTER})
        else:
            logger.warning("this worker was taken for dead; what it has in hand is given to others")
        row = await (await connection.execute(queries["register_worker"])).fetchone()
        assert row is not None  # noqa: S101 - for the type checker
        self._number = row[0]
        self._tell(self._news.on_number, row[0])

    async def _sweep(self, connection: AsyncConnection[Any]) -> None:
        given = {"queue": self._queue, "task": JOB_NAME, "timeout": self._timeout}
        for job, worker, attempts in await (await connection.execute(STALLED, given)).fetchall():
            which = {"job": job, "worker": worker, "attempts": attempts, "timeout": self._timeout}
            back = await connection.execute(SWEEP, {**which, "counted": 1, "after": 0.0, "reason": None})
            if await back.fetchone() is not None:
                logger.warning("job %d is delivered again: its worker has died, or stood still", job)
                self._tell(self._news.on_job)

    def _hear(self, payload: str) -> None:
        try:
            told = json.loads(payload)
            kind, job = told["type"], int(told["job_id"])
        except (ValueError, KeyError, TypeError):
            return  # somebody else uses the channel
        if kind == "abort_job_requested":
            self._tell(self._news.on_abort, job)
        else:
            self._tell(self._news.on_job)

    def _tell(self, whom: Callable[..., None], *what: int) -> None:
        if self._owner is not None:
            self._owner.call_soon_threadsafe(whom, *what)

    async def _take_leave(self) -> None:
        if self._number is None:
            return
        try:
            async with asyncio.timeout(_LAST_PATIENCE), await connect(self._conninfo) as connection:
                await connection.execute(queries["unregister_worker"], {"worker_id": self._number})
        except Exception as error:  # noqa: BLE001 - it is taken for dead soon
            logger.warning("this worker could not take leave of the queue: %s", text_of(error))
