"""Taking jobs from a queue of Procrastinate, and handing them to a job handler."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, final

from cnstra.errors import CNSError, RunNotFound
from cnstra.workers.deliveries import Dead, Delivery, Outcome, Retry
from cnstra.workers.judging import text_of
from cnstra.workers.procrastinate.answers import Answers, Claim
from cnstra.workers.procrastinate.client import advice_on, bound_app
from cnstra.workers.procrastinate.keeper import Keeper, News
from cnstra.workers.procrastinate.reading import order_of
from cnstra.workers.procrastinate.schedules import defer_always
from cnstra.workers.procrastinate.statements import DEFERRED_AT, DUE_IN

if TYPE_CHECKING:
    from cnstra.durable.runner import DurableRunner
    from cnstra.stores.postgres.pool import Pool
    from cnstra.workers.handler import JobHandler
    from cnstra.workers.loop_watch import LoopWatch
    from cnstra.workers.procrastinate.client import App, Job

__all__ = ["QueueSource"]

logger = logging.getLogger("cnstra")

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 1.0
_SHORTEST_WAIT: Final = 0.02
_LEAST_PATIENCE: Final = 2.0
_LAST_PATIENCE: Final = 5.0
"""Seconds that a worker that stops gives its last answers to get through."""
_MAX_DELAY: Final = 600.0
"""Seconds by which a scheduled job may be late because no worker was there; Procrastinate's own figure."""


