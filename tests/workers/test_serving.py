import asyncio
from typing import Any

import pytest

from cnstra import DurableRunner
from cnstra.persist.ports import Store
from cnstra.workers import BrokerWorker, Delivery, JobHandler, Outcome, Retry, StopSignals, serve
from tests.durable.conftest import Reopen
from tests.durable.graphs import Graph, line, line_that_waits
from tests.durable.test_resuming import Stuck
from tests.workers.delivering import delivery, handler_of
from tests.workers.jobs import KeptJob

GIVEN_BACK = Retry(0.0, "this worker stops; the run was given back")


class Queue:
    """A source in memory: hands out what is put into it, and notes what comes out."""

    def __init__(self, handler: JobHandler, *deliveries: Delivery) -> None:
        self.outcomes: list[Outcome] = []
        self.events: list[str] = []
        self.broken: Exception | None = None
        self._handler = handler
        self._deliveries = deliveries
        self._stopped = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        self._tasks = [asyncio.create_task(self._handle(one)) for one in self._deliveries]
        if self.broken is not None:
            await asyncio.sleep(0.01)
            raise self.broken
        await self._stopped.wait()

    async def stop(self) -> None:
        self.events.append("stop")
        self._stopped.set()

    async def close(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks)
        self.events.append("close")

    async def _handle(self, one: Delivery) -> None:
        self.outcomes.append(await self._handler.handle(one))


def runner_of(graph: Graph, store: Store, **options: Any) -> DurableRunner:
    return DurableRunner(graph.cns, graph.registry, store, **{"grace": 0.01, **options})


async def test_a_worker_gives_back_what_is_not_over_and_then_disconnects(stores: Reopen) -> None:
    stuck = Stuck()
    graph = line(stuck.body())
    runner = runner_of(graph, stores())
    handler = handler_of(runner)
    queue = Queue(handler, delivery(graph))
    signals = StopSignals()

    serving = asyncio.create_task(BrokerWorker(queue, handler, runner).serve(signals=signals))
    await stuck.reached.wait()
    signals.request()
    await serving

    assert queue.outcomes == [GIVEN_BACK]
    assert queue.events == ["stop", "close"]


async def test_a_worker_in_a_hurry_does_not_wait_for_handlers(stores: Reopen) -> None:
    stuck = Stuck()
    graph = line(stuck.body())
    runner = runner_of(graph, stores(), grace=1000.0)
    handler = handler_of(runner)
    queue = Queue(handler, delivery(graph))
    signals = StopSignals()

    serving = asyncio.create_task(serve(queue, handler, runner, signals=signals))
    await stuck.reached.wait()
    signals.request()
    signals.request()
    await serving

    assert queue.outcomes == [GIVEN_BACK]


async def test_jobs_without_a_store_are_given_back_too() -> None:
    stuck = Stuck()
    graph = line(stuck.body())
    job = KeptJob(graph)
    handler = JobHandler(cns=graph.cns, registry=graph.registry, grace=0.01)
    queue = Queue(handler, job.start())
    signals = StopSignals()

    serving = asyncio.create_task(serve(queue, handler, signals=signals))
    await stuck.reached.wait()
    signals.request()
    await serving

    assert queue.outcomes == [GIVEN_BACK]
    assert len(job.saved[-1]["tasks"]) == 1


async def test_a_source_that_cannot_go_on_ends_the_worker_and_loses_nothing(stores: Reopen) -> None:
    graph, _ = line_that_waits()
    runner = runner_of(graph, stores())
    handler = handler_of(runner)
    queue = Queue(handler, delivery(graph))
    queue.broken = OSError("no broker")

    with pytest.raises(OSError, match="no broker"):
        await serve(queue, handler, runner)

    assert queue.outcomes == [GIVEN_BACK]
    assert queue.events == ["stop", "close"]


async def test_a_cancelled_worker_gives_back_too(stores: Reopen) -> None:
    stuck = Stuck()
    graph = line(stuck.body())
    runner = runner_of(graph, stores())
    handler = handler_of(runner)
    queue = Queue(handler, delivery(graph))

    serving = asyncio.create_task(serve(queue, handler, runner))
    await stuck.reached.wait()
    serving.cancel()
    await asyncio.wait([serving])

    assert serving.cancelled()
    assert queue.outcomes == [GIVEN_BACK]
