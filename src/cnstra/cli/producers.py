"""Handing a job to the broker that an address names; the library of a broker is loaded when it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final
from urllib.parse import parse_qsl, urlencode, urlsplit

from cnstra.cli.ending import CommandError, Exit
from cnstra.errors import CNSError, StoreError
from cnstra.workers.job import StimulationJob
from cnstra.workers.judging import text_of

if TYPE_CHECKING:
    from cnstra.workers.faststream.ports import BrokerT, Place

__all__ = ["Address", "Order", "produce", "read_address"]

_PATIENCE: Final = 30.0
"""Seconds that a broker gets to take a job."""


@final
@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is.

    Attributes:
        broker: Which adapter.
        url: The address that its client takes.
        queue: Which queue there.
        parameters: What else was said of it.
    """

    broker: str
    url: str = field(repr=False)  # there may be a password in it
    queue: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True)
class Order:
    """What is to be handed over.

    Attributes:
        job: The job; it has the id of its run, if one was asked for.
        delay: Seconds before it is delivered.
        priority: As the broker counts them; ``None`` for its default.
    """

    job: StimulationJob
    delay: float = 0.0
    priority: int | None = None


Producing: TypeAlias = Callable[[Address, Order], Awaitable[str]]
"""Hands a job over, and returns its id."""


@final
@dataclass(frozen=True, slots=True)
class Producer:
    """How jobs get to one kind of broker.

    Attributes:
        produce: Hands one over.
        schemes: Of the addresses that its client takes.
        example: Of an address.
        has: Which options of an order the broker knows.
        parameters: What an address may say besides the queue.
    """

    produce: Producing
    schemes: frozenset[str]
    example: str
    has: frozenset[str] = frozenset({"delay", "priority"})
    parameters: frozenset[str] = frozenset()


def read_address(text: str, queue: str | None) -> Address:
    """Return what ``BROKER+URL?queue=NAME`` says.

    Args:
        text: An address such as ``bullmq+redis://localhost:6379/0?queue=imports``.
        queue: Goes before the one in the address.

    Raises:
        CommandError: If there is no such broker, or something is missing or too much.
    """
    broker, producer = _producer_of(text)
    bare, _, query = text.partition("+")[2].partition("?")
    parts = urlsplit(bare)
    if parts.scheme not in producer.schemes or not (parts.netloc or parts.path):
        raise CommandError(f"this is no address of {broker}; write one such as {producer.example}")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    named = queue or asked.pop("queue", None)
    asked.pop("queue", None)
    if not named:
        raise CommandError(f"which queue? say --queue NAME, or end the address with ?queue=NAME: {producer.example}")
    ours = {key: value for key, value in asked.items() if key in producer.parameters}
    theirs = {key: value for key, value in asked.items() if key not in producer.parameters}
    return Address(broker, f"{bare}?{urlencode(theirs)}" if theirs else bare, named, ours)


async def produce(address: Address, order: Order) -> str:
    """Hand a job to a broker, and return its id.

    Raises:
        CommandError: If the broker does not know an option, its library is missing, or it cannot be reached.
        CNSError: If an option makes no sense to it.
    """
    producer = _PRODUCERS[address.broker]
    wanted = {"delay": order.delay > 0, "priority": order.priority is not None}
    for name, is_wanted in wanted.items():
        if is_wanted and name not in producer.has:
            raise CommandError(f"{address.broker} has no --{name}; leave it out")
    try:
        async with asyncio.timeout(_PATIENCE):
            return await producer.produce(address, order)
    except StoreError as error:  # of a broker that is in a database
        raise CommandError(f"{address.broker} has not taken the job: {error}", Exit.BROKER) from error
    except CNSError:
        raise
    except ImportError as error:
        raise CommandError(str(error)) from error
    except Exception as error:
        problem = f"it did not answer within {_PATIENCE:g} s" if isinstance(error, TimeoutError) else text_of(error)
        raise CommandError(f"{address.broker} has not taken the job: {problem}", Exit.BROKER) from error


