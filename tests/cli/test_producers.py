import asyncio
import base64
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import aio_pika
import pytest
from redis import Redis

from cnstra import DurableRunner
from cnstra.cli.ending import CommandError, Exit
from cnstra.cli.producers import Address, Order, produce, read_address
from cnstra.errors import GraphError
from cnstra.stores import MemoryStore
from cnstra.workers import BrokerWorker, StimulationJob, StopSignals
from cnstra.workers.faststream import create_worker as create_faststream_worker
from cnstra.workers.faststream.nats import JobSubject
from cnstra.workers.faststream.rabbit import JobQueue
from cnstra.workers.procrastinate import apply_schema
from cnstra.workers.procrastinate import create_worker as create_procrastinate_worker
from tests.durable.graphs import Graph, line, pass_on
from tests.durable.waiting import until
from tests.servers.nats import some_nats
from tests.servers.postgres import postgres_server
from tests.servers.rabbitmq import some_rabbitmq
from tests.servers.redis import redis_url

JOB = StimulationJob("c0", {"n": 7}, stimulation_id="one")


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[str]:
    with some_rabbitmq() as url:
        yield url


@pytest.fixture(scope="module")
def nats() -> Iterator[str]:
    with some_nats() as url:
        yield url


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    with redis_url() as url:
        yield url


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with postgres_server() as server:
        yield server.url


@pytest.fixture
def name() -> str:
    """Return a name that no other test has."""
    return f"q{uuid4().hex[:8]}"


def runner_of(graph: Graph) -> DurableRunner:
    return DurableRunner(graph.cns, graph.registry, MemoryStore(), max_active_runs=0)


async def run_one(worker: BrokerWorker, graph: Graph) -> None:
    """Let a worker run one job."""
    signals = StopSignals(())
    task = asyncio.create_task(worker.serve(signals=signals))
    await until(lambda: bool(graph.ran) or task.done())
    signals.request()
    await task


@pytest.mark.parametrize(
    ("text", "queue", "url", "named"),
    [
        ("bullmq+redis://localhost:6379/2?queue=imports", None, "redis://localhost:6379/2", "imports"),
        ("bullmq+rediss://u:p@host/0?queue=a&ssl_cert_reqs=none", "b", "rediss://u:p@host/0?ssl_cert_reqs=none", "b"),
        ("bullmq+unix:///run/redis.sock?db=1", "c", "unix:///run/redis.sock?db=1", "c"),
    ],
)
def test_an_address_says_which_adapter_where_and_which_queue(
    text: str, queue: str | None, url: str, named: str
) -> None:
    address = read_address(text, queue)

    assert (address.broker, address.url, address.queue) == ("bullmq", url, named)


def test_what_only_the_adapter_knows_is_kept_from_the_client() -> None:
    address = read_address("bullmq+redis://host?queue=a&prefix=mine", None)

    assert (address.url, address.parameters) == ("redis://host", {"prefix": "mine"})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("redis://localhost:6379", "begins with the adapter's name; write one such as bullmq+redis://"),
        ("mulebq+redis://localhost:6379", "there is no broker 'mulebq' here; write an address such as bullmq+redis"),
        ("bullmq+http://localhost", "this is no address of bullmq; write one such as bullmq+redis://localhost:6379/0"),
        ("bullmq+redis:", "this is no address of bullmq"),
        ("bullmq+redis://localhost:6379/0", "which queue? say --queue NAME, or end the address with ?queue=NAME"),
    ],
)
def test_what_is_no_address_is_told_with_an_example(text: str, problem: str) -> None:
    with pytest.raises(CommandError) as raised:
        read_address(text, None)

    assert problem in str(raised.value)
    assert raised.value.code == Exit.USAGE


def test_a_password_in_an_address_is_not_shown() -> None:
    assert "secret" not in repr(read_address("bullmq+redis://me:secret@host?queue=a", None))
    with pytest.raises(CommandError) as raised:
        read_address("bullmq+http://me:secret@host", None)
    assert "secret" not in str(raised.value)


async def test_a_broker_that_cannot_be_reached_is_told() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = Address("bullmq", f"redis://127.0.0.1:{taken.getsockname()[1]}", "q")
        with pytest.raises(CommandError, match="bullmq has not taken the job: ConnectionError") as raised:
            await produce(address, Order(StimulationJob("a")))

    assert raised.value.code == Exit.BROKER


