"""A job as a broker keeps it that lets a job have progress of its own: with a lock, and a count of its starts."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from cnstra import Fenced
from cnstra.workers import Delivery, stimulation_job
from tests.durable.graphs import Graph


class KeptJob:
    """One job, and every progress that was saved in it."""

    def __init__(self, graph: Graph, n: int = 1, **options: Any) -> None:
        self.data = stimulation_job(graph.registry, graph.signal(n), **options).to_dict()
        self.starts = 0
        self.saved: list[Any] = []
        self.failing = 0
        self.held: asyncio.Event | None = None
        self.waiting = False
        self.unreadable = False

    def start(self) -> Delivery:
        """Hand the job out once more; whoever had it has it no longer."""
        self.starts += 1
        return Delivery("a", self.data, attempt=self.starts, checkpoint=Lock(self, self.starts))


class Lock:
    """The checkpoint of one delivery; its token is the number of the start."""

    def __init__(self, job: KeptJob, token: int) -> None:
        self._job = job
        self._token = token

    async def load(self) -> object:
        if self._job.unreadable:
            raise OSError("no broker")
        return json.loads(json.dumps(self._job.saved[-1])) if self._job.saved else 0

    async def save(self, progress: Mapping[str, Any]) -> None:
        if self._job.held is not None:
            self._job.waiting = True
            await self._job.held.wait()
        if self._job.failing > 0:
            self._job.failing -= 1
            raise OSError("no broker")
        if self._token != self._job.starts:
            raise Fenced("a", self._token)
        self._job.saved.append(json.loads(json.dumps(progress)))
