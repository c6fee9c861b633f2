"""Celery on RabbitMQ, with two processes; the yardstick is a task that acknowledges late, as ours does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from celery import Celery
from worker_jobs import Item, counting, make_runner

from cnstra.workers import StimulationJob
from cnstra.workers.celery import TASK_NAME, enqueue_job, make_durable
from tests.servers.rabbitmq import some_rabbitmq

NAME: Final = "Celery, prefork"
PREFORK: Final = ("--pool=prefork", "--concurrency=2")


@contextmanager
def server() -> Iterator[str]:
    """Yield the address of a server."""
    with some_rabbitmq() as url:
        yield url


async def fill(url: str, queue: str, jobs: Sequence[StimulationJob]) -> None:
    """Send jobs."""

    def send() -> None:
        with Celery(broker=url) as app:
            for job in jobs:
                enqueue_job(app, job, queue=queue)

    await asyncio.to_thread(send)


def work_bare(url: str, queue: str, tally: Path, pool: Sequence[str] = PREFORK) -> None:
    """Run a worker of Celery with a task of its own."""
    app, count = make_app(url), counting(tally)

    def handle(job: str) -> None:
        count(Item(json.loads(job)["payload"]["n"]))

    app.task(handle, name=TASK_NAME, acks_late=True, reject_on_worker_lost=True)
    run_worker(app, queue, pool)


def work(url: str, queue: str, store: str | None, tally: Path, pool: Sequence[str] = PREFORK) -> None:
    """Run a worker of Celery with ours; without a store on disk, runs are kept in memory."""
    app = make_app(url)
    make_durable(app, lambda: make_runner(tally, store or "memory://"))
    run_worker(app, queue, pool)


def make_app(url: str) -> Celery:
    """Return an app without tasks."""
    app = Celery(broker=url)
    app.conf.update(broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)
    return app


def run_worker(app: Celery, queue: str, pool: Sequence[str]) -> None:
    """Run a worker of *app*, until a signal."""
    app.worker_main(["worker", f"--queues={queue}", *pool, "--loglevel=ERROR", "--without-gossip"])
