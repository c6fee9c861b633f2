"""A queue of BullMQ as whoever operates it sees it, and workers on it inside a test."""

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from cnstra import DurableRunner
from cnstra.persist.ports import Store
from cnstra.workers import StopSignals, stimulation_job
from cnstra.workers.bullmq import create_worker, enqueue, open_queue
from tests.durable.graphs import Graph, line, pass_on

LOCK = 1.0
"""Seconds for which the workers of these tests lock a job."""


class Board:
    """One queue: adds jobs, and looks at what has become of them."""

    def __init__(self, url: str, queue: str, client: Any, jobs: Any) -> None:
        self.url = url
        self.queue = queue
        self.client = client
        self.jobs = jobs

    def key(self, *names: str) -> str:
        return ":".join(["bull", self.queue, *names])

    async def add(self, n: int = 1, job_id: str | None = "a", *, graph: Graph | None = None, **options: Any) -> str:
        """Add the job that stimulates a graph with item *n*."""
        graph = graph or line(pass_on)
        return await enqueue(self.jobs, stimulation_job(graph.registry, graph.signal(n)), job_id=job_id, **options)

    async def add_raw(self, data: Any, job_id: str = "a", **options: Any) -> None:
        """Add whatever somebody may put into a queue."""
        await self.jobs.add("whatever", data, {"jobId": job_id, **options})

    async def fields(self, job_id: str = "a") -> Mapping[str, str]:
        fields: Mapping[str, str] = await self.client.hgetall(self.key(job_id))
        return fields

    async def progress(self, job_id: str = "a") -> Any:
        return json.loads((await self.fields(job_id)).get("progress", "0"))

    async def state(self, job_id: str = "a") -> str | None:
        for name in ("completed", "failed", "delayed", "prioritized"):
            if await self.client.zscore(self.key(name), job_id) is not None:
                return name
        for name in ("wait", "active"):
            if await self.client.lpos(self.key(name), job_id) is not None:
                return name
        return None

    async def counts(self) -> dict[str, int]:
        """Return how many jobs are completed and failed."""
        return {name: await self.client.zcard(self.key(name)) for name in ("completed", "failed")}

    async def until(self, state: str, *job_ids: str) -> None:
        """Wait until jobs are in a state."""
        for job_id in job_ids or ("a",):
            await until(partial(self._is_in, state, job_id))

    async def _is_in(self, state: str, job_id: str) -> bool:
        return await self.state(job_id) == state

    async def has_started(self, times: int, job_id: str = "a") -> bool:
        return (await self.fields(job_id)).get("ats") == str(times)

    async def deliver_again(self, job_id: str = "a") -> None:
        """Have a job delivered again whose worker still has it, as if its lock had run out."""
        lock = self.key(job_id, "lock")
        await self.client.delete(lock)
        while await self.state(job_id) == "active" and not await self.client.exists(lock):
            await self.client.delete(self.key("stalled-check"))  # a worker that looks now would keep us from looking
            await self.client.sadd(self.key("stalled"), job_id)
            await self.jobs.backend.moveStalledJobsToWait(1000, 1)

    @asynccontextmanager
    async def worker(
        self, graph: Graph, store: Store | str | None = None, *, runs: int = 0, **options: Any
    ) -> AsyncIterator[StopSignals]:
        """Work on the queue inside the test, with a store, or with the progress of jobs in the jobs."""
        given = {"connection": self.url, "lock_duration": LOCK, "stalled_interval": 0.2, "grace": 0.01, **options}
        if store is None:
            worker = create_worker(self.queue, cns=graph.cns, registry=graph.registry, **given)
        else:
            runner = DurableRunner(graph.cns, graph.registry, store, max_active_runs=runs, grace=given["grace"])
            worker = create_worker(self.queue, runner, **given)
        signals = StopSignals(())
        task = asyncio.create_task(worker.serve(signals=signals))
        try:
            yield signals
        finally:
            signals.request()
            await task


@asynccontextmanager
async def new_board(url: str) -> AsyncIterator[Board]:
    """Open a queue of its own."""
    name = f"q-{uuid4().hex[:8]}"
    patient = Retry(ExponentialBackoff(cap=0.5, base=0.05), 10)
    async with (
        Redis.from_url(url, decode_responses=True, retry=patient) as client,
        open_queue(name, connection=url) as jobs,
    ):
        yield Board(url, name, client, jobs)


async def until(is_so: Callable[[], Any]) -> None:
    """Wait until something is so; it may be asked with an awaitable."""
    while True:
        answer = is_so()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        await asyncio.sleep(0.005)
