"""Celery on RabbitMQ, with a pool of threads in one process: its jobs share the commits of one runner."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import broker_celery
from broker_celery import fill, server

__all__ = ["NAME", "fill", "server", "work", "work_bare"]

NAME: Final = "Celery, threads"
THREADS: Final = ("--pool=threads", "--concurrency=50")


def work_bare(url: str, queue: str, tally: Path) -> None:
    """Run a worker of Celery with a task of its own."""
    broker_celery.work_bare(url, queue, tally, THREADS)


def work(url: str, queue: str, store: str | None, tally: Path) -> None:
    """Run a worker of Celery with ours; without a store on disk, runs are kept in memory."""
    broker_celery.work(url, queue, store, tally, THREADS)
