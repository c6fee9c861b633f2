"""A place for jobs on a real broker as whoever operates it sees it, and workers on it inside a test."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeAlias
from uuid import uuid4

import aio_pika
import nats
from aio_pika.abc import AbstractChannel, AbstractQueue
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from cnstra import DurableRunner
from cnstra.persist.ports import Store
from cnstra.workers import StopSignals, stimulation_job
from cnstra.workers.faststream import create_worker
from cnstra.workers.faststream.nats import JobSubject
from cnstra.workers.faststream.nats_line import JOB_ID, REASON
from cnstra.workers.faststream.rabbit import JobQueue
from tests.durable.graphs import Graph, line, pass_on

Dead: TypeAlias = dict[str | None, tuple[str, bytes]]
"""Dead letters: the reason and the body of each, by the id of its job."""


class Board(Protocol):
    """One place on one broker."""

    url: str
    place: Any

    def options(self) -> dict[str, Any]:
        """Return what a worker process is told of the place."""
        ...

    async def put(self, *jobs: bytes, job_ids: Sequence[str | None] = ("a",)) -> None:
        """Put there whatever somebody may put there."""

    async def left(self) -> int:
        """Return how many jobs wait there; those that a worker has are counted by NATS alone."""
        ...

    async def count_dead(self) -> int:
        """Return how many dead letters there are."""
        ...

    async def dead(self) -> Dead:
        """Return the dead letters, and leave them where they are."""
        ...


class NatsBoard:
    """A subject of a stream of its own."""

    def __init__(self, url: str, jetstream: JetStreamContext, *, ack_wait: float = 30.0) -> None:
        name = f"q{uuid4().hex[:8]}"
        self.url = url
        self.ack_wait = ack_wait
        self.place = JobSubject(f"{name}.jobs", stream=name, ack_wait=ack_wait)
        self.jetstream = jetstream

    def options(self) -> dict[str, Any]:
        return {"broker": "nats", "url": self.url, "name": self.place.stream, "ack_wait": self.ack_wait}

    async def put(self, *jobs: bytes, job_ids: Sequence[str | None] = ("a",)) -> None:
        await self.place._declare_streams(self.jetstream)
        for data, job_id in zip(jobs, job_ids, strict=True):
            await self.jetstream.publish(self.place.subject, data, headers={JOB_ID: job_id} if job_id else None)

    async def left(self) -> int:
        return await self._count(self.place.stream)

    async def count_dead(self) -> int:
        return await self._count(f"{self.place.stream}-dead")

    async def _count(self, stream: str) -> int:
        try:
            return (await self.jetstream.stream_info(stream)).state.messages
        except NotFoundError:
            return 0

    async def dead(self) -> Dead:
        stream = f"{self.place.stream}-dead"
        state = (await self.jetstream.stream_info(stream)).state
        letters = [await self.jetstream.get_msg(stream, state.first_seq + n) for n in range(state.messages)]
        return {
            (one.headers or {}).get(JOB_ID): ((one.headers or {}).get(REASON, ""), one.data or b"") for one in letters
        }


class RabbitBoard:
    """A queue of its own; each look at it has its own connection, so that it stands what the server goes through."""

    def __init__(self, url: str, kind: Any = "quorum") -> None:
        self.url = url
        self.kind = kind
        self.place = JobQueue(f"q-{uuid4().hex[:8]}", kind=kind)

    def options(self) -> dict[str, Any]:
        return {"broker": "rabbitmq", "url": self.url, "name": self.place.name, "kind": self.kind}

    async def put(self, *jobs: bytes, job_ids: Sequence[str | None] = ("a",)) -> None:
        async with self._channel() as channel:
            await self._queue(channel, self.place.name)
            for data, job_id in zip(jobs, job_ids, strict=True):
                message = aio_pika.Message(data, message_id=job_id, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await channel.default_exchange.publish(message, self.place.name)

    async def left(self) -> int:
        return await self.waiting(self.place.name)

    async def waiting(self, name: str) -> int:
        """Return how many messages wait in a queue."""
        async with self._channel() as channel:
            return (await self._queue(channel, name)).declaration_result.message_count or 0

    async def count_dead(self) -> int:
        return await self.waiting(self.place.dead_letters)

    async def dead(self) -> Dead:
        letters = []
        async with self._channel() as channel:  # when it is closed, they go back
            queue = await self._queue(channel, self.place.dead_letters)
            while (letter := await queue.get(fail=False, timeout=30.0)) is not None:
                letters.append(letter)
        return {one.message_id: (str(one.headers.get(REASON, "")), one.body) for one in letters}

    @asynccontextmanager
    async def _channel(self) -> AsyncIterator[AbstractChannel]:
        async with await aio_pika.connect(self.url) as connection, connection.channel() as channel:
            yield channel

    async def _queue(self, channel: AbstractChannel, name: str) -> AbstractQueue:
        """Make a queue as the worker does, or find it."""
        if name == self.place.name:
            arguments = self.place._arguments_to(self.place.dead_letters)
        elif name == self.place.dead_letters:
            arguments = {"x-queue-type": self.kind}
        else:
            arguments = self.place._arguments_to(self.place.name)
        return await channel.declare_queue(name, durable=True, arguments=arguments)


@asynccontextmanager
async def nats_board(url: str, **options: Any) -> AsyncIterator[NatsBoard]:
    """Open a subject of its own, on a connection that outlives the server."""
    client = await nats.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=_ignore)
    try:
        yield NatsBoard(url, client.jetstream(timeout=30.0), **options)
    finally:
        await client.close()


async def _ignore(error: Exception) -> None: ...


def job(n: int = 1, *, graph: Graph | None = None, **options: Any) -> bytes:
    """Return the job that stimulates a graph with item *n*."""
    graph = graph or line(pass_on)
    return stimulation_job(graph.registry, graph.signal(n), **options).to_json().encode()


@asynccontextmanager
async def worker(board: Board, graph: Graph, store: Store, **options: Any) -> AsyncIterator[StopSignals]:
    """Work on a board inside the test."""
    runner = DurableRunner(graph.cns, graph.registry, store, max_active_runs=0, grace=0.01)
    signals = StopSignals(())
    work = create_worker(board.place, runner, **{"broker": board.url, **options})
    task = asyncio.create_task(work.serve(signals=signals))
    try:
        yield signals
    finally:
        signals.request()
        await task


async def statuses(store: Store) -> dict[str, str]:
    """Return the status of each run."""
    return {run.stimulation_id: run.status for run in await store.list("", limit=1000)}


async def until_completed(store: Store, *job_ids: str) -> None:
    """Wait until the runs of jobs are complete."""

    async def are_completed() -> bool:
        now = await statuses(store)
        return all(now.get(one) == "completed" for one in job_ids or ("a",))

    await until(are_completed)


async def until(is_so: Callable[[], Any]) -> None:
    """Wait until something is so; it may be asked with an awaitable."""
    async with asyncio.timeout(60):
        while True:
            answer = is_so()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(0.005)
