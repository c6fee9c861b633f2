"""Options of jobs, as BullMQ wants them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, final

from cnstra.durable.arguments import one_of, seconds, whole
from cnstra.durable.retention import Keep
from cnstra.errors import GraphError

__all__ = ["DEFAULT_BACKOFF", "KEPT", "Backoff", "RateLimit", "job_options", "kept", "milliseconds"]

Growth: TypeAlias = Literal["fixed", "exponential"]

_LOWEST_PRIORITY: Final = 2**21 - 1


@final
@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a job rests after a failure.

    Attributes:
        delay: Seconds after the first failure.
        growth: ``"exponential"`` doubles the delay with each further failure.
        jitter: Which part of a delay is left to chance, from 0 to 1.

    Raises:
        GraphError: If one makes no sense.
    """

    delay: float = 1.0
    growth: Growth = "exponential"
    jitter: float = 0.0

    def __post_init__(self) -> None:
        seconds(self.delay, "delay", least=0)
        one_of(self.growth, Growth, "growth")
        if not 0 <= self.jitter <= 1:
            raise GraphError(f"jitter must be from 0 to 1, not {self.jitter!r}")


@final
@dataclass(frozen=True, slots=True)
class RateLimit:
    """How many jobs of a queue may be started, on all workers together that have this limit.

    Attributes:
        jobs: No more than so many
        every: within so many seconds.

    Raises:
        GraphError: If one makes no sense.
    """

    jobs: int
    every: float = 1.0

    def __post_init__(self) -> None:
        whole(self.jobs, "jobs", 1)
        seconds(self.every, "every")


DEFAULT_BACKOFF: Final = Backoff(jitter=0.2)
KEPT: Final = Keep(count=1000)
"""Which jobs that are done are kept unless something else is said: the latest 1000."""


def job_options(
    *,
    job_id: str,
    attempts: int,
    backoff: Backoff | None,
    delay: float,
    priority: int,
    lifo: bool,
    deduplication_id: str | None,
    deduplication_ttl: float | None,
    keep_completed: Keep | None,
    keep_failed: Keep | None,
) -> dict[str, Any]:
    """Return the options of a job; see `enqueue`.

    Raises:
        GraphError: If one makes no sense, or Node's BullMQ would refuse it.
    """
    options: dict[str, Any] = {
        "jobId": _portable(job_id),
        "attempts": whole(attempts, "attempts", 1),
        "delay": milliseconds(seconds(delay, "delay", least=0)),
        "removeOnComplete": kept(keep_completed),
        "removeOnFail": kept(keep_failed),
    }
    if backoff is not None:
        options["backoff"] = {
            "type": backoff.growth,
            "delay": milliseconds(backoff.delay),
            "jitter": backoff.jitter,
        }
    if whole(priority, "priority", 0, _LOWEST_PRIORITY):
        options["priority"] = priority
    if lifo:
        options["lifo"] = True
    if deduplication_id is not None:
        options["deduplication"] = {"id": deduplication_id}
        if deduplication_ttl is not None:
            options["deduplication"]["ttl"] = milliseconds(seconds(deduplication_ttl, "deduplication_ttl"))
    elif deduplication_ttl is not None:
        raise GraphError("a deduplication_ttl needs a deduplication_id")
    return options


def kept(keep: Keep | None) -> bool | dict[str, int]:
    """Return which jobs are removed at their end; ``False`` for none."""
    if keep is None:
        return False
    limits: dict[str, int] = {}
    if keep.age is not None:
        limits["age"] = int(keep.age)
    if keep.count is not None:
        limits["count"] = keep.count
    return limits or False


def milliseconds(duration: float) -> int:
    """Return seconds in milliseconds."""
    return round(duration * 1000)


def _portable(job_id: str) -> str:
    """Return an id that BullMQ takes in any language."""
    if not isinstance(job_id, str) or not job_id or "\0" in job_id:
        raise GraphError(f"a job_id is a string that is not empty, not {job_id!r}")
    if ":" in job_id:
        raise GraphError(f"the job_id {job_id!r} has a colon, which Node's BullMQ refuses: use another separator")
    if job_id.lstrip("-").isdecimal():
        raise GraphError(f"the job_id {job_id!r} is a number; BullMQ numbers jobs itself: put something before it")
    return job_id
