"""Worker processes on one queue of a Celery app, the jobs that they get, and what has become of these."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from kombu import Connection, Producer, Queue

from cnstra.workers.celery import TASK_NAME, enqueue
from tests.workers.celery.working import make_app
from tests.workers.working import graph_in

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0

Started = subprocess.Popen[bytes]

on_rabbitmq = pytest.mark.parametrize("broker_url", ["rabbitmq"], indirect=True)
"""For what does not depend on the broker."""


class Crew:
    """Workers of one app, with their queue, their store and the log of their handlers in a folder."""

    def __init__(self, folder: Path, url: str, **options: Any) -> None:
        self.url = url
        self.queue = f"q-{uuid4().hex[:8]}"
        self.path = folder / "runs.db"
        self.errors = folder / "errors"
        self._folder = folder
        self._options = {"url": url, "queue": self.queue, "store": f"sqlite:///{self.path}", **options}
        self._started: list[Started] = []
        self._graph = graph_in(folder)
        self.app = make_app(folder, **self._options)

    # ---- workers ---------------------------------------------------------------------------------------------

    def start(self, **options: Any) -> Started:
        """Start a worker; its processes die with it."""
        command = (sys.executable, "-m", "tests.workers.celery.working", str(self._folder))
        with self.errors.open("ab") as errors:
            started = subprocess.Popen(
                [*command, json.dumps({**self._options, **options})],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
            )  # fmt: skip
        self._started.append(started)
        return started

    def stop(self, started: Started, *signals: signal.Signals) -> int:
        """Ask a worker to stop, and return the status with which it does."""
        for one in signals or (signal.SIGTERM,):
            started.send_signal(one)
        return started.wait(PATIENCE)

    def kill(self, started: Started) -> None:
        """Kill a worker, and with it all its processes."""
        children = processes_of(started)
        started.kill()
        started.wait()
        self.until(lambda: not any(map(lives, children)))

    def close(self) -> None:
        for started in self._started:
            if started.poll() is None:
                self.kill(started)

    # ---- jobs ------------------------------------------------------------------------------------------------

    def add(self, n: int = 1, job_id: str = "a", **options: Any) -> Any:
        """Add the job that stimulates the graph with item *n*."""
        return enqueue(self.app, self._graph.registry, self._graph.signal(n), stimulation_id=job_id, **options)

    def add_raw(self, job: object, job_id: str = "a") -> Any:
        """Add whatever somebody may send."""
        return self.app.send_task(TASK_NAME, args=[job], task_id=job_id)

    def hold(self, what: str) -> None:
        (self._folder / "hold").write_text(what)

    @property
    def log(self) -> list[str]:
        return (self._folder / "log").read_text().splitlines()

    @property
    def said(self) -> str:
        """What the workers have written to their standard error."""
        return self.errors.read_text() if self.errors.exists() else ""

    def statuses(self) -> Counter[str]:
        """Return how many runs the store has of each status."""
        if not self.path.exists():
            return Counter()
        count = "SELECT status, count(*) FROM cnstra_runs GROUP BY status"
        with (
            suppress(sqlite3.OperationalError),  # its tables are being made
            closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=60)) as connection,
        ):
            return Counter(dict(connection.execute(count)))
        return Counter()

    def waiting(self, queue: str | None = None) -> int:
        """Return how many messages no worker has in hand."""
        with Connection(self.url) as connection, connection.channel() as channel:
            name = queue or self.queue
            bound = Queue(name, exchange="", routing_key=name)(channel)
            count: int = bound.queue_declare(passive=False).message_count
            return count

    def dead_letters(self, count: int) -> dict[str, str]:
        """Wait for so many dead jobs, and take them: the reason by the id."""
        letters: dict[str, str] = {}
        name = f"{self.queue}.dead"
        with Connection(self.url) as connection:
            queue = connection.SimpleQueue(Queue(name, exchange="", routing_key=name))
            while len(letters) < count:
                letter = queue.get(timeout=PATIENCE)
                letters[letter.headers["id"]] = letter.headers["cnstra-reason"]
                letter.ack()
            queue.close()
        return letters

    def move(self, source: str, target: str) -> None:
        """Move a message from one queue to another, as a person does in a console."""
        with Connection(self.url) as connection, connection.channel() as channel:
            message = Queue(source, exchange="", routing_key=source)(channel).get(no_ack=True)
            Producer(channel).publish(
                message.body,
                routing_key=target,
                headers=message.headers,
                content_type=message.content_type,
                content_encoding=message.content_encoding,
                correlation_id=message.properties["correlation_id"],
            )

    # ---- waiting ---------------------------------------------------------------------------------------------

    def until(self, is_so: Callable[[], Any]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < deadline, f"{self.statuses()} {self.log[-20:]}\n{self.said[-4000:]}"
            time.sleep(0.02)

    def until_held(self, what: str) -> None:
        """Wait until a handler hangs that was told to."""
        self.until(lambda: what in self.log)

    def until_completed(self, count: int = 1) -> None:
        self.until(lambda: self.statuses()["completed"] == count)


@contextmanager
def new_crew(folder: Path, url: str, **options: Any) -> Iterator[Crew]:
    crew = Crew(folder, url, **options)
    try:
        yield crew
    finally:
        crew.close()


def processes_of(started: Started) -> list[int]:
    """Return the ids of the processes of a worker."""
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_process(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