def _producer_of(text: str) -> tuple[str, Producer]:
    broker, plus, _ = text.partition("://")[0].partition("+")
    known = ", ".join(one.example for one in _PRODUCERS.values())
    if not plus:
        raise CommandError(f"an address of a broker begins with the adapter's name; write one such as {known}")
    if broker not in _PRODUCERS:
        raise CommandError(f"there is no broker {broker!r} here; write an address such as {known}")
    return broker, _PRODUCERS[broker]


# ---- the brokers -----------------------------------------------------------------------------------------------


async def _to_bullmq(address: Address, order: Order) -> str:
    from cnstra.workers.bullmq import enqueue, open_queue  # noqa: PLC0415 - its client is an extra

    prefix = address.parameters.get("prefix", "bull")
    async with open_queue(address.queue, connection=address.url, prefix=prefix) as queue:
        return await enqueue(queue, order.job, delay=order.delay, priority=order.priority or 0)


async def _to_faststream(address: Address, order: Order) -> str:
    asked = address.parameters
    if address.url.startswith("nats"):
        from cnstra.workers.faststream.nats import JobSubject  # noqa: PLC0415 - the same

        if "stream" not in asked:
            raise CommandError("which stream has the subject? say so in the address: ?queue=SUBJECT&stream=STREAM")
        return await _publish(JobSubject(address.queue, stream=asked["stream"]), address.url, order.job)
    from cnstra.workers.faststream.rabbit import JobQueue  # noqa: PLC0415 - the same

    kind: Any = asked.get("kind", "quorum")  # which the queue checks
    return await _publish(JobQueue(address.queue, kind=kind), address.url, order.job)


async def _publish(place: Place[BrokerT], url: str, job: StimulationJob) -> str:
    from cnstra.workers.faststream import enqueue_job  # noqa: PLC0415 - the same

    broker = place.connect(url)
    try:
        return await enqueue_job(broker, job, to=place)
    finally:
        await broker.stop()


async def _to_celery(address: Address, order: Order) -> str:
    from cnstra.workers.celery import TASK_NAME, enqueue_job  # noqa: PLC0415 - the same
    from cnstra.workers.celery.client import Celery  # noqa: PLC0415 - the same

    def send() -> str:
        task = address.parameters.get("task", TASK_NAME)
        with Celery(broker=address.url, set_as_current=False) as app:
            result = enqueue_job(
                app,
                order.job,
                task=task,
                countdown=order.delay or None,
                queue=address.queue,
                priority=order.priority,
                retry=False,  # whoever has called may call again
            )
            return str(result.id)

    return await asyncio.to_thread(send)


async def _to_procrastinate(address: Address, order: Order) -> str:
    from cnstra.workers.procrastinate import enqueue, open_queue  # noqa: PLC0415 - the same

    async with open_queue(address.queue, connection=address.url) as queue:
        later, priority = order.delay or None, order.priority or 0
        job_id = await enqueue(queue, order.job, schedule_in=later, priority=priority)
    return str(job_id)  # there is always one, since nothing was said of a queueing lock


_PRODUCERS: Final[Mapping[str, Producer]] = {
    "bullmq": Producer(
        _to_bullmq,
        frozenset({"redis", "rediss", "unix"}),
        "bullmq+redis://localhost:6379/0?queue=imports",
        parameters=frozenset({"prefix"}),
    ),
    "celery": Producer(
        _to_celery,
        frozenset({"amqp", "amqps", "redis", "rediss"}),
        "celery+amqp://localhost:5672?queue=celery",
        parameters=frozenset({"task"}),
    ),
    "faststream": Producer(
        _to_faststream,
        frozenset({"amqp", "amqps", "nats", "tls"}),
        "faststream+amqp://localhost:5672?queue=imports",
        has=frozenset(),
        parameters=frozenset({"stream", "kind"}),
    ),
    "procrastinate": Producer(
        _to_procrastinate,
        frozenset({"postgresql", "postgres"}),
        "procrastinate+postgresql://localhost/shop?queue=imports",
    ),
}
