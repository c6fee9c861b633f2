"""What a broker must bring to be worked on: a place where jobs are, and a line to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from cnstra.workers.deliveries import Delivery, Outcome

__all__ = ["Broker", "Line", "LineLost", "Place"]


class LineLost(Exception):
    """The broker's client has given up its connection for good: the worker can only end, and be started again."""


class Broker(Protocol):
    """A broker of FastStream."""

    async def connect(self) -> object:
        """Connect, unless it is connected."""

    async def start(self) -> None:
        """Connect, and start the subscribers."""

    async def stop(self) -> None:
        """Stop the subscribers, and disconnect."""


BrokerT = TypeVar("BrokerT", bound=Broker)


class Line(Protocol):
    """One place on one broker, as a worker uses it."""

    async def open(self) -> None:
        """Make whatever must be there, once the broker is connected.

        Raises:
            GraphError: If what is there does not fit.
        """

    async def take(self) -> Delivery | None:
        """Return the next delivery; ``None`` if there was none for about a second. It may be cancelled.

        Raises:
            LineLost: If there is no hope.
        """
        ...

    async def answer(self, delivery: Delivery, outcome: Outcome) -> None:
        """Do with a delivery what came out; what does not get through is logged, and delivered again."""

    async def stop(self) -> None:
        """Take no more, and give back what was taken and not handed out; `take` must have ended."""

    async def close(self) -> None:
        """Let go of what `open` has made, when every delivery is answered."""


class Place(Protocol[BrokerT]):
    """Where jobs are: a queue, or a subject of a stream."""

    def connect(self, url: str) -> BrokerT:
        """Return a broker that stands any number of outages, not connected yet."""
        ...

    def line(self, broker: BrokerT, *, concurrency: int = 10) -> Line:
        """Return a line to this place, not open yet; the broker gets a subscriber.

        Args:
            broker: Connected before the line is opened.
            concurrency: How many deliveries are in hand at once.
        """
        ...

    async def publish(self, broker: BrokerT, data: bytes, job_id: str) -> None:
        """Put a job there, and return when the broker has it on disk.

        Raises:
            PayloadError: If it is larger than the broker takes.
        """
