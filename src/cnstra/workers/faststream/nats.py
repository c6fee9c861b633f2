"""Jobs on a subject of NATS JetStream."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

try:
    from faststream.nats import NatsBroker
    from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StorageType, StreamConfig
    from nats.js.errors import BadRequestError, NoStreamResponseError, NotFoundError
except ImportError as missing:
    wanted = "pip install 'cnstra[faststream]' 'faststream[nats]'"
    raise ImportError(f"workers on NATS need FastStream and its client: {wanted} ({missing})") from missing

from cnstra.durable.arguments import seconds, whole
from cnstra.errors import GraphError, PayloadError
from cnstra.workers.faststream.nats_line import JOB_ID, SubjectLine, size_with

if TYPE_CHECKING:
    from nats.js import JetStreamContext

__all__ = ["JobSubject"]

logger = logging.getLogger("cnstra")

_FOR_EVER = -1
_DUPLICATES = 120.0
"""Seconds for which a stream drops a second job of the same id."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    stream: str
    durable: str
    ack_wait: float
    dead_letters: str
    declare: bool
    replicas: int


@final
class JobSubject:
    """A subject of a stream, from which the workers take jobs by one durable consumer.

    Args:
        subject: Where jobs are published.
        stream: The stream that has them. If there is none of that name it is made, on disk, and drops what is done.
        durable: The name of the consumer that all workers share.
        ack_wait: Seconds after which the job of a worker that is gone is delivered to another one. A thread tells the
            server that jobs are being worked on, so that a handler may block the event loop.
        dead_letters: The subject where dead jobs are put; ``SUBJECT.dead`` unless given. If no stream has it, one is
            made that does: ``STREAM-dead``.
        declare: Whether streams and consumer are made here, or changed to fit; else they must be there.
        replicas: On how many servers of a cluster the streams that are made here are kept.

    Raises:
        GraphError: If an option makes no sense.
    """

    def __init__(
        self,
        subject: str,
        *,
        stream: str,
        durable: str = "cnstra",
        ack_wait: float = 30.0,
        dead_letters: str | None = None,
        declare: bool = True,
        replicas: int = 1,
    ) -> None:
        if not subject or any(one in subject for one in " *>"):
            raise GraphError(f"a subject for jobs has no blanks and no wildcards, unlike {subject!r}")
        self.subject = subject
        self._options = _Options(
            stream=stream,
            durable=durable,
            ack_wait=seconds(ack_wait, "ack_wait", least=0.1),
            dead_letters=dead_letters or f"{subject}.dead",
            declare=declare,
            replicas=whole(replicas, "replicas", 1),
        )

    @property
    def stream(self) -> str:
        """The stream that has the jobs."""
        return self._options.stream

    @property
    def dead_letters(self) -> str:
        """The subject where dead jobs are put."""
        return self._options.dead_letters

    def connect(self, url: str) -> NatsBroker:
        """Return a broker that stands any number of outages, not connected yet."""
        return NatsBroker(
            url, max_reconnect_attempts=_FOR_EVER, reconnect_time_wait=1, logger=logger, log_level=logging.DEBUG
        )

    def line(self, broker: NatsBroker, *, concurrency: int = 10) -> SubjectLine:  # noqa: ARG002 - jobs come one by one
        """Return a line to this subject, not open yet; see `Place`."""
        options = self._options
        return SubjectLine(
            broker,
            self.subject,
            stream=options.stream,
            consumer=self._consumer(),
            dead_letters=options.dead_letters,
            ack_wait=options.ack_wait,
            declare=self.declare,
        )

    async def publish(self, broker: NatsBroker, data: bytes, job_id: str) -> None:
        """Put a job there, and return when it is on disk; see `Place`."""
        client = await broker.connect()
        headers = {"Nats-Msg-Id": job_id, JOB_ID: job_id, "content-type": "application/json"}
        if size_with(headers, data) > client.max_payload:
            problem = (
                f"{len(data):,} bytes are more than this server takes, whose max_payload is {client.max_payload:,}"
            )
            raise PayloadError("job", "$", f"{problem}: store the bulk elsewhere and send a reference")
        jetstream = client.jetstream()
        try:
            await jetstream.publish(self.subject, data, stream=self._options.stream, headers=headers)
        except NoStreamResponseError:
            if not self._options.declare:
                raise
            await self._declare_streams(jetstream)
            await jetstream.publish(self.subject, data, stream=self._options.stream, headers=headers)

    async def declare(self, jetstream: JetStreamContext) -> None:
        """Make what is not there yet, and have the consumer as it is wanted.

        Raises:
            GraphError: If what is there does not fit.
        """
        options = self._options
        if not options.declare:
            return
        await self._declare_streams(jetstream)
        try:
            await jetstream.add_consumer(options.stream, self._consumer())
        except BadRequestError as error:
            told = f"the stream {options.stream!r} cannot have the consumer {options.durable!r}: {error.description}"
            raise GraphError(told) from error

    async def _declare_streams(self, jetstream: JetStreamContext) -> None:
        options = self._options
        try:
            await jetstream.stream_info(options.stream)
        except NotFoundError:
            await jetstream.add_stream(self._new_stream(options.stream, self.subject, RetentionPolicy.WORK_QUEUE))
        if await _stream_of(jetstream, self.subject) != options.stream:
            raise GraphError(f"the stream {options.stream!r} does not have the subject {self.subject!r}: add it there")
        if await _stream_of(jetstream, options.dead_letters) is None:
            name = f"{options.stream}-dead"
            await jetstream.add_stream(self._new_stream(name, options.dead_letters, RetentionPolicy.LIMITS))

    def _new_stream(self, name: str, subject: str, retention: RetentionPolicy) -> StreamConfig:
        return StreamConfig(
            name=name,
            subjects=[subject],
            retention=retention,
            storage=StorageType.FILE,
            duplicate_window=_DUPLICATES,
            num_replicas=self._options.replicas,
        )

    def _consumer(self) -> ConsumerConfig:
        """Return the consumer: it delivers for as long as it takes, and what waits for its retry holds up nobody."""
        return ConsumerConfig(
            name=self._options.durable,
            durable_name=self._options.durable,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._options.ack_wait,
            max_deliver=_FOR_EVER,
            max_ack_pending=_FOR_EVER,
            filter_subject=self.subject,
        )


async def _stream_of(jetstream: JetStreamContext, subject: str) -> str | None:
    try:
        return await jetstream.find_stream_name_by_subject(subject)
    except NotFoundError:
        return None
