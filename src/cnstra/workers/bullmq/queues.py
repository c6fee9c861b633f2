"""Adding jobs to a queue of BullMQ."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cnstra.durable.identity import new_stimulation_id
from cnstra.durable.retention import Keep
from cnstra.workers.bullmq.client import Connection, Jobs, make_queue
from cnstra.workers.bullmq.options import DEFAULT_BACKOFF, KEPT, Backoff, job_options
from cnstra.workers.job import JOB_NAME, StimulationJob

__all__ = ["enqueue", "open_queue"]


@asynccontextmanager
async def open_queue(
    name: str, *, connection: Connection = "redis://localhost:6379", prefix: str = "bull"
) -> AsyncIterator[Jobs]:
    """Connect to a queue, to add jobs to it.

    Args:
        name: The queue.
        connection: Where Redis is.
        prefix: What the keys of all queues begin with, as in Node's ``prefix``.
    """
    queue = make_queue(name, connection, prefix)
    try:
        yield queue
    finally:
        await queue.client.aclose()


async def enqueue(
    queue: Jobs,
    job: StimulationJob,
    *,
    job_id: str | None = None,
    attempts: int = 5,
    backoff: Backoff | None = DEFAULT_BACKOFF,
    delay: float = 0.0,
    priority: int = 0,
    lifo: bool = False,
    deduplication_id: str | None = None,
    deduplication_ttl: float | None = None,
    keep_completed: Keep | None = KEPT,
    keep_failed: Keep | None = None,
) -> str:
    """Add a job, and return its id: any worker of the queue may take it, in Python or in Node.

    Args:
        queue: From `open_queue`, or a `bullmq.Queue` of your own.
        job: Made by `stimulation_job`.
        job_id: As long as the queue keeps a job of this id, adding another one does nothing. It becomes the id of the
            run. By default it is the job's ``stimulation_id``, or else one is made.
        attempts: A failure of the so-manieth start, or of a later one, is final, unless the worker has a policy of its
            own. A start whose worker died counts, one that was given back does not.
        backoff: How long the job rests after a failure; ``None`` for not at all.
        delay: Seconds before it is delivered.
        priority: From 1, the first, to 2097151, the last; jobs with 0 come before all of these.
        lifo: Whether it comes before the jobs that wait already.
        deduplication_id: While a job with this one is not over, or for *deduplication_ttl*, adding another one does
            nothing.
        deduplication_ttl: Seconds.
        keep_completed: Which jobs that are done the queue keeps, out of all of them; ``None`` for all.
        keep_failed: Which dead ones; ``None`` for all.

    Raises:
        GraphError: If an option makes no sense, or Node's BullMQ would refuse it.
    """
    options = job_options(
        job_id=job_id or job.stimulation_id or new_stimulation_id(),
        attempts=attempts,
        backoff=backoff,
        delay=delay,
        priority=priority,
        lifo=lifo,
        deduplication_id=deduplication_id,
        deduplication_ttl=deduplication_ttl,
        keep_completed=keep_completed,
        keep_failed=keep_failed,
    )
    added = await queue.add(JOB_NAME, job.to_dict(), options)
    return added.id
