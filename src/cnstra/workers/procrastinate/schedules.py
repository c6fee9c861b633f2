"""Jobs that are added by the clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from cnstra.durable.arguments import whole
from cnstra.errors import GraphError
from cnstra.workers.job import JOB_NAME, StimulationJob
from cnstra.workers.judging import text_of
from cnstra.workers.procrastinate.client import App, PeriodicDeferrer, PeriodicTask, new_app
from cnstra.workers.procrastinate.queues import lock_name

__all__ = ["Schedule", "app_with", "defer_always"]

logger = logging.getLogger("cnstra")

_LONGEST_ID: Final = 128
_PAUSE: Final = 1.0
_QUIET: Final = 60.0


@final
@dataclass(frozen=True, slots=True)
class Schedule:
    """A job that is added again and again, once each time, however many workers know of it.

    Its runs are called by queue, name and time, ``orders-nightly-1790000000``, and find both in ``ctx.metadata``:
    ``{"schedule": "nightly", "timestamp": 1790000000}``.

    Attributes:
        name: Different from that of any other schedule of the queue.
        cron: When: minute, hour, day of the month, month, day of the week, and if wanted second, in UTC.
        job: What is added; without a ``stimulation_id``, since each time is a run of its own.
        priority: As in `enqueue`, like the next two.
        lock: Jobs with the same lock run one after the other.
        queueing_lock: While a job with the same one waits, this one is left out.

    Raises:
        GraphError: If one makes no sense.
    """

    name: str
    cron: str
    job: StimulationJob
    priority: int = 0
    lock: str | None = None
    queueing_lock: str | None = None

    def __post_init__(self) -> None:
        lock_name(self.name, "the name of a schedule")
        lock_name(self.lock, "lock")
        lock_name(self.queueing_lock, "queueing_lock")
        whole(self.priority, "priority", -(2**31), 2**31 - 1)
        if self.job.stimulation_id is not None:
            raise GraphError(f"schedule {self.name!r}: its job has a stimulation_id, and so would be run only once")


def app_with(queue: str, schedules: Sequence[Schedule]) -> App:
    """Return an app of Procrastinate that knows some schedules.

    Raises:
        GraphError: If two have one name, or a time makes no sense.
    """
    app = new_app()
    task: Any = app.task(name=JOB_NAME, queue=queue)(_nothing)
    taken: set[str] = set()
    for one in schedules:
        periodic_id = f"{queue}/{one.name}"  # Procrastinate knows schedules by their task, which is the same for all
        if one.name in taken or len(periodic_id) > _LONGEST_ID:
            raise GraphError(f"schedule {one.name!r}: its name is too long, or another one has it")
        taken.add(one.name)
        known: PeriodicTask[Any, Any, Any] = app.periodic_registry.register_task(
            task=task,
            cron=one.cron,
            periodic_id=periodic_id,
            configure_kwargs={
                "queue": queue,
                "priority": one.priority,
                "lock": one.lock,
                "queueing_lock": one.queueing_lock,
                "task_kwargs": {"job": one.job.to_json(), "schedule": one.name},
            },
        )
        try:
            known.croniter.get_next(start_time=0.0)
        except (ValueError, KeyError) as error:
            raise GraphError(f"schedule {one.name!r}: {one.cron!r} is no time ({error})") from error
    return app


async def defer_always(app: App, max_delay: float) -> None:
    """Add jobs when their time has come, until this is cancelled."""
    now = asyncio.get_running_loop().time
    told_at = -_QUIET
    while True:
        try:
            # A new one each time: it takes what could not be added for done.
            await PeriodicDeferrer(app.periodic_registry, max_delay=max_delay).worker()
        except Exception as error:  # noqa: BLE001 - the server may come back
            if now() - told_at >= _QUIET:
                logger.warning("scheduled jobs cannot be added for now: %s", text_of(error))
                told_at = now()
        await asyncio.sleep(_PAUSE)


def _nothing(*_: Any, **__: Any) -> None:
    """Stand for what our own worker does with a job."""