@final
class QueueSource:
    """A queue as the source of jobs for a worker: the `JobSource` of Procrastinate.

    Procrastinate's own worker is not used: it ends when the server goes away, its heart stops while a handler blocks
    the event loop, it answers for jobs that it has lost, and takes up a retry at its next poll only.

    Args:
        queue: Its name.
        handler: Runs the jobs.
        runner: Has their runs.
        pool: Lends connections.
        app: Procrastinate's, with the schedules.
        make_keeper: Makes the keeper of this worker of what it is to tell.
        answers: Answers deliveries.
        concurrency: How many jobs are in hand at once.
        heartbeat_timeout: After so many seconds without a sign of life a worker is dead.
        poll_interval: Seconds between two looks for jobs, where nothing is told.
        watch: Tells who blocks the event loop, if that is wanted.
    """

    def __init__(
        self,
        queue: str,
        handler: JobHandler,
        runner: DurableRunner,
        *,
        pool: Pool,
        app: App,
        make_keeper: Callable[[News], Keeper],
        answers: Answers,
        concurrency: int,
        heartbeat_timeout: float,
        poll_interval: float,
        watch: LoopWatch | None,
    ) -> None:
        self._queue = queue
        self._handler = handler
        self._runner = runner
        self._pool = pool
        self._app = app
        self._keeper = make_keeper(News(self._be_called, self._hear, self._abort))
        self._answers = answers
        self._concurrency = concurrency
        self._heartbeat_timeout = heartbeat_timeout
        self._poll_interval = poll_interval
        self._watch = watch
        self._stack = ExitStack()
        self._number: int | None = None
        self._stopped = asyncio.Event()
        self._news = asyncio.Event()
        self._asking: asyncio.Timeout | None = None
        self._in_hand: dict[asyncio.Task[None], Claim] = {}
        self._runs: dict[int, str] = {}
        self._aborting: dict[int, asyncio.Task[None]] = {}
        self._deferring: asyncio.Task[None] | None = None
        self._taking: asyncio.Task[None] | None = None
        self._stray_look_at = 0.0

    # ---- a JobSource -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Take jobs until `stop` is called; wait for the server as long as it takes.

        Raises:
            StoreError: If the database has no tables of Procrastinate, or others than we know.
        """
        self._taking = asyncio.current_task()
        if self._stopped.is_set():
            return
        await bound_app(self._app, self._pool.lend)
        self._keeper.start()
        if self._watch is not None:
            self._stack.enter_context(self._watch)
        if self._app.periodic_registry.periodic_tasks:
            self._deferring = asyncio.create_task(defer_always(self._app, _MAX_DELAY), name="cnstra-schedules")
        await self._persist()

    async def stop(self) -> None:
        """Take no further job, and add none."""
        self._stopped.set()
        self._news.set()
        if self._deferring is not None:
            self._deferring.cancel()
        if self._asking is not None and not self._asking.expired():
            self._asking.reschedule(asyncio.get_running_loop().time() + _LAST_PATIENCE)

    async def close(self) -> None:
        """Return when every delivery in hand is answered, and take leave of the queue."""
        await self.stop()
        self._answers.hurry(_LAST_PATIENCE)
        if self._taking is not None:
            await asyncio.wait([self._taking])
        while self._in_hand:
            await asyncio.wait(self._in_hand)
        await self._end_side_tasks()
        self._stack.close()
        await self._keeper.stop()
        await self._pool.close()

    async def _end_side_tasks(self) -> None:
        left = [*self._aborting.values(), *([] if self._deferring is None else [self._deferring])]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    # ---- taking jobs -----------------------------------------------------------------------------------------

    async def _persist(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopped.is_set():
            self._news.clear()
            wait = self._poll_interval
            try:
                if self._number is None:
                    await self._due_in()  # which shows whether there are tables at all
                elif len(self._in_hand) < self._concurrency:
                    wait = await self._take(self._number)
                pause = _FIRST_PAUSE
            except Exception as error:
                advice = advice_on(error)
                if advice is not None:
                    raise advice from error
                if pause == _FIRST_PAUSE:
                    logger.warning("no jobs can be taken from queue %s for now: %s", self._queue, text_of(error))
                self._stray_look_at = 0.0  # what we were given may not have got here
                wait, pause = pause, min(2 * pause, _LONGEST_PAUSE)
            await self._rest(wait)

    async def _take(self, number: int) -> float:
        """Take a job if there is one, and return for how many seconds there may be no other."""
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(self._heartbeat_timeout, _LEAST_PATIENCE)) as self._asking:
                if now >= self._stray_look_at:
                    await self._answers.give_back_strays(number, [claim.job for claim in self._in_hand.values()])
                    self._stray_look_at = now + self._heartbeat_timeout
                row = await self._app.job_manager.fetch_job([self._queue], number)
                if row is None:
                    return await self._due_in()
        finally:
            self._asking = None
        self._begin(row, number)
        return 0.0

    async def _due_in(self) -> float:
        async with self._pool.lend() as connection:
            found = await (await connection.execute(DUE_IN, {"queue": self._queue})).fetchone()
        due = None if found is None else found[0]
        return self._poll_interval if due is None else min(max(due, _SHORTEST_WAIT), self._poll_interval)

    async def _rest(self, seconds: float) -> None:
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait()
            except TimeoutError:
                return

    def _begin(self, row: Job, number: int) -> None:
        assert row.id is not None  # noqa: S101 - for the type checker
        claim = Claim(row.id, number, row.attempts)
        task = asyncio.create_task(self._work(row, claim), name=f"cnstra-job-{row.id}")
        self._in_hand[task] = claim
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._in_hand[task]
        self._news.set()

    # ---- one job ---------------------------------------------------------------------------------------------

    async def _work(self, row: Job, claim: Claim) -> None:
        try:
            await self._answers.give(claim, await self._handle(row, claim.job))
        except Exception:
            logger.exception("job %d was not answered; it is delivered again", claim.job)
        finally:
            self._runs.pop(claim.job, None)

    async def _handle(self, row: Job, number: int) -> Outcome:
        order = order_of(row, self._queue)
        if isinstance(order, Dead):
            logger.error("job %d of queue %s is dead: %s", number, self._queue, order.reason)
            return order
        try:
            run_id = order.run_id or await self._named(number)
            self._runs[number] = run_id
            return await self._handler.handle(Delivery(run_id, order.data, message=row))
        except Exception as error:
            logger.exception("job %d could not be handled", number)
            return Retry(_LONGEST_PAUSE, text_of(error), error=error)

    async def _named(self, number: int) -> str:
        """Return what the run of a job is called whose producer has not said so."""
        async with self._pool.lend() as connection:
            found = await (await connection.execute(DEFERRED_AT, {"job": number})).fetchone()
        return f"{self._queue}-{number}" if found is None or found[0] is None else f"{self._queue}-{number}-{found[0]}"

    # ---- what the keeper tells -------------------------------------------------------------------------------

    def _be_called(self, number: int) -> None:
        self._number = number
        self._news.set()

    def _hear(self) -> None:
        self._news.set()

    def _abort(self, job: int) -> None:
        """Abort the run of a job that somebody wants aborted; the answer then says so."""
        run_id = self._runs.get(job)
        if run_id is not None and job not in self._aborting:
            task = asyncio.create_task(self._abort_run(run_id), name=f"cnstra-abort-{job}")
            self._aborting[job] = task
            task.add_done_callback(lambda _: self._aborting.pop(job, None))

    async def _abort_run(self, run_id: str) -> None:
        try:
            await self._runner.abort(run_id, "its job was to be aborted")
        except RunNotFound:
            return  # it is not stored yet; the keeper tells again
        except CNSError as error:
            logger.warning("run %s could not be aborted: %s", run_id, error)
