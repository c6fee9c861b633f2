"""Celery on RabbitMQ, with the least that a job can do by hand of what our task does: what its rows have for a floor.

Without a store that is to run an async handler in an event loop that lives as long as the process. With one it is two
commits instead: that the job has begun and whose it is, before the handler, and its one hop and its end, after it.
There is no graph, no history to look at, no index but the keys, no lease, no heartbeat and no resume.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final, Protocol, final

import broker_celery
import psycopg
from broker_celery import PREFORK, fill, server
from worker_jobs import Item, counting

from cnstra.workers.celery import TASK_NAME

__all__ = ["NAME", "fill", "server", "work", "work_bare"]

NAME: Final = "Celery by hand, prefork"
SCHEME: Final = "sqlite:///"
RUNS: Final = "CREATE TABLE runs (id TEXT PRIMARY KEY, status TEXT, attempt INTEGER, owner TEXT, job TEXT)"
HOPS: Final = "CREATE TABLE hops (run TEXT, ordinal INTEGER, ended_at REAL, PRIMARY KEY (run, ordinal))"
LOCK_PAUSE: Final = 0.0001
"""Seconds after which the lock of a file is asked for again."""


class Ledger(Protocol):
    """Where jobs are written down, by one process."""

    def begin(self, job_id: str, job: str) -> None:
        """Commit that a job has begun here."""

    def end(self, job_id: str) -> None:
        """Commit its one hop and its end."""


def work_bare(url: str, queue: str, tally: Path) -> None:
    """Run a worker of Celery with a task of its own."""
    broker_celery.work_bare(url, queue, tally)


def work(url: str, queue: str, store: str | None, tally: Path) -> None:
    """Run a worker of Celery with a task that does by hand what ours does, or runs an async handler only."""
    app, count = broker_celery.make_app(url), counting(tally)
    if store:
        _prepare(store)

    def handle(job: str) -> None:
        number = json.loads(job)["payload"]["n"]
        if not store:
            asyncio.run_coroutine_threadsafe(_handle(count, Item(number)), _loop()).result()
            return
        ledger = _ledger(store)
        ledger.begin(f"job-{number}", job)
        count(Item(number))
        ledger.end(f"job-{number}")

    app.task(handle, name=TASK_NAME, acks_late=True, reject_on_worker_lost=True)
    broker_celery.run_worker(app, queue, PREFORK)


async def _handle(count: Callable[[Item], None], item: Item) -> None:
    count(item)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Return the event loop of this process; first called in the process that runs the job."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


def _prepare(store: str) -> None:
    """Make the tables."""
    if store.startswith(SCHEME):
        with sqlite3.connect(store.removeprefix(SCHEME)) as file:
            file.execute("PRAGMA journal_mode = WAL")
            for table in (RUNS, HOPS):
                file.execute(table)
        file.close()
    else:
        url, schema = _schema_of(store)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}".encode())
            connection.execute(f"SET search_path = {schema}".encode())
            for table in (RUNS, HOPS.replace("REAL", "DOUBLE PRECISION")):
                connection.execute(table.encode())


@cache
def _ledger(store: str) -> Ledger:
    return InSqlite(store.removeprefix(SCHEME)) if store.startswith(SCHEME) else InPostgres(*_schema_of(store))


def _schema_of(store: str) -> tuple[str, str]:
    """Return the address of a server, and the schema that the store would use."""
    url, _, schema = store.partition("cnstra_schema=")
    return url.rstrip("?&"), schema


@final
class InSqlite:
    """A ledger in a file, with every commit on disk."""

    def __init__(self, path: str) -> None:
        self._file = sqlite3.connect(path, isolation_level=None, timeout=0)
        self._file.execute("PRAGMA synchronous = FULL")

    def begin(self, job_id: str, job: str) -> None:
        """Commit that a job has begun here."""
        self._lock()
        self._file.execute("INSERT INTO runs VALUES (?, 'running', 1, ?, ?)", (job_id, os.getpid(), job))
        self._file.execute("COMMIT")

    def end(self, job_id: str) -> None:
        """Commit its one hop and its end."""
        self._lock()
        self._file.execute("INSERT INTO hops VALUES (?, 0, ?)", (job_id, time.time()))
        self._file.execute("UPDATE runs SET status = 'completed' WHERE id = ?", (job_id,))
        self._file.execute("COMMIT")

    def _lock(self) -> None:
        while True:
            try:
                self._file.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                time.sleep(LOCK_PAUSE)
            else:
                return


@final
class InPostgres:
    """A ledger in a schema, with a round trip for each commit."""

    def __init__(self, url: str, schema: str) -> None:
        connection = psycopg.connect(url, autocommit=True, prepare_threshold=0)
        connection.execute(f"SET search_path = {schema}".encode())
        self._execute = connection.execute

    def begin(self, job_id: str, job: str) -> None:
        """Commit that a job has begun here."""
        self._execute(b"INSERT INTO runs VALUES (%s, 'running', 1, %s, %s)", (job_id, str(os.getpid()), job))

    def end(self, job_id: str) -> None:
        """Commit its one hop and its end."""
        self._execute(
            b"WITH hop AS (INSERT INTO hops VALUES (%s, 0, %s)) UPDATE runs SET status = 'completed' WHERE id = %s",
            (job_id, time.time(), job_id),
        )
