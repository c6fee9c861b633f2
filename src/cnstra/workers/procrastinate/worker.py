"""Making a worker on a queue of Procrastinate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cnstra.durable.arguments import one_of, seconds, whole
from cnstra.workers.assignments import MAX_JOB_BYTES
from cnstra.workers.handler import JobHandler
from cnstra.workers.loop_watch import LoopWatch
from cnstra.workers.policy import DEFAULT_POLICY, RetryPolicy
from cnstra.workers.procrastinate.answers import Answers, DeleteJobs
from cnstra.workers.procrastinate.client import Connection, conninfo_of, make_pool
from cnstra.workers.procrastinate.keeper import Keeper, News
from cnstra.workers.procrastinate.queues import queue_name
from cnstra.workers.procrastinate.schedules import Schedule, app_with
from cnstra.workers.procrastinate.source import QueueSource
from cnstra.workers.reporting import OnProgress
from cnstra.workers.serving import BrokerWorker

if TYPE_CHECKING:
    from cnstra.durable.runner import DurableRunner

__all__ = ["create_worker"]

_MOST_CONNECTIONS: Final = 5
_PATIENCE: Final = 5.0
"""Seconds that one try waits for the server."""


def create_worker(
    queue: str,
    runner: DurableRunner,
    *,
    connection: Connection,
    concurrency: int = 10,
    policy: RetryPolicy = DEFAULT_POLICY,
    schedules: Sequence[Schedule] = (),
    heartbeat_timeout: float = 30.0,
    poll_interval: float = 5.0,
    delete_jobs: DeleteJobs = "never",
    max_job_bytes: int = MAX_JOB_BYTES,
    on_progress: OnProgress | None = None,
    loop_watch: float | None = 1.0,
) -> BrokerWorker:
    """Make a worker that runs the jobs of a queue; ``await worker.serve()`` works until SIGTERM.

    Args:
        queue: The name of the queue, which has no jobs but ours.
        runner: Runs the jobs; not open. Give it ``max_active_runs=0`` if it shall run nothing but what the queue
            delivers; otherwise it also takes up what dead workers have left, before the queue finds out.
        connection: Where Postgres is, with Procrastinate's tables; it need not be that of the run store.
        concurrency: How many jobs are in hand at once.
        policy: When a failed job is tried again.
        schedules: Jobs that are added by the clock, while one worker at least is there that knows of them.
        heartbeat_timeout: Seconds after which the jobs of a worker that gives no sign of life are given to others; the
            same for all workers of a queue. A thread gives it, so that a handler may block the event loop.
        poll_interval: Seconds between two looks for jobs. New jobs are told of, and what waits for its time is taken up
            when that has come; this is for what falls between.
        delete_jobs: Which jobs are deleted when they are over; those that are dead are better kept.
        max_job_bytes: The largest job that is run.
        on_progress: Told how far a run has got.
        loop_watch: For how many seconds a handler may block the event loop before that is logged, with the name of its
            neuron; ``None`` for no log.

    Raises:
        GraphError: If an option makes no sense.
    """
    conninfo, name = conninfo_of(connection), queue_name(queue)
    timeout = seconds(heartbeat_timeout, "heartbeat_timeout", least=0.1)
    handler = JobHandler(runner, policy=policy, max_job_bytes=max_job_bytes, on_progress=on_progress)
    size = min(whole(concurrency, "concurrency", 1) + 1, _MOST_CONNECTIONS)
    pool = make_pool(conninfo, size=size, patience=_PATIENCE)

    def make_keeper(news: News) -> Keeper:
        return Keeper(conninfo, name, timeout=timeout, news=news)

    source = QueueSource(
        name,
        handler,
        runner,
        pool=pool,
        app=app_with(name, schedules),
        make_keeper=make_keeper,
        answers=Answers(pool, one_of(delete_jobs, DeleteJobs, "delete_jobs")),
        concurrency=concurrency,
        heartbeat_timeout=timeout,
        poll_interval=seconds(poll_interval, "poll_interval"),
        watch=None if loop_watch is None else LoopWatch(loop_watch),
    )
    return BrokerWorker(source, handler, runner)
