"""Taking and answering jobs on a queue of RabbitMQ."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from math import ceil, log2
from typing import TYPE_CHECKING, Any, Final, assert_never, final

from aio_pika import DeliveryMode, Message
from aio_pika.exceptions import AMQPError, ChannelPreconditionFailed
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage, RabbitQueue

from cnstra.errors import GraphError
from cnstra.workers.deliveries import Dead, Delivery, Done, Outcome, Retry

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel

__all__ = ["REASON", "QueueLine"]

logger = logging.getLogger("cnstra")

REASON: Final = "cnstra-reason"
"""The header of a dead letter that says why it is one."""

_SHORTEST: Final = -3
"""The exponent of the shortest delay that has a queue: an eighth of a second."""
_LONGEST: Final = 21
"""The exponent of the longest one: 24 days, about as many milliseconds as every client can count."""
_TIMEOUT: Final = 5.0
_PAUSE: Final = 1.0
_LONGEST_REASON: Final = 1000
_TROUBLE: Final = (AMQPError, OSError, RuntimeError, TimeoutError)
"""What the client raises while there is no connection, or a channel is gone."""


@final
class QueueLine:
    """A line to a queue; see `Line`.

    RabbitMQ cannot put off a delivery, so a job that is to be tried again is published to a queue of those that wait
    about as long, from which it comes back when its time is over. It is acknowledged only when it is there.

    Args:
        broker: Where the queue is.
        queue: It.
        dead_letters: The queue for dead jobs.
        own_arguments: What that one is made with.
        retry_arguments: What queues are made with in which jobs wait.
        concurrency: How many jobs the broker hands over at once.
    """

    def __init__(
        self,
        broker: RabbitBroker,
        queue: RabbitQueue,
        *,
        dead_letters: str,
        own_arguments: Mapping[str, Any],
        retry_arguments: Mapping[str, Any],
        concurrency: int,
    ) -> None:
        self._broker = broker
        self._name = queue.name
        self._dead_letters = dead_letters
        self._own_arguments = dict(own_arguments)
        self._retry_arguments = dict(retry_arguments)
        self._subscriber = broker.subscriber(
            queue,
            channel=Channel(prefetch_count=concurrency),
            parser=_plain,
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
        )
        self._channel: AbstractChannel | None = None
        self._opening = asyncio.Lock()
        self._made: set[str] = set()
        self._messages: AsyncIterator[RabbitMessage] | None = None

    async def open(self) -> None:
        """Make what is not there; see `Line`."""
        try:
            await self._make(await self._open_channel(), self._dead_letters, self._own_arguments)
            if not self._subscriber.running:
                await self._subscriber.start()
        except ChannelPreconditionFailed as error:
            told = f"a queue is there already, and is another one than is wanted: {error}"
            raise GraphError(f"{told}; say so with declare=False, kind= or arguments=") from error

    async def take(self) -> Delivery | None:
        """Return the next delivery; see `Line`."""
        if self._messages is None:
            self._messages = aiter(self._subscriber)
        message = await anext(self._messages, None)
        if message is None:  # the channel is gone
            self._messages = None
            return None
        return self.delivery(message)

    def delivery(self, message: RabbitMessage) -> Delivery:
        """Return what a message delivers. Without an id of the producer's it has none: RabbitMQ gives it no name."""
        return Delivery(message.raw_message.message_id, message.raw_message.body, message=message)

    async def answer(self, delivery: Delivery, outcome: Outcome) -> None:
        """Do with a delivery what came out; see `Line`."""
        message: RabbitMessage = delivery.message
        try:
            match outcome:
                case Done():
                    await message.ack()
                case Retry(after=after) if after <= 0:
                    await message.nack(requeue=True)
                case Retry(after=after):
                    await self._put_off(message, after)
                case Dead(reason=reason):
                    await self._bury(message, reason)
                case _:
                    assert_never(outcome)
        except _TROUBLE as error:
            logger.warning("job %s was not answered, and is delivered again: %r", delivery.job_id, error)
            await self._return(message)

    async def stop(self) -> None:
        """End the subscription, and give back what has come by it; see `Line`."""
        with suppress(*_TROUBLE):
            if self._messages is not None:
                await self._messages.aclose()  # type: ignore[attr-defined]  # FastStream makes it by a generator
            await self._subscriber.stop()

    async def close(self) -> None:
        """Close the channel of the answers; see `Line`."""
        if self._channel is not None:
            await self._discard(self._channel)

    # ---- moving jobs -----------------------------------------------------------------------------------------

    async def _put_off(self, message: RabbitMessage, seconds: float) -> None:
        """Have a job come back after so many seconds, and before twice as many.

        In a queue of those that wait for up to 2, 4, 8, ... seconds each leaves when its own time is over, or when
        those before it are gone.
        """
        step = min(max(ceil(log2(seconds)), _SHORTEST), _LONGEST)
        name = f"{self._name}.retry.{2**step}s"
        copy = _copy(message, {})
        copy.expiration = min(seconds, 2.0**step)
        await self._move(message, copy, name, self._retry_arguments)

    async def _bury(self, message: RabbitMessage, reason: str) -> None:
        told = {REASON: " ".join(reason.split())[:_LONGEST_REASON]}
        await self._move(message, _copy(message, told), self._dead_letters, self._own_arguments)

    async def _move(self, message: RabbitMessage, copy: Message, name: str, arguments: Mapping[str, Any]) -> None:
        """Publish a message to another queue, and acknowledge it when the broker has it there."""
        channel = await self._open_channel()
        try:
            async with asyncio.timeout(_TIMEOUT):
                if name not in self._made:
                    await self._make(channel, name, arguments)
                await channel.default_exchange.publish(copy, name)
        except _TROUBLE:  # on a channel that has lost one confirmation, the others wait behind it for ever
            await self._discard(channel)
            raise
        await message.ack()

    async def _make(self, channel: AbstractChannel, name: str, arguments: Mapping[str, Any]) -> None:
        await channel.declare_queue(name, durable=True, arguments=dict(arguments))
        self._made.add(name)

    async def _open_channel(self) -> AbstractChannel:
        """Return the channel of the answers, which confirms what is published, and sends back what has no queue."""
        async with self._opening:
            if self._channel is None:
                connection = await self._broker.connect()
                async with asyncio.timeout(_TIMEOUT):
                    self._channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            return self._channel

    async def _discard(self, channel: AbstractChannel) -> None:
        if self._channel is channel:
            self._channel = None
            self._made.clear()
        with suppress(*_TROUBLE):
            async with asyncio.timeout(_PAUSE):
                await channel.close()

    async def _return(self, message: RabbitMessage) -> None:
        """Have a job delivered again whose answer has failed; with a connection that is gone it is anyway."""
        await asyncio.sleep(_PAUSE)  # it may fail again
        with suppress(*_TROUBLE):
            await message.raw_message.nack(requeue=True)


def _copy(message: RabbitMessage, headers: Mapping[str, Any]) -> Message:
    """Return a message to be published that is like one that was delivered, with further headers."""
    raw = message.raw_message
    return Message(
        raw.body,
        headers={**{name: value for name, value in raw.headers.items() if name != "x-death"}, **headers},
        content_type=raw.content_type,
        content_encoding=raw.content_encoding,
        delivery_mode=DeliveryMode.PERSISTENT,
        priority=raw.priority,
        correlation_id=raw.correlation_id,
        message_id=raw.message_id,
        timestamp=raw.timestamp,
        type=raw.type,
        app_id=raw.app_id,
    )


async def _plain(raw: Any, parse: Callable[[Any], Awaitable[RabbitMessage]]) -> RabbitMessage:
    """Read a message as it came, whatever the broker's own parser does with those of the application."""
    return await parse(raw)