async def test_an_option_that_makes_no_sense_to_the_broker_is_refused() -> None:
    address = Address("bullmq", "redis://127.0.0.1:1", "q")

    with pytest.raises(GraphError, match="priority"):
        await produce(address, Order(StimulationJob("a"), priority=-1))


# ---- the brokers -----------------------------------------------------------------------------------------------


async def test_a_job_for_a_queue_of_rabbitmq_is_run_by_a_worker_there(rabbitmq: str, name: str) -> None:
    graph = line(pass_on)

    job_id = await produce(read_address(f"faststream+{rabbitmq}", name), Order(JOB))
    await run_one(create_faststream_worker(JobQueue(name), runner_of(graph), broker=rabbitmq), graph)

    assert job_id == "one"
    assert graph.ran == ["n0:7"]


async def test_a_job_for_a_subject_of_nats_is_run_by_a_worker_there(nats: str, name: str) -> None:
    graph = line(pass_on)

    job_id = await produce(read_address(f"faststream+{nats}?stream={name}", f"{name}.jobs"), Order(JOB))
    place = JobSubject(f"{name}.jobs", stream=name)
    await run_one(create_faststream_worker(place, runner_of(graph), broker=nats), graph)

    assert job_id == "one"
    assert graph.ran == ["n0:7"]


async def test_a_job_for_celery_is_a_message_in_its_queue(redis: str, rabbitmq: str, name: str) -> None:
    for url in (redis, rabbitmq):
        assert await produce(read_address(f"celery+{url}", name), Order(JOB, delay=60.0, priority=3)) == "one"

    with Redis.from_url(redis, decode_responses=True) as client:
        keys = client.keys(f"{name}*")  # of Kombu, one for each priority
        messages = [json.loads(message) for key in keys for message in client.lrange(key, 0, -1)]
        client.delete(*keys)
    async with await aio_pika.connect(rabbitmq) as connection, connection.channel() as channel:
        queue = await channel.get_queue(name)
        other = await queue.get(no_ack=True)
        await queue.delete()

    assert [message["headers"]["id"] for message in messages] == ["one"]
    assert json.loads(json.loads(base64.b64decode(messages[0]["body"]))[0][0]) == JOB.to_dict()
    assert other is not None
    assert (other.headers["id"], other.priority) == ("one", 3)
    assert other.headers["eta"] is not None


async def test_a_job_for_procrastinate_is_run_by_a_worker_there(postgres: str, name: str) -> None:
    graph = line(pass_on)
    await apply_schema(postgres)

    job_id = await produce(read_address(f"procrastinate+{postgres}", name), Order(JOB, delay=0.01, priority=3))
    await run_one(create_procrastinate_worker(name, runner_of(graph), connection=postgres), graph)

    assert job_id == "one"
    assert graph.ran == ["n0:7"]


async def test_a_database_that_cannot_be_reached_is_a_broker_that_cannot(name: str) -> None:
    with pytest.raises(CommandError, match="procrastinate has not taken the job") as raised:
        await produce(read_address("procrastinate+postgresql://127.0.0.1:1/shop", name), Order(JOB))

    assert raised.value.code == Exit.BROKER


async def test_a_queue_of_rabbitmq_is_of_a_kind_that_there_is() -> None:
    with pytest.raises(GraphError, match="kind is one of"):
        await produce(read_address("faststream+amqp://127.0.0.1:1?kind=clasic", "jobs"), Order(JOB))


async def test_a_subject_of_nats_is_in_a_stream() -> None:
    with pytest.raises(CommandError, match="which stream has the subject"):
        await produce(read_address("faststream+nats://127.0.0.1:1", "jobs"), Order(JOB))


@pytest.mark.parametrize("order", [Order(JOB, delay=1.0), Order(JOB, priority=1)])
async def test_an_option_that_the_broker_does_not_have_is_refused(order: Order) -> None:
    option = "delay" if order.delay else "priority"

    with pytest.raises(CommandError, match=f"faststream has no --{option}; leave it out"):
        await produce(read_address("faststream+amqp://127.0.0.1:1", "jobs"), order)
