"""Adding jobs to a queue of Procrastinate, in a transaction of the caller's if there is one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, final

from cnstra.durable.arguments import Moment, moment, seconds, whole
from cnstra.durable.identity import new_stimulation_id
from cnstra.errors import GraphError, StoreError
from cnstra.stores.postgres.pool import Pool
from cnstra.workers.job import JOB_NAME, StimulationJob
from cnstra.workers.judging import text_of
from cnstra.workers.procrastinate.client import (
    AlreadyEnqueued,
    AsyncConnection,
    Connection,
    ConnectorException,
    Error,
    Job,
    SchemaManager,
    TransactionStatus,
    advice_on,
    connect,
    conninfo_of,
    make_pool,
    new_manager,
)

__all__ = ["Queue", "apply_schema", "enqueue", "lock_name", "open_queue", "queue_name"]

_LONGEST_NAME: Final = 40
"""Bytes: Postgres' channels have names of 63, and Procrastinate puts something before those of queues."""
_PRIORITIES: Final = 2**31 - 1
_POOL_SIZE: Final = 4
_PATIENCE: Final = 10.0
_SCHEMA_LOCK: Final = 0x636E7374_72610001


@final
@dataclass(frozen=True, slots=True)
class Queue:
    """A queue with connections of its own, from `open_queue`.

    Attributes:
        name: The queue.
        pool: Its connections.
    """

    name: str
    pool: Pool


@asynccontextmanager
async def open_queue(name: str, *, connection: Connection) -> AsyncIterator[Queue]:
    """Connect to a queue, to add jobs to it; connections are opened when they are needed.

    Args:
        name: The queue.
        connection: Where Postgres is; where Procrastinate's tables are in a schema of their own, that must be on the
            ``search_path``: ``{"dbname": "shop", "options": "-c search_path=jobs"}``.

    Raises:
        GraphError: If there can be no such queue, or the address cannot be read.
    """
    pool = make_pool(conninfo_of(connection), size=_POOL_SIZE, patience=_PATIENCE)
    try:
        yield Queue(queue_name(name), pool)
    finally:
        await pool.close()


async def enqueue(
    queue: Queue | str,
    job: StimulationJob,
    *,
    connection: AsyncConnection[Any] | None = None,
    priority: int = 0,
    lock: str | None = None,
    queueing_lock: str | None = None,
    schedule_at: Moment | None = None,
    schedule_in: float | None = None,
) -> str | None:
    """Add a job, and return the id of its run; ``None`` if *queueing_lock* has kept it out.

    Args:
        queue: From `open_queue`; its name is enough if a *connection* is given.
        job: Made by `stimulation_job`; if it has no ``stimulation_id``, it is given one.
        connection: Of the driver, psycopg, with a transaction of yours: the job is there if, and only if, that
            commits. `ctx.connection` of a transactional handler is one.
        priority: Jobs with a higher one are first; it may be below 0.
        lock: Jobs with the same lock run one after the other, in their order.
        queueing_lock: While a job with the same one waits, no other is added, and your transaction goes on.
        schedule_at: The job is not run before that; a `datetime` with a time zone, or seconds since the epoch.
        schedule_in: The job is not run before so many seconds have passed.

    Raises:
        GraphError: If an option makes no sense.
        PayloadError: If the job was made by hand of something that is not JSON data.
        StoreError: If it could not be added.
    """
    name = queue_name(queue.name if isinstance(queue, Queue) else queue)
    if connection is not None and not isinstance(connection, AsyncConnection):
        raise GraphError(
            f"a connection is an AsyncConnection of psycopg, not {type(connection).__name__}; where there is no event "
            f"loop, use Procrastinate's own configure_task({JOB_NAME!r}).defer(job=job.to_json())"
        )
    run = job if job.stimulation_id is not None else replace(job, stimulation_id=new_stimulation_id())
    row = Job(
        queue=name,
        task_name=JOB_NAME,
        lock=lock_name(lock, "lock"),
        queueing_lock=lock_name(queueing_lock, "queueing_lock"),
        priority=whole(priority, "priority", -_PRIORITIES, _PRIORITIES),
        scheduled_at=_time(schedule_at, schedule_in),
        task_kwargs={"job": run.to_json()},  # as text: JSON as Postgres keeps it has no NUL, and other numbers
    )
    try:
        async with _connection_for(queue, connection) as used:
            return run.stimulation_id if await _add(row, used) else None
    except Error as error:
        raise StoreError(f"the job could not be added: {text_of(error)}") from error


