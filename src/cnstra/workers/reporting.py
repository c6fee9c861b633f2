"""Telling a broker's side how a job gets on: after hops, and at intervals."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, final

if TYPE_CHECKING:
    from cnstra.core.responses import Response
    from cnstra.workers.deliveries import Delivery

__all__ = ["JobProgress", "KeepAlive", "OnProgress", "Reporter", "keep_alive"]

logger = logging.getLogger("cnstra")


@final
@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far the run of a job has got.

    Attributes:
        stimulation_id: The run.
        attempt_number: Its attempt.
        hop_count: Activations that have settled in this attempt.
        outstanding: Activations that are under way or wait; more may follow from them.
    """

    stimulation_id: str
    attempt_number: int
    hop_count: int
    outstanding: int


OnProgress: TypeAlias = "Callable[[Delivery, JobProgress], Awaitable[object] | None]"
"""Told of a delivery how far its run has got."""

KeepAlive: TypeAlias = "Callable[[Delivery], Awaitable[object] | None]"
"""Tells the broker that a delivery is still being worked on."""


@final
class Reporter:
    """Tells of one run's progress, one report at a time; what happens during one shares the next.

    The run does not wait for it, and an error in it is logged and harms nothing.
    """

    def __init__(self, delivery: Delivery, stimulation_id: str, attempt_number: int, tell: OnProgress) -> None:
        self._delivery = delivery
        self._stimulation_id = stimulation_id
        self._attempt_number = attempt_number
        self._tell = tell
        self._latest: JobProgress | None = None
        self._telling: asyncio.Task[None] | None = None

    def hear(self, response: Response) -> None:
        """Take note of a response of the run."""
        self._latest = JobProgress(
            self._stimulation_id, self._attempt_number, response.stimulation.hop_count, response.queue_length
        )
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell_all(), name="cnstra-report")

    async def finish(self) -> None:
        """Return when everything is told."""
        if self._telling is not None:
            await asyncio.wait([self._telling])

    async def _tell_all(self) -> None:
        try:
            while self._latest is not None:
                latest, self._latest = self._latest, None
                told = self._tell(self._delivery, latest)
                if told is not None:
                    await told
        except Exception:
            logger.exception("the progress of job %s could not be told", self._stimulation_id)
        finally:
            self._telling = None


async def keep_alive(delivery: Delivery, tell: KeepAlive, seconds: float) -> None:
    """Tell the broker every so many seconds that *delivery* is being worked on, until this is cancelled."""
    while True:
        await asyncio.sleep(seconds)
        try:
            told = tell(delivery)
            if told is not None:
                await told
        except Exception:
            logger.exception("the broker could not be told that job %s is being worked on", delivery.job_id)
