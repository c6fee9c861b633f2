"""Making a worker on a queue of BullMQ."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, Final

from cnstra.durable.arguments import seconds, whole
from cnstra.durable.retention import Keep
from cnstra.workers.assignments import MAX_JOB_BYTES
from cnstra.workers.bullmq.answers import Answers
from cnstra.workers.bullmq.client import Connection, make_queue, make_worker
from cnstra.workers.bullmq.locks import LockKeeper
from cnstra.workers.bullmq.options import KEPT, RateLimit, milliseconds
from cnstra.workers.bullmq.source import QueueSource
from cnstra.workers.handler import JobHandler
from cnstra.workers.loop_watch import LoopWatch
from cnstra.workers.policy import RetryPolicy
from cnstra.workers.reporting import OnProgress
from cnstra.workers.serving import BrokerWorker

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.durable.runner import DurableRunner
    from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["create_worker"]

_BY_JOB: Final = RetryPolicy(max_attempts=None)
"""Gives up on poison, and leaves all else to the options of the jobs."""


def create_worker(
    queue: str,
    runner: DurableRunner | None = None,
    *,
    cns: CNS[Any] | None = None,
    registry: CNSPersistOptionsRegistry | None = None,
    connection: Connection = "redis://localhost:6379",
    prefix: str = "bull",
    concurrency: int = 10,
    rate_limit: RateLimit | None = None,
    policy: RetryPolicy | None = None,
    lock_duration: float = 30.0,
    stalled_interval: float | None = None,
    keep_completed: Keep | None = KEPT,
    keep_failed: Keep | None = None,
    max_job_bytes: int = MAX_JOB_BYTES,
    on_progress: OnProgress | None = None,
    grace: float = 10.0,
    loop_watch: float | None = 1.0,
) -> BrokerWorker:
    """Make a worker that runs the jobs of a queue; ``await worker.serve()`` works until SIGTERM.

    With a *runner*, its store remembers what jobs have done. Without one each job does itself, in its progress.

    Args:
        queue: The name of the queue.
        runner: Runs the jobs; not open. Give it ``max_active_runs=0`` if it shall run nothing but what the queue
            delivers; otherwise it also takes up what dead workers have left, before the queue finds out.
        cns: The graph, without a runner.
        registry: Its names, without a runner.
        connection: Where Redis or Valkey is.
        prefix: What the keys of all queues begin with, as in Node's ``prefix``.
        concurrency: How many jobs are in hand at once.
        rate_limit: How many jobs may be started.
        policy: When a failed job is tried again, whatever its own options are. By default those decide: ``attempts``
            and ``backoff``; a job that has neither is dead after one failure, as BullMQ has it.
        lock_duration: Seconds after which a job is taken from a worker that does not renew its lock. A thread renews
            it, so that a handler may block the event loop.
        stalled_interval: Seconds between two looks for jobs whose lock has run out, over all workers of the queue; half
            of *lock_duration* unless given.
        keep_completed: Which jobs that are done are kept, of those that do not say so themselves; ``None`` for all.
        keep_failed: Which dead ones.
        max_job_bytes: The largest job that is run.
        on_progress: Told how far a run has got.
        grace: Seconds that handlers get to settle when the worker stops, without a runner.
        loop_watch: For how many seconds a handler may block the event loop before that is logged, with the name of its
            neuron; ``None`` for no log.

    Raises:
        GraphError: If an option makes no sense.
    """
    handler = JobHandler(
        runner,
        cns=cns,
        registry=registry,
        policy=policy or _BY_JOB,
        max_job_bytes=max_job_bytes,
        on_progress=on_progress,
        grace=grace,
    )
    seconds(lock_duration, "lock_duration", least=0.1)
    interval = lock_duration / 2 if stalled_interval is None else seconds(stalled_interval, "stalled_interval")
    options: dict[str, object] = {"lockDuration": milliseconds(lock_duration)}
    if rate_limit is not None:
        options["limiter"] = {"max": rate_limit.jobs, "duration": milliseconds(rate_limit.every)}

    def make_keeper(on_lost: Callable[[str], None]) -> LockKeeper:
        return LockKeeper(
            lambda: make_queue(queue, connection, prefix),
            lock_duration=lock_duration,
            stalled_interval=interval,
            on_lost=on_lost,
        )

    source = QueueSource(
        queue,
        handler,
        make_worker=lambda: make_worker(queue, connection, prefix, options),
        make_keeper=make_keeper,
        answers=Answers(
            by_job=policy is None,
            keep_completed=keep_completed,
            keep_failed=keep_failed,
            patience=lock_duration,
            random=Random(),  # noqa: S311 - delays need no cryptography
        ),
        concurrency=whole(concurrency, "concurrency", 1),
        lock_duration=lock_duration,
        has_store=runner is not None,
        watch=None if loop_watch is None else LoopWatch(loop_watch),
    )
    return BrokerWorker(source, handler, runner)
