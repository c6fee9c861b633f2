"""A worker inside an application that has a broker, subscribers and ways of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from faststream import FastStream
from faststream.nats import NatsBroker
from faststream.rabbit import RabbitBroker

from cnstra import DurableRunner, StoreError
from cnstra.errors import GraphError
from cnstra.stores import MemoryStore, SqliteStore
from cnstra.workers.faststream import attach, enqueue
from cnstra.workers.faststream.rabbit import JobQueue
from tests.durable.graphs import Context, Graph, Item, line, pass_on
from tests.workers.faststream.boards import Board, RabbitBoard, job, until, until_completed


def runner_of(graph: Graph, store: Any) -> DurableRunner:
    return DurableRunner(graph.cns, graph.registry, store, max_active_runs=0, grace=0.01)


def broker_of(board: Board, **options: Any) -> Any:
    return (RabbitBroker if isinstance(board, RabbitBoard) else NatsBroker)(board.url, **options)


@asynccontextmanager
async def running(app: FastStream) -> AsyncIterator[None]:
    await app.start()
    try:
        yield
    finally:
        await app.stop()


async def test_an_application_gets_a_durable_worker_and_keeps_its_own_subscribers(board: Board) -> None:
    graph, store, greeted = line(pass_on, pass_on), MemoryStore(), []
    broker = broker_of(board)

    @broker.subscriber(f"greetings-{id(board)}")  # type: ignore[untyped-decorator]  # of either broker
    async def greet(name: str) -> None:
        greeted.append(name)

    app = FastStream(broker)
    attach(broker, board.place, runner_of(graph, store)).install(app)
    async with running(app):
        await enqueue(broker, graph.registry, graph.signal(7), to=board.place, stimulation_id="a")
        await broker.publish("Ann", f"greetings-{id(board)}")
        await until_completed(store)
        await until(lambda: greeted)

    assert graph.ran == ["n0:7", "n1:7"]
    assert greeted == ["Ann"]
    assert await board.left() == 0


async def test_an_application_that_stops_gives_its_jobs_back(board: Board) -> None:
    async def hold(item: Item, ctx: Context) -> Item:
        await asyncio.Event().wait()
        return item

    stopped, other, store = line(pass_on, hold), line(pass_on, pass_on), MemoryStore()
    await board.put(job())
    for graph in (stopped, other):
        broker = broker_of(board)
        app = FastStream(broker)
        attach(broker, board.place, runner_of(graph, store)).install(app)
        async with running(app):
            await until(lambda: graph.ran[-1:] == ["n1:1"])  # noqa: B023 - awaited here
            if graph is other:
                await until_completed(store)

    assert stopped.ran == ["n0:1", "n1:1"]
    assert other.ran == ["n1:1"]


async def test_what_a_broker_does_to_messages_of_the_application_is_not_done_to_jobs(board: Board) -> None:
    async def refuse(message: Any) -> Any:
        raise ValueError("this is no message of the application")

    graph, store = line(pass_on), MemoryStore()
    broker = broker_of(board, parser=refuse, decoder=refuse, apply_types=False)
    app = FastStream(broker)
    attach(broker, board.place, runner_of(graph, store)).install(app)
    async with running(app):
        await enqueue(broker, graph.registry, graph.signal(1), to=board.place, stimulation_id="a")
        await until_completed(store)

    assert graph.ran == ["n0:1"]


async def test_an_application_whose_runner_cannot_be_opened_does_not_start(board: Board, tmp_path: Any) -> None:
    graph = line(pass_on)
    broker = broker_of(board)
    app = FastStream(broker)
    attach(broker, board.place, runner_of(graph, SqliteStore(tmp_path))).install(app)  # which is a folder

    with pytest.raises(StoreError):
        await app.start()

    await broker.stop()


async def test_an_application_whose_queue_does_not_fit_does_not_start(rabbit_place: RabbitBoard) -> None:
    graph = line(pass_on)
    await rabbit_place.put(job())  # which makes it a quorum queue
    broker = RabbitBroker(rabbit_place.url)
    worker = attach(broker, JobQueue(rabbit_place.place.name, kind="classic"), runner_of(graph, MemoryStore()))
    await broker.connect()

    with pytest.raises(GraphError, match=r"a queue is there already.*declare=False"):
        await worker.start()

    await broker.stop()
