"""Reading a row of Procrastinate: what it asks for, and what its run is called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import msgspec

from cnstra.errors import PayloadError
from cnstra.workers.deliveries import Dead
from cnstra.workers.job import JOB_NAME, StimulationJob

if TYPE_CHECKING:
    from cnstra.workers.procrastinate.client import Job

__all__ = ["Order", "order_of"]


@final
@dataclass(frozen=True, slots=True)
class Order:
    """What a job asks for.

    Attributes:
        data: A stimulation job as JSON, not looked into yet.
        run_id: The id of its run; ``None`` if the job does not say.
    """

    data: str | bytes
    run_id: str | None


class _Arguments(msgspec.Struct):
    job: msgspec.Raw
    schedule: str | None = None
    timestamp: int | None = None


class _Named(msgspec.Struct):
    stimulation_id: Any = msgspec.field(name="stimulationId", default=None)


def order_of(row: Job, queue: str) -> Order | Dead:
    """Return what a row of *queue* asks for, or why it can be nothing for us."""
    if row.task_name != JOB_NAME:
        return Dead(f"no worker of queue {queue!r} knows the task {row.task_name!r}: give other tasks another queue")
    stored: Any = row.task_kwargs
    try:
        arguments = msgspec.json.decode(stored, type=_Arguments)
        text = bytes(arguments.job)
        data = msgspec.json.decode(text, type=str) if text[:1] == b'"' else text
    except (msgspec.MsgspecError, RecursionError) as error:
        return Dead(f"its arguments have no stimulation job: {error}", error)
    if arguments.schedule is not None and arguments.timestamp is not None:
        run_id = f"{queue}-{arguments.schedule}-{arguments.timestamp}"
        return Order(_marked(data, arguments.schedule, arguments.timestamp), run_id)
    return Order(data, _run_id_in(data))


def _run_id_in(data: str | bytes) -> str | None:
    try:
        found = msgspec.json.decode(data, type=_Named).stimulation_id
    except (msgspec.MsgspecError, RecursionError):
        return None  # the handler finds out what is wrong with it
    return found if isinstance(found, str) else None


def _marked(data: str | bytes, schedule: str, timestamp: int) -> str | bytes:
    """Return a scheduled job with its schedule and its time in its metadata."""
    try:
        job = StimulationJob.from_json(data)
        return replace(job, metadata={"schedule": schedule, "timestamp": timestamp, **job.metadata}).to_json()
    except PayloadError:
        return data  # the same