def _connection_for(
    queue: Queue | str, connection: AsyncConnection[Any] | None
) -> AbstractAsyncContextManager[AsyncConnection[Any]]:
    if connection is not None:
        return nullcontext(connection)
    if isinstance(queue, Queue):
        return queue.pool.lend()
    raise GraphError("the name of a queue is enough only where a connection is given: use open_queue")


async def _add(row: Job, connection: AsyncConnection[Any]) -> bool:
    """Add a job; return whether no queueing lock was against it."""
    try:
        async with _guarded(row, connection):
            await new_manager().defer_job_async(row, connection=connection)
    except AlreadyEnqueued:
        return False
    except ConnectorException as error:
        advice = advice_on(error) or StoreError(f"the job could not be added: {text_of(error.__cause__ or error)}")
        raise advice from error
    return True


@asynccontextmanager
async def _guarded(row: Job, connection: AsyncConnection[Any]) -> AsyncIterator[None]:
    """Keep a refusal by a queueing lock from undoing what else the caller's transaction has done."""
    if row.queueing_lock is None:
        yield
        return
    if not connection.autocommit and connection.info.transaction_status == TransactionStatus.IDLE:
        await connection.execute("SELECT 1")  # begins the caller's transaction, so that the next one is a part of it
    async with connection.transaction():
        yield


async def apply_schema(connection: Connection) -> bool:
    """Make Procrastinate's tables if they are not there; return whether they were made.

    Any number of processes may do it at once. To bring older tables up to date is what Procrastinate's migrations are
    for.

    Raises:
        GraphError: If the address cannot be read.
        StoreError: If it cannot be done.
    """
    try:
        async with await connect(conninfo_of(connection)) as opened, opened.transaction():
            await opened.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
            found = await (await opened.execute("SELECT to_regclass('procrastinate_jobs')")).fetchone()
            if found is not None and found[0] is not None:
                return False
            await opened.execute(SchemaManager.get_schema())
    except GraphError:
        raise
    except Exception as error:
        raise StoreError(f"Procrastinate's tables could not be made: {text_of(error)}") from error
    return True


def queue_name(name: str) -> str:
    """Return the name of a queue.

    Raises:
        GraphError: If there can be no such queue.
    """
    if not isinstance(name, str) or not 0 < len(name.encode(errors="replace")) <= _LONGEST_NAME or "\0" in name:
        raise GraphError(f"the name of a queue is a string of 1 to {_LONGEST_NAME} bytes, not {name!r}")
    return name


def lock_name(name: str | None, what: str) -> str | None:
    """Return the name of a lock.

    Raises:
        GraphError: If it is no string, or an empty one, or Postgres cannot hold it.
    """
    if name is not None and (not isinstance(name, str) or not name or "\0" in name):
        raise GraphError(f"{what} is a string that is not empty, not {name!r}")
    return name


def _time(at: Moment | None, in_: float | None) -> datetime | None:
    epoch = moment(at, "schedule_at")
    if in_ is None:
        return None if epoch is None else datetime.fromtimestamp(epoch, UTC)
    if epoch is not None:
        raise GraphError("give schedule_at or schedule_in, not both")
    return datetime.now(UTC) + timedelta(seconds=seconds(in_, "schedule_in", least=0))
