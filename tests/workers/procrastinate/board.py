"""A queue of Procrastinate as whoever operates it sees it, and workers on it inside a test."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
from procrastinate.schema import SchemaManager
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb

from cnstra import DurableRunner
from cnstra.persist.ports import Store
from cnstra.stores import MemoryStore
from cnstra.workers import JOB_NAME, RetryPolicy, StopSignals, stimulation_job
from cnstra.workers.procrastinate import Queue, create_worker, enqueue, open_queue
from tests.durable.graphs import Graph, line, pass_on

SOON = RetryPolicy(max_attempts=3, first_delay=0.02, jitter=0.0)
NEVER = 1000.0
"""Seconds after which something happens that is not to happen in a test."""

_OF = 'substring(args->>\'job\' FROM \'"stimulationId":"([^"]*)"\')'

_SEEN = "id, status, attempts, scheduled_at, worker_id, queueing_lock, args->>'reason' AS reason"

Which = str | int
"""A job: by the id of its run, or by its number."""


class Board:
    """One queue: adds jobs, and looks at what has become of them."""

    def __init__(self, url: str, queue: Queue, connection: psycopg.AsyncConnection[DictRow]) -> None:
        self.url = url
        self.queue = queue
        self.name = queue.name
        self.connection = connection

    async def add(self, n: int = 1, run_id: str = "a", *, graph: Graph | None = None, **options: Any) -> str | None:
        """Add the job that stimulates a graph with item *n*."""
        graph = graph or line(pass_on)
        job = stimulation_job(graph.registry, graph.signal(n), stimulation_id=run_id)
        return await enqueue(self.queue, job, **options)

    async def add_raw(self, arguments: Any, task: str = JOB_NAME) -> int:
        """Add whatever somebody may put into a queue, and return its number."""
        add = "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES (%s, %s, %s) RETURNING id"
        return int((await self.ask(add, self.name, task, Jsonb(arguments)))[0]["id"])

    async def ask(self, statement: str, *values: Any) -> list[DictRow]:
        cursor = await self.connection.execute(statement.encode(), values)
        return await cursor.fetchall() if cursor.description is not None else []

    async def jobs(self) -> list[DictRow]:
        return await self.ask(f"SELECT {_SEEN} FROM procrastinate_jobs WHERE queue_name = %s ORDER BY id", self.name)

    async def job(self, which: Which = "a") -> DictRow:
        name = "id" if isinstance(which, int) else _OF
        found = await self.ask(
            f"SELECT {_SEEN} FROM procrastinate_jobs WHERE queue_name = %s AND {name} = %s", self.name, which
        )
        assert len(found) == 1, found
        return found[0]

    async def number(self, run_id: str = "a") -> int:
        return int((await self.job(run_id))["id"])

    async def events(self, which: Which = "a") -> list[str]:
        """Return what Procrastinate has noted of a job."""
        number = (await self.job(which))["id"]
        return [one["type"] for one in await self.ask("SELECT * FROM procrastinate_events WHERE job_id = %s", number)]

    async def counts(self) -> dict[str, int]:
        """Return how many jobs are in each state."""
        found = await self.ask(
            "SELECT status, count(*) FROM procrastinate_jobs WHERE queue_name = %s GROUP BY 1", self.name
        )
        return {one["status"]: one["count"] for one in found}

    async def until(self, status: str, *which: Which) -> None:
        """Wait until jobs are in a state."""
        for one in which or ("a",):
            await until(partial(self._is_in, status, one))

    async def _is_in(self, status: str, which: Which) -> bool:
        return bool((await self.job(which))["status"] == status)

    async def deliver_again(self, run_id: str = "a") -> None:
        """Have a job delivered again whose worker still has it, as if it had been taken for dead."""
        number = await self.number(run_id)
        await self.ask("UPDATE procrastinate_jobs SET status = 'todo', attempts = attempts + 1 WHERE id = %s", number)
        await self.tell()

    async def tell(self) -> None:
        """Have all workers look for jobs."""
        await self.ask('SELECT pg_notify(%s, \'{"type": "job_inserted", "job_id": 0}\')', self.channel)

    @property
    def channel(self) -> str:
        return f"procrastinate_queue_v1#{self.name}"

    async def registered(self) -> int:
        """Return how many workers there are, dead ones included."""
        return int((await self.ask("SELECT count(*) FROM procrastinate_workers"))[0]["count"])

    async def die(self, number: int) -> None:
        """Have a worker's last sign of life be an hour ago, which the worker may change."""
        await self.ask(
            "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '59 min' WHERE id = %s", number
        )

    @asynccontextmanager
    async def worker(
        self, graph: Graph, store: Store | str | None = None, *, url: str | None = None, **options: Any
    ) -> AsyncIterator[StopSignals]:
        """Work on the queue inside the test."""
        grace = options.pop("grace", 0.01)
        runner = DurableRunner(graph.cns, graph.registry, store or MemoryStore(), max_active_runs=0, grace=grace)
        given = {"connection": url or self.url, "policy": SOON, "poll_interval": NEVER, **options}
        signals = StopSignals(())
        task = asyncio.create_task(create_worker(self.name, runner, **given).serve(signals=signals))
        try:
            yield signals
        finally:
            signals.request()
            await task


@asynccontextmanager
async def new_board(url: str, name: str | None = None) -> AsyncIterator[Board]:
    """Open a queue of its own, or the one of that name."""
    connecting = psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row)
    async with await connecting as connection, open_queue(name or f"q-{uuid4().hex[:8]}", connection=url) as queue:
        yield Board(url, queue, connection)


def make_tables(url: str) -> None:
    """Make Procrastinate's tables in a database, or in the schema that an address leads to."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SchemaManager.get_schema())


async def until(is_so: Callable[[], Any]) -> None:
    """Wait until something is so; it may be asked with an awaitable."""
    while True:
        answer = is_so()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        await asyncio.sleep(0.005)
