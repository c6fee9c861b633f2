"""NATS JetStream by way of FastStream; the yardstick is a pull subscriber of FastStream's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from faststream import AckPolicy, FastStream
from faststream.nats import JStream, NatsBroker, PullSub
from worker_broker import in_turns
from worker_jobs import Item, counting, make_runner

from cnstra.workers import StimulationJob
from cnstra.workers.faststream import create_worker, enqueue_job
from cnstra.workers.faststream.nats import JobSubject
from tests.servers.nats import some_nats

NAME: Final = "NATS"
AT_ONCE: Final = 50


@contextmanager
def server() -> Iterator[str]:
    """Yield the address of a server."""
    with some_nats() as url:
        yield url


async def fill(url: str, queue: str, jobs: Sequence[StimulationJob]) -> None:
    """Publish jobs."""
    place = _place(queue)
    broker = place.connect(url)
    await in_turns(jobs, lambda job: enqueue_job(broker, job, to=place))
    await broker.stop()


def work_bare(url: str, queue: str, tally: Path) -> None:
    """Run a subscriber that acknowledges a message when it is done."""
    broker, count = NatsBroker(url, logger=None), counting(tally)

    @broker.subscriber(
        f"{queue}.jobs",
        stream=JStream(queue, declare=False),
        durable="bare",
        pull_sub=PullSub(),  # as ours: a subscriber that is pushed to cannot be one of several
        max_workers=AT_ONCE,
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    async def handle(job: dict[str, Any]) -> None:
        count(Item(job["payload"]["n"]))

    asyncio.run(FastStream(broker, logger=None).run())


def work(url: str, queue: str, store: str | None, tally: Path) -> None:
    """Run ours; without a store on disk, runs are kept in memory."""
    runner = make_runner(tally, store or "memory://")
    asyncio.run(create_worker(_place(queue), runner, broker=url, concurrency=AT_ONCE).serve())


def _place(queue: str) -> JobSubject:
    return JobSubject(f"{queue}.jobs", stream=queue)
