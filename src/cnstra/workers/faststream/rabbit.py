"""Jobs on a queue of RabbitMQ."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, final

try:
    from aio_pika import DeliveryMode, Message
    from aio_pika.exceptions import PublishError
    from aiormq.abc import DeliveredMessage
    from faststream.rabbit import RabbitBroker, RabbitQueue
except ImportError as missing:
    wanted = "pip install 'cnstra[faststream]' 'faststream[rabbit]'"
    raise ImportError(f"workers on RabbitMQ need FastStream and its client: {wanted} ({missing})") from missing

from cnstra.durable.arguments import one_of
from cnstra.errors import GraphError
from cnstra.workers.faststream.rabbit_line import QueueLine
from cnstra.workers.job import JOB_NAME

__all__ = ["JobQueue", "Kind"]

logger = logging.getLogger("cnstra")

Kind: TypeAlias = Literal["quorum", "classic"]
"""What a queue is made as."""

_RECONNECT: Final = 0.5
_TIMEOUT: Final = 30.0


@final
class JobQueue:
    """A durable queue, with a queue for its dead letters and queues in which jobs wait for their next try.

    Args:
        name: Of the queue. Jobs are published to it by the default exchange; bind it to others if you like.
        kind: ``"quorum"`` is replicated in a cluster; all queues that are made here are of this kind.
        dead_letters: The queue where dead jobs are put; ``NAME.dead`` unless given.
        declare: Whether the queue is made here; else it must be there, and what it is made as is its owner's affair.
            The others are always made, when they are needed.
        arguments: Further arguments of the queue, such as ``x-max-priority`` or ``x-delivery-limit``.

    Raises:
        GraphError: If an option makes no sense.
    """

    def __init__(
        self,
        name: str,
        *,
        kind: Kind = "quorum",
        dead_letters: str | None = None,
        declare: bool = True,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        if not name:
            raise GraphError("a queue for jobs needs a name")
        one_of(kind, Kind, "kind")
        self.name = name
        self.dead_letters = dead_letters or f"{name}.dead"
        self._kind: Kind = kind
        self._declare = declare
        self._arguments = dict(arguments or {})

    def connect(self, url: str) -> RabbitBroker:
        """Return a broker that stands any number of outages, not connected yet."""
        return RabbitBroker(url, reconnect_interval=_RECONNECT, logger=logger, log_level=logging.DEBUG)

    def line(self, broker: RabbitBroker, *, concurrency: int = 10) -> QueueLine:
        """Return a line to this queue, not open yet; see `Place`."""
        return QueueLine(
            broker,
            self._queue(),
            dead_letters=self.dead_letters,
            own_arguments={"x-queue-type": self._kind},
            retry_arguments=self._arguments_to(self.name),
            concurrency=concurrency,
        )

    async def publish(self, broker: RabbitBroker, data: bytes, job_id: str) -> None:
        """Put a job there, and return when the broker has it; see `Place`.

        Raises:
            PublishError: If there is no such queue.
            TimeoutError: If the broker does not confirm it within half a minute; it may have it all the same.
        """
        await broker.connect()
        if self._declare:
            await broker.declare_queue(self._queue())  # FastStream asks the broker once
        message = Message(
            data,
            message_id=job_id,
            type=JOB_NAME,
            content_type="application/json",
            delivery_mode=DeliveryMode.PERSISTENT,
        )
        confirmed: object = await broker.publish(message, self.name, timeout=_TIMEOUT)
        if isinstance(confirmed, DeliveredMessage):  # it came back
            raise PublishError(confirmed, confirmed.delivery)

    def _queue(self) -> RabbitQueue:
        arguments: Any = {**self._arguments_to(self.dead_letters), **self._arguments}  # its type knows only some keys
        return RabbitQueue(self.name, declare=self._declare, arguments=arguments)

    def _arguments_to(self, other: str) -> dict[str, Any]:
        """Return arguments by which a queue sends what dies in it to another one, and does not lose it on the way."""
        sends = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": other}
        if self._kind == "classic":
            return {"x-queue-type": "classic", **sends}
        safely = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
        return {"x-queue-type": "quorum", **sends, **safely}
