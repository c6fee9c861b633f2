"""Taking jobs from a queue of BullMQ, and handing them to a job handler."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, final

from cnstra.workers.bullmq.client import unread_job
from cnstra.workers.bullmq.options import milliseconds
from cnstra.workers.bullmq.progress import SAVE_PROGRESS, LockedProgress
from cnstra.workers.deliveries import Dead, Delivery, Outcome, Retry
from cnstra.workers.judging import text_of
from cnstra.workers.loop_watch import LoopWatch

if TYPE_CHECKING:
    from cnstra.workers.bullmq.answers import Answers
    from cnstra.workers.bullmq.client import Fetched, Job, Script, Worker
    from cnstra.workers.bullmq.locks import LockKeeper
    from cnstra.workers.handler import JobHandler

__all__ = ["QueueSource"]

logger = logging.getLogger("cnstra")

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 1.0
_LAST_PATIENCE: Final = 5.0
"""Seconds that a worker that stops gives its last answers to get through."""


@final
class QueueSource:
    """A queue as the source of jobs for a worker: the `JobSource` of BullMQ.

    Args:
        queue: Its name.
        handler: Runs the jobs.
        make_worker: Connects to the queue.
        make_keeper: Makes the keeper of locks of a function that is told of lost ones.
        answers: Answers deliveries.
        concurrency: How many jobs are in hand at once.
        lock_duration: For how many seconds a lock holds.
        has_store: Whether a run store keeps what jobs do; else each job does itself.
        watch: Tells who blocks the event loop, if that is wanted.
    """

    def __init__(
        self,
        queue: str,
        handler: JobHandler,
        *,
        make_worker: Callable[[], Worker],
        make_keeper: Callable[[Callable[[str], None]], LockKeeper],
        answers: Answers,
        concurrency: int,
        lock_duration: float,
        has_store: bool,
        watch: LoopWatch | None,
    ) -> None:
        self._queue = queue
        self._handler = handler
        self._make_worker = make_worker
        self._keeper = make_keeper(self._lose)
        self._answers = answers
        self._concurrency = concurrency
        self._lock_duration = lock_duration
        self._has_store = has_store
        self._watch = watch
        self._stack = ExitStack()
        self._worker: Worker | None = None
        self._save: Script | None = None
        self._stopped = asyncio.Event()
        self._freed = asyncio.Event()
        self._is_asking = False
        self._in_hand: set[asyncio.Task[None]] = set()
        self._handling: dict[str, Delivery] = {}
        self._lost: set[str] = set()

    # ---- a JobSource -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Take jobs until `stop` is called; wait for the server as long as it takes."""
        self._worker = worker = self._make_worker()
        self._save = worker.client.register_script(SAVE_PROGRESS)
        self._stack.enter_context(self._keeper)
        if self._watch is not None:
            self._stack.enter_context(self._watch)
        await self._persist(worker)

    async def stop(self) -> None:
        """Take no further job."""
        self._stopped.set()
        self._freed.set()
        self._answers.patience = min(self._answers.patience, _LAST_PATIENCE)
        if self._worker is None:
            return
        self._worker.paused = True  # so that a wait that is cancelled counts as one in which no job came
        while self._is_asking:
            if self._worker.waiting is not None:
                self._worker.waiting.cancel()
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """Return when every delivery in hand is answered, and disconnect."""
        self._stopped.set()
        while self._in_hand:
            await asyncio.wait(self._in_hand)
        self._stack.close()
        if self._worker is not None:
            await self._worker.close()

    # ---- taking jobs -----------------------------------------------------------------------------------------

    async def _persist(self, worker: Worker) -> None:
        number, pause = 0, _FIRST_PAUSE
        knows_server = False
        while not self._stopped.is_set():
            if len(self._in_hand) >= self._concurrency:
                self._freed.clear()
                await self._freed.wait()
                continue
            number += 1
            token = f"{worker.id}:{number}"
            try:
                if not knows_server:
                    await worker.blockingRedisConnection.getRedisVersion()  # else it waits for whole seconds
                    knows_server = True
                await self._take(worker, token)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the server, it may come back
                if pause == _FIRST_PAUSE:
                    logger.warning("no jobs can be taken from queue %s for now: %s", self._queue, text_of(error))
                await self._bury_unread(worker, token, error)
                await self._rest(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                pause = _FIRST_PAUSE

    async def _take(self, worker: Worker, token: str) -> None:
        asked_at = time.monotonic()
        self._is_asking = True
        try:
            job = await worker.getNextJob(token)
        finally:
            self._is_asking = False
        if job is not None and await self._has_lock(worker, job, token, asked_at):
            task = asyncio.create_task(self._work(worker, job, token), name=f"cnstra-job-{job.id}")
            self._in_hand.add(task)
            task.add_done_callback(self._forget)
        elif job is None and worker.limitUntil > 0:  # milliseconds until the rate limit lets jobs through
            await self._rest(worker.limitUntil / 1000)
            worker.drained = False

    async def _has_lock(self, worker: Worker, job: Job, token: str, asked_at: float) -> bool:
        """Whether a job that has come is ours: its lock may have run out while it was read, or the loop was blocked."""
        if time.monotonic() - asked_at < self._lock_duration / 2:
            return True
        if not await worker.backend.extendLocks([job.id], [token], milliseconds(self._lock_duration)):
            return True
        logger.warning("job %s was lost before it was begun: it took longer than its lock to get here", job.id)
        return False

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        self._freed.set()

    async def _rest(self, pause: float) -> None:
        try:
            async with asyncio.timeout(pause):
                await self._stopped.wait()
        except TimeoutError:
            return

    async def _bury_unread(self, worker: Worker, token: str, error: Exception) -> None:
        """Fail a job that was taken and could not be read: it would come back for ever."""
        if worker.isConnectionError(error):
            return
        base = f"{worker.prefix}:{self._queue}:"
        try:
            for job_id in await worker.client.lrange(f"{base}active", 0, -1):
                if await worker.client.get(f"{base}{job_id}:lock") == token:
                    dead = Dead(f"the job cannot be read: {text_of(error)}", error)
                    logger.error("job %s is dead: %s", job_id, dead.reason)
                    await self._answers.give(unread_job(worker, job_id), token, dead)
        except Exception:
            logger.exception("a job of queue %s can neither be read nor be failed", self._queue)

    # ---- one job ---------------------------------------------------------------------------------------------

    async def _work(self, worker: Worker, job: Job, token: str) -> None:
        """Handle a job, and then those that come with the answers: one round trip for each, instead of two."""
        following: Job | None = job
        while following is not None:
            asked_at, fetched = await self._work_on(following, token)
            following = None if fetched is None else await self._fetched(worker, fetched, token, asked_at)

    async def _work_on(self, job: Job, token: str) -> tuple[float, Fetched | None]:
        """Handle and answer one job; return what came with the answer, and when that was asked for."""
        self._keeper.hold(job.id, token)
        try:
            outcome = await self._handle(job, token)
            asked_at = time.monotonic()
            return asked_at, await self._answers.give(job, token, outcome, fetch=not self._stopped.is_set())
        except asyncio.CancelledError:
            if token not in self._lost:
                raise
            logger.warning("job %s was lost: its lock has run out; what this delivery still does is dropped", job.id)
        except Exception:
            logger.exception("job %s was not answered; it is delivered again", job.id)
        finally:
            self._keeper.release(job.id, token)
            self._lost.discard(token)
        return 0.0, None

    async def _fetched(self, worker: Worker, fetched: Fetched, token: str, asked_at: float) -> Job | None:
        """Return the job that came with an answer, if one did and it is ours."""
        data, job_id, limit_until, delay_until = fetched
        try:
            job = await worker.nextJobFromJobData(data, job_id, limit_until or 0, delay_until or 0, token)
        except Exception as error:  # noqa: BLE001 - whatever is in it
            await self._bury_unread(worker, token, error)
            return None
        if worker.limitUntil > 0:
            worker.drained = (
                False  # whoever takes jobs is to ask, and to be told of the limit, not to wait for a new job
            )
        return job if job is not None and await self._has_lock(worker, job, token, asked_at) else None

    async def _handle(self, job: Job, token: str) -> Outcome:
        if job.deferredFailure:
            return Dead(job.deferredFailure)
        self._handling[token] = delivery = self._delivery(job, token)
        try:
            return await self._handler.handle(delivery)
        except Exception as error:
            logger.exception("job %s could not be handled", job.id)
            return Retry(_LONGEST_PAUSE, text_of(error), error=error)
        finally:
            self._handling.pop(token, None)

    def _delivery(self, job: Job, token: str) -> Delivery:
        data = job.data if isinstance(job.data, Mapping) else json.dumps(job.data)
        checkpoint = None
        if not self._has_store and self._save is not None and self._worker is not None:
            checkpoint = LockedProgress(job, token, self._save, f"{self._worker.prefix}:{self._queue}:")
        return Delivery(self._run_id(job), data, attempt=job.attemptsStarted, checkpoint=checkpoint, message=job)

    def _run_id(self, job: Job) -> str:
        """Return the id of the run of a job.

        Numbers that BullMQ gives start again in each queue, and when Redis was emptied, so they are no ids for a store.
        """
        if self._has_store and job.id.isdecimal():
            return f"{self._queue}-{job.id}-{job.timestamp}"
        return job.id

    def _lose(self, token: str) -> None:
        """Drop a delivery that has lost its job; a store would see to that, and the run may still be this worker's."""
        delivery = None if self._has_store else self._handling.get(token)
        if delivery is not None:
            self._lost.add(token)
            self._handler.drop(delivery)
