"""RabbitMQ by way of FastStream, a quorum queue; the yardstick is a subscriber of FastStream's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue
from worker_broker import in_turns
from worker_jobs import Item, counting, make_runner

from cnstra.workers import StimulationJob
from cnstra.workers.faststream import create_worker, enqueue_job
from cnstra.workers.faststream.rabbit import JobQueue
from tests.servers.rabbitmq import some_rabbitmq

NAME: Final = "RabbitMQ"
AT_ONCE: Final = 50


@contextmanager
def server() -> Iterator[str]:
    """Yield the address of a server."""
    with some_rabbitmq() as url:
        yield url


async def fill(url: str, queue: str, jobs: Sequence[StimulationJob]) -> None:
    """Publish jobs."""
    place = JobQueue(queue)
    broker = place.connect(url)
    await in_turns(jobs, lambda job: enqueue_job(broker, job, to=place))
    await broker.stop()


def work_bare(url: str, queue: str, tally: Path) -> None:
    """Run a subscriber that acknowledges a message when it is done."""
    broker, count = RabbitBroker(url, logger=None), counting(tally)

    @broker.subscriber(
        RabbitQueue(queue, declare=False), channel=Channel(prefetch_count=AT_ONCE), ack_policy=AckPolicy.NACK_ON_ERROR
    )
    async def handle(job: dict[str, Any]) -> None:
        count(Item(job["payload"]["n"]))

    asyncio.run(FastStream(broker, logger=None).run())


def work(url: str, queue: str, store: str | None, tally: Path) -> None:
    """Run ours; without a store on disk, runs are kept in memory."""
    runner = make_runner(tally, store or "memory://")
    asyncio.run(create_worker(JobQueue(queue), runner, broker=url, concurrency=AT_ONCE).serve())
