"""What is used of BullMQ's client and of Redis', with types: the one module that imports them."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias, cast

try:
    from bullmq import Job as _Job
    from bullmq import Queue as _Queue
    from bullmq import Worker as _Worker
    from bullmq.custom_errors import UnrecoverableError as _UnrecoverableError
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialBackoff
except ImportError as missing:
    raise ImportError(f"workers on BullMQ need its client: pip install 'cnstra[bullmq]' ({missing})") from missing

__all__ = [
    "Added",
    "Connection",
    "Fetched",
    "Job",
    "Jobs",
    "Queue",
    "Script",
    "Worker",
    "final_error",
    "make_queue",
    "make_worker",
    "unread_job",
]

Connection: TypeAlias = str | Mapping[str, object]
"""Where Redis is: an address such as ``redis://localhost:6379/0``, or keyword arguments of `redis.asyncio.Redis`."""

_TRIES: Final = 3
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 0.5
_PATIENCE: Final = 30.0
"""Seconds that an answer may take: longer than the longest wait for a job."""


Fetched: TypeAlias = tuple[object, str | None, int | None, int | None]
"""What came with an answer: a job's data and its id; when the rate limit, and when a delayed job, lets one through."""


class Added(Protocol):
    """A job that was added to a queue."""

    @property
    def id(self) -> str:
        """Its id."""
        ...


class Jobs(Protocol):
    """Where jobs can be added: a `bullmq.Queue`, say."""

    async def add(self, name: str, data: Any, opts: Any, /) -> Added:
        """Add a job, or do nothing if there is one of that id."""
        ...


class Script(Protocol):
    """A script on the server."""

    async def __call__(self, *, keys: Sequence[str], args: Sequence[str]) -> object:
        """Run it."""
        ...


class Client(Protocol):
    """A client of Redis."""

    def register_script(self, script: str) -> Script:
        """Return a script that can be run."""
        ...

    async def get(self, name: str) -> str | None:
        """Return a value."""
        ...

    async def lrange(self, name: str, start: int, end: int) -> Sequence[str]:
        """Return a part of a list."""
        ...

    async def aclose(self) -> None:
        """Disconnect."""


class Backend(Protocol):
    """What a queue's calls are passed on to."""

    async def extendLocks(self, job_ids: Sequence[str], tokens: Sequence[str], duration: int) -> Sequence[str] | None:
        """Renew locks; return the ids of the jobs whose locks could not be renewed."""
        ...

    async def moveStalledJobsToWait(self, max_stalled_count: int, interval: int) -> Sequence[str]:
        """Have jobs delivered again whose lock has run out, and return their ids; nothing twice within an interval."""
        ...


class Queue(Jobs, Protocol):
    """A queue."""

    backend: Backend
    client: Client

    def toKey(self, name: str) -> str:
        """Return the key of something that belongs to the queue."""
        ...

    async def setGlobalConcurrency(self, concurrency: int) -> int:
        """Limit how many jobs of the queue are under way, on all workers together."""
        ...


class Job(Protocol):
    """A job that was delivered."""

    id: str
    data: object
    opts: dict[str, object]
    progress: object
    stacktrace: list[str]
    timestamp: int
    attemptsMade: int
    attemptsStarted: int
    stalledCounter: int
    deferredFailure: str | None

    def moveToCompleted(self, value: object, token: str, *, fetchNext: bool = ...) -> Awaitable[Fetched | None]:
        """Say that it is done, and take the next one with it if that is wanted, under a lock of the same token."""
        ...

    def moveToFailed(self, error: Exception, token: str) -> Awaitable[object]:
        """Say that it has failed; its options decide whether it is delivered again."""
        ...

    def moveToDelayed(self, timestamp: int, token: str) -> Awaitable[object]:
        """Have it delivered again at a time, in milliseconds, as if this delivery had not been."""
        ...


class Connected(Protocol):
    """A connection that finds out what its server can do."""

    async def getRedisVersion(self) -> str | None:
        """Ask the server for its version, and note what it can do."""
        ...


class Wait(Protocol):
    """A wait for a job."""

    def cancel(self) -> bool:
        """End it."""
        ...


class Worker(Protocol):
    """A worker that takes jobs when it is told to."""

    id: str
    prefix: str
    backend: Backend
    client: Client
    blockingRedisConnection: Connected
    waiting: Wait | None
    paused: bool
    drained: bool
    limitUntil: int

    async def getNextJob(self, token: str) -> Job | None:
        """Take a job, and lock it by a token; ``None`` if none came within a few seconds."""
        ...

    async def nextJobFromJobData(
        self, data: object, job_id: str | None, limit_until: int, delay_until: int, token: str, /
    ) -> Job | None:
        """Return the job that was taken, and note what is known of those that wait."""
        ...

    def isConnectionError(self, error: Exception) -> bool:
        """Whether an error says that the server cannot be reached."""
        ...

    async def close(self) -> None:
        """Disconnect."""


def make_queue(name: str, connection: Connection, prefix: str) -> Queue:
    """Return a queue, not connected yet."""
    return cast("Queue", _Queue(name, {"connection": _client(connection), "prefix": prefix}))


def make_worker(name: str, connection: Connection, prefix: str, options: Mapping[str, object]) -> Worker:
    """Return a worker of a queue that does nothing by itself, not connected yet."""
    given = {**options, "connection": _client(connection), "prefix": prefix, "autorun": False}
    return cast("Worker", _Worker(name, None, given))


def unread_job(worker: Worker, job_id: str) -> Job:
    """Return a job that cannot be read, so that it can be failed."""
    return cast("Job", _Job(worker, "", None, {}, job_id))


def final_error(reason: str) -> Exception:
    """Return an error after which BullMQ does not try a job again."""
    return cast("Exception", _UnrecoverableError(reason))


def _client(connection: Connection) -> Redis:
    """Return a client of our own: BullMQ's waits for up to 20 seconds between two tries, while locks run out."""
    retry = Retry(ExponentialBackoff(cap=_LONGEST_PAUSE, base=_FIRST_PAUSE), _TRIES)
    options: dict[str, Any] = {"decode_responses": True, "retry": retry, "socket_timeout": _PATIENCE}
    if isinstance(connection, str):
        return Redis.from_url(connection, **options)
    return Redis(**{**options, **connection})
