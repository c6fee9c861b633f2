"""Delivering jobs of the small graphs, as a broker would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from cnstra import DurableRunner
from cnstra.persist.ports import Store
from cnstra.workers import Delivery, JobHandler, RetryPolicy, stimulation_job
from tests.durable.graphs import Graph

SOON = RetryPolicy(first_delay=0.25, jitter=0.0)


def delivery(graph: Graph, n: int = 1, job_id: str = "a", **options: Any) -> Delivery:
    """Return a delivery of the job that stimulates a graph with item *n*."""
    return Delivery(job_id, stimulation_job(graph.registry, graph.signal(n), **options).to_dict())


def handler_of(runner: DurableRunner, **options: Any) -> JobHandler:
    return JobHandler(runner, **{"policy": SOON, "random": Random(7), **options})


@asynccontextmanager
async def worker(
    graph: Graph, store: Store, *, policy: RetryPolicy = SOON, **options: Any
) -> AsyncIterator[tuple[JobHandler, DurableRunner]]:
    """Open a worker of a graph, which takes what is delivered and nothing else."""
    runner = DurableRunner(graph.cns, graph.registry, store, **{"max_active_runs": 0, "grace": 0.01, **options})
    handler = handler_of(runner, policy=policy, grace=0.01)
    async with runner:
        yield handler, runner
