"""Procrastinate, on Postgres with fsync; the yardstick is the worker of Procrastinate itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import procrastinate
from worker_broker import in_turns
from worker_jobs import Item, counting, make_runner

from cnstra.workers import JOB_NAME, StimulationJob
from cnstra.workers.procrastinate import apply_schema, create_worker, enqueue, open_queue
from tests.servers.postgres import postgres_server

NAME: Final = "Procrastinate"
AT_ONCE: Final = 50


@contextmanager
def server() -> Iterator[str]:
    """Yield the address of a server with Procrastinate's tables."""
    with postgres_server(fsync=True) as running:
        asyncio.run(apply_schema(running.url))
        yield running.url


async def fill(url: str, queue: str, jobs: Sequence[StimulationJob]) -> None:
    """Add jobs."""
    async with open_queue(queue, connection=url) as opened:
        await in_turns(jobs, lambda job: enqueue(opened, job))


def work_bare(url: str, queue: str, tally: Path) -> None:
    """Run Procrastinate's own worker."""
    app, count = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url)), counting(tally)

    @app.task(name=JOB_NAME)
    async def handle(job: str) -> None:
        count(Item(json.loads(job)["payload"]["n"]))

    async def serve() -> None:
        async with app.open_async():
            await app.run_worker_async(queues=[queue], concurrency=AT_ONCE)

    asyncio.run(serve())


def work(url: str, queue: str, store: str | None, tally: Path) -> None:
    """Run ours; without a store on disk, runs are kept in memory."""
    runner = make_runner(tally, store or "memory://")
    asyncio.run(create_worker(queue, runner, connection=url, concurrency=AT_ONCE).serve())
