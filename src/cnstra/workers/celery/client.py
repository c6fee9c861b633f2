"""What is used of Celery and of Kombu: the one module that imports them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, cast

try:
    from celery import Celery, signals
    from celery.app.task import Task as CeleryTask
    from celery.exceptions import Reject, SoftTimeLimitExceeded
    from celery.exceptions import Retry as TriedAgain
    from celery.result import AsyncResult
    from kombu import Queue
    from kombu.pools import producers
except ImportError as missing:
    raise ImportError(f"workers on Celery need it: pip install 'cnstra[celery]' ({missing})") from missing

__all__ = [
    "AsyncResult",
    "Celery",
    "CeleryTask",
    "Producer",
    "Reject",
    "Request",
    "SoftTimeLimitExceeded",
    "Task",
    "TriedAgain",
    "confirming_producer",
    "direct_queue",
    "listen",
]

_CONFIRMING: Final = {"confirm_publish": True}
"""What has RabbitMQ say that it has a message; other brokers' clients pass over it."""


class Producer(Protocol):
    """Something that can publish messages."""


class Request(Protocol):
    """What Celery knows about the delivery of a task."""

    id: str
    retries: int


class Signature(Protocol):
    """A task that is ready to be sent."""

    def apply_async(self, **options: object) -> object:
        """Send it."""
        ...


class Task(Protocol):
    """A task, as it finds itself while it runs."""

    request: Request
    app: Celery

    def signature_from_request(self, request: Request, **options: object) -> Signature:
        """Return the task once more, with its id and all that belongs to it, for the queue that it came from."""
        ...


def confirming_producer(app: Celery) -> AbstractContextManager[Producer]:
    """Lend a producer that returns when the broker has a message, as far as the broker can tell."""
    connection = app.connection_for_write(transport_options=_CONFIRMING)
    return cast("AbstractContextManager[Producer]", producers[connection].acquire(block=True))


def direct_queue(name: str) -> object:
    """Return a queue that gets what is sent to it by its name."""
    return Queue(name, exchange="", routing_key=name)


def listen(**receivers: Callable[..., None]) -> None:
    """Have functions called when Celery sends a signal of their name, as long as the process lives."""
    known: Mapping[str, Any] = vars(signals)
    for name, receiver in receivers.items():
        known[name].connect(receiver, weak=False)
