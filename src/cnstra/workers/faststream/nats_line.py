"""Taking and answering jobs on a subject of NATS JetStream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, assert_never, final

from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from nats.errors import Error as NatsError
from nats.js.errors import NoStreamResponseError, ServiceUnavailableError

from cnstra.workers.deliveries import Dead, Delivery, Done, Outcome, Retry
from cnstra.workers.faststream.nats_keeper import AckKeeper
from cnstra.workers.faststream.ports import LineLost

if TYPE_CHECKING:
    from nats.js import JetStreamContext
    from nats.js.api import ConsumerConfig

__all__ = ["JOB_ID", "REASON", "SubjectLine", "size_with"]

logger = logging.getLogger("cnstra")

JOB_ID: Final = "cnstra-job-id"
"""The header with the id of a job; that for duplicates holds only for two minutes."""
REASON: Final = "cnstra-reason"
"""The header of a dead letter that says why it is one."""

_LOOK: Final = 1.0
"""Seconds that one look for a job lasts."""
_TIMEOUT: Final = 5.0
_LATER: Final = 5.0
"""Seconds until a dead job comes back that could not be put with the dead letters."""
_LONGEST_REASON: Final = 1000


@final
class SubjectLine:
    """A line to a subject; see `Line`.

    Args:
        broker: Where the subject is.
        subject: Where jobs are published.
        stream: The stream that has it.
        consumer: What delivers them.
        dead_letters: The subject for dead jobs.
        ack_wait: For how many seconds the server leaves a job to a worker that says nothing.
        declare: Makes what is not there.
    """

    def __init__(
        self,
        broker: NatsBroker,
        subject: str,
        *,
        stream: str,
        consumer: ConsumerConfig,
        dead_letters: str,
        ack_wait: float,
        declare: Callable[[JetStreamContext], Awaitable[None]],
    ) -> None:
        self._broker = broker
        self._dead_letters = dead_letters
        self._declare = declare
        self._subscriber = broker.subscriber(
            subject,
            stream=JStream(stream, declare=False),
            durable=consumer.durable_name,
            config=consumer,
            pull_sub=PullSub(),
            parser=_plain,
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
        )
        self._keeper = AckKeeper(broker, ack_wait)
        self._taking: asyncio.Task[NatsMessage | None] | None = None

    async def open(self) -> None:
        """Make what is not there; see `Line`."""
        await self._declare((await self._broker.connect()).jetstream())
        if not self._subscriber.running:
            await self._subscriber.start()
        self._keeper.start()

    async def take(self) -> Delivery | None:
        """Return the next delivery; see `Line`."""
        client = await self._broker.connect()
        if client.is_closed:
            raise LineLost(
                "the client has given up its connection to NATS: it was told to, or the server has refused it"
            )
        if not client.is_connected:  # requests that are made now would all be sent when it is back
            await asyncio.sleep(_LOOK / 10)
            return None
        if self._taking is None:
            self._taking = asyncio.create_task(self._subscriber.get_one(timeout=_LOOK), name="cnstra-fetch")
        try:
            message = await asyncio.shield(self._taking)
        except ServiceUnavailableError:  # the server starts, or the consumer is gone
            self._taking = None
            await self._declare(client.jetstream())
            return None
        except Exception:
            self._taking = None
            raise
        self._taking = None
        return None if message is None else self.delivery(message)

    def delivery(self, message: NatsMessage) -> Delivery:
        """Return what a message delivers; the server is told from now on that it is being worked on."""
        raw = message.raw_message
        self._keeper.hold(raw.reply)
        return Delivery(_job_id(message), raw.data, message=message)

    async def answer(self, delivery: Delivery, outcome: Outcome) -> None:
        """Do with a delivery what came out; see `Line`."""
        message: NatsMessage = delivery.message
        self._keeper.release(message.raw_message.reply)
        try:
            match outcome:
                case Done():
                    await message.ack()
                case Retry(after=after):
                    await message.nack(after or None)
                case Dead(reason=reason):
                    await self._bury(delivery, reason)
                case _:
                    assert_never(outcome)
        except (NatsError, TimeoutError) as error:
            logger.warning("job %s was not answered, and is delivered again: %r", delivery.job_id, error)

    async def stop(self) -> None:
        """Give back what comes by the request that is under way; see `Line`."""
        if self._taking is not None:
            with suppress(NatsError, TimeoutError):
                message = await self._taking
                if message is not None:
                    await message.nack()
        with suppress(NatsError):
            await self._subscriber.stop()

    async def close(self) -> None:
        """Leave the acknowledgements alone; see `Line`."""
        await self._keeper.stop()

    async def _bury(self, delivery: Delivery, reason: str) -> None:
        """Put a job with the dead letters, and only then take it from the stream."""
        message: NatsMessage = delivery.message
        raw = message.raw_message
        client = await self._broker.connect()
        kept = {name: value for name, value in (raw.headers or {}).items() if not name.lower().startswith("nats-")}
        kept |= {"Nats-Msg-Id": f"dead-{_place_of(message)}"}
        if delivery.job_id is not None:
            kept[JOB_ID] = delivery.job_id
        told = {**kept, REASON: " ".join(reason.split())[:_LONGEST_REASON].encode("ascii", "replace").decode()}
        fitting = (one for one in (told, kept, raw.headers) if size_with(one, raw.data) <= client.max_payload)
        try:
            await client.jetstream().publish(
                self._dead_letters, raw.data, timeout=_TIMEOUT, headers=next(fitting, None)
            )
        except (NatsError, TimeoutError) as error:
            logger.warning("job %s is dead, and could not be put with the dead letters: %r", delivery.job_id, error)
            await message.nack(_LATER)
            if isinstance(error, NoStreamResponseError):  # somebody has deleted the stream
                await self._declare(client.jetstream())
        else:
            await message.reject()


def size_with(headers: Mapping[str, str] | None, data: bytes) -> int:
    """Return the size of a message as the server counts it, which ends the connection if it is more than it takes."""
    if not headers:
        return len(data)
    return len(data) + 12 + sum(len(name.encode()) + len(value.encode()) + 4 for name, value in headers.items())


def _job_id(message: NatsMessage) -> str:
    """Return the id of a job: that of its producer, or where it is in the stream, which does not change."""
    headers = message.raw_message.headers or {}
    return headers.get(JOB_ID) or headers.get("Nats-Msg-Id") or _place_of(message)


def _place_of(message: NatsMessage) -> str:
    """Return where and when a message was stored: numbers begin again in a stream that was deleted."""
    metadata = message.raw_message.metadata
    return f"{metadata.stream}-{metadata.sequence.stream}-{int(metadata.timestamp.timestamp() * 1000)}"


async def _plain(raw: Any, parse: Callable[[Any], Awaitable[NatsMessage]]) -> NatsMessage:
    """Read a message as it came, whatever the broker's own parser does with those of the application."""
    return await parse(raw)
