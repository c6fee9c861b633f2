"""What only RabbitMQ has: queues in which jobs wait, queues that are there already, ids that nobody has given."""

import asyncio
from collections.abc import Sequence

import aio_pika
import pytest
from aio_pika.exceptions import PublishError

from cnstra.stores import MemoryStore
from cnstra.workers import RetryPolicy, StimulationJob
from cnstra.workers.faststream import enqueue_job
from cnstra.workers.faststream.rabbit import JobQueue
from tests.durable.graphs import Boom, Context, Item, Switch, line, line_that_waits, pass_on
from tests.workers.faststream.boards import RabbitBoard, job, until, until_completed, worker


@pytest.fixture(params=["quorum", "classic"])
def board(request: pytest.FixtureRequest, rabbitmq_url: str) -> RabbitBoard:
    return RabbitBoard(rabbitmq_url, request.param)


async def delete(board: RabbitBoard, *names: str) -> None:
    async with await aio_pika.connect(board.url) as connection, connection.channel() as channel:
        for name in names:
            await channel.queue_delete(name)


async def test_a_job_that_has_failed_waits_in_a_queue_of_those_that_wait_about_as_long(board: RabbitBoard) -> None:
    graph, waiting = line(Switch()), f"{board.place.name}.retry.32s"
    await board.put(job())
    async with worker(board, graph, MemoryStore(), policy=RetryPolicy(first_delay=20.0, jitter=0.0)):
        await until(lambda: is_waiting(board, waiting))

    assert await board.waiting(waiting) == 1
    assert await board.left() == 0


async def is_waiting(board: RabbitBoard, name: str) -> bool:
    return await board.waiting(name) == 1


async def test_jobs_wait_at_least_as_long_as_they_are_to(board: RabbitBoard) -> None:
    graph, store = line(Switch()), MemoryStore()
    await board.put(job())
    async with worker(board, graph, store, policy=RetryPolicy(max_attempts=3, first_delay=0.3, jitter=0.0)):
        await until(board.count_dead)
    first, second, third = await store.attempts("", "a")

    assert second.started_at - first.started_at >= 0.3
    assert third.started_at - second.started_at >= 0.6


async def test_a_queue_for_those_that_wait_is_made_again_when_it_is_gone(board: RabbitBoard) -> None:
    release = asyncio.Event()

    async def fail(item: Item, ctx: Context) -> Item:
        if ctx.attempt_number > 1:
            await release.wait()
        raise Boom

    graph, waiting = line(fail), f"{board.place.name}.retry.0.125s"
    await board.put(job())
    async with worker(board, graph, MemoryStore(), policy=RetryPolicy(max_attempts=4, first_delay=0.1, factor=1.0)):
        await until(lambda: len(graph.ran) == 2)
        await delete(board, waiting)
        release.set()
        await until(board.count_dead)

    assert graph.ran == ["n0:1"] * 4


async def test_a_job_may_bring_the_id_of_its_run(board: RabbitBoard) -> None:
    store = MemoryStore()
    await board.put(job(stimulation_id="order-7"), job_ids=[None])
    async with worker(board, line(pass_on), store):
        await until_completed(store, "order-7")

    assert await board.count_dead() == 0


async def test_a_queue_that_is_there_is_taken_as_it_is(rabbitmq_url: str) -> None:
    board = RabbitBoard(rabbitmq_url)
    name = f"{board.place.name}.theirs"
    async with await aio_pika.connect(board.url) as connection, connection.channel() as channel:
        await channel.declare_queue(name, durable=True, arguments={"x-max-priority": 5})
    board.place = JobQueue(name, declare=False)
    graph, store = line(Switch()), MemoryStore()
    producer = board.place.connect(board.url)
    await enqueue_job(producer, StimulationJob("c0", {"n": 1}, stimulation_id="a"), to=board.place)
    async with worker(board, graph, store, policy=RetryPolicy(max_attempts=2, first_delay=0.01)):
        await until(board.count_dead)
    await producer.stop()

    assert graph.ran == ["n0:1"] * 2


async def test_what_the_broker_itself_gives_up_is_with_the_dead_letters(rabbitmq_url: str) -> None:
    board = RabbitBoard(rabbitmq_url)
    async with await aio_pika.connect(board.url) as connection, connection.channel() as channel:
        await board._queue(channel, board.place.dead_letters)
        queue = await board._queue(channel, board.place.name)
        await board.put(job())
        message = await queue.get(timeout=30.0)
        assert message is not None
        await message.reject(requeue=False)
        await until(board.count_dead)

    assert list(await board.dead()) == ["a"]


async def test_a_job_for_which_there_is_no_queue_is_not_lost_silently(rabbitmq_url: str) -> None:
    place = JobQueue("nobody-has-made-this", declare=False)
    producer = place.connect(rabbitmq_url)

    with pytest.raises(PublishError):
        await enqueue_job(producer, StimulationJob("c0"), to=place)

    await producer.stop()


async def test_no_more_jobs_are_handed_over_than_are_in_hand(rabbitmq_url: str) -> None:
    board = RabbitBoard(rabbitmq_url)
    waiting, release = line_that_waits()
    await board.put(*[job(n) for n in range(5)], job_ids=names(5))
    async with worker(board, waiting, MemoryStore(), concurrency=2):
        await until(lambda: len(waiting.ran) == 2)
        left = await board.left()
        release.set()

    assert left == 3


def names(count: int) -> Sequence[str]:
    return [f"job-{number}" for number in range(count)]
