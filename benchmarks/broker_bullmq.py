"""BullMQ, on Valkey without an append-only file; the yardstick is the worker of its own client for Python."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import bullmq
from worker_broker import in_turns
from worker_jobs import Item, counting, make_graph, make_runner

from cnstra.workers import StimulationJob
from cnstra.workers.bullmq import create_worker, enqueue, open_queue
from tests.servers.redis import redis_url

NAME: Final = "BullMQ"
AT_ONCE: Final = 50


@contextmanager
def server() -> Iterator[str]:
    """Yield the address of a server."""
    with redis_url() as url:
        yield url


async def fill(url: str, queue: str, jobs: Sequence[StimulationJob]) -> None:
    """Add jobs."""
    async with open_queue(queue, connection=url) as opened:
        await in_turns(jobs, lambda job: enqueue(opened, job))


def work_bare(url: str, queue: str, tally: Path) -> None:
    """Run BullMQ's own worker."""
    count = counting(tally)

    async def process(job: Any, token: str) -> None:  # noqa: ARG001 - BullMQ calls it so
        count(Item(job.data["payload"]["n"]))

    async def serve() -> None:
        worker = bullmq.Worker(queue, process, {"connection": url, "concurrency": AT_ONCE, "autorun": False})
        await worker.run()

    asyncio.run(serve())


def work(url: str, queue: str, store: str | None, tally: Path) -> None:
    """Run ours; without a store each job keeps its own progress, of which there is none after one hop."""
    if store is None:
        cns, registry = make_graph(tally)
        worker = create_worker(queue, cns=cns, registry=registry, connection=url, concurrency=AT_ONCE)
    else:
        worker = create_worker(queue, make_runner(tally, store), connection=url, concurrency=AT_ONCE)
    asyncio.run(worker.serve())
