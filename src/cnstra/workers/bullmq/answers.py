"""Doing in the queue what a job handler has decided."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Final, TypeVar, assert_never, final

from cnstra.durable.retention import Keep
from cnstra.workers.bullmq.client import final_error
from cnstra.workers.bullmq.options import kept, milliseconds
from cnstra.workers.deliveries import Dead, Done, Outcome, Retry

if TYPE_CHECKING:
    from cnstra.workers.bullmq.client import Fetched, Job

__all__ = ["Answers"]

logger = logging.getLogger("cnstra")

T = TypeVar("T")

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
_LONGEST_DELAY: Final = 2**31
"""Milliseconds; 25 days are enough for a doubled delay, and every client can count them."""
_TRACES: Final = 10
"""How many stack traces a job keeps."""


class JobFailed(Exception):
    """What a failed job shows as its reason; its cause is what was raised."""


@final
class Answers:
    """Answers deliveries, and tries again as long as the server cannot be reached.

    Args:
        by_job: Whether the options of a job decide how often it is tried, and when; else the outcome does.
        keep_completed: Which jobs that are done are kept, of those that do not say so themselves.
        keep_failed: Which dead ones.
        patience: For how many seconds an answer is tried again.
        random: For the delays.
    """

    def __init__(
        self, *, by_job: bool, keep_completed: Keep | None, keep_failed: Keep | None, patience: float, random: Random
    ) -> None:
        self.patience = patience
        self._by_job = by_job
        self._keep_completed = kept(keep_completed)
        self._keep_failed = kept(keep_failed)
        self._random = random

    async def give(self, job: Job, token: str, outcome: Outcome, *, fetch: bool = False) -> Fetched | None:
        """Answer a delivery; what does not reach the server is logged, and the job is delivered again.

        Returns:
            What came with the answer, if *fetch* asked for the next job and there was a way to ask.
        """
        job.opts.setdefault("removeOnComplete", self._keep_completed)
        job.opts.setdefault("removeOnFail", self._keep_failed)
        job.opts.setdefault("stackTraceLimit", _TRACES)
        match outcome:
            case Done():
                tries = count()  # a second try may find that the first one has taken a job along: it takes no other
                return await self._persist(
                    job, lambda: job.moveToCompleted(None, token, fetchNext=fetch and not next(tries))
                )
            case Retry(is_failure=True):
                failure = self._failure(job, outcome)
                await self._persist(job, lambda: _fail(job, token, failure, outcome.error))
            case Retry(after=after):
                await self._persist(job, lambda: job.moveToDelayed(_now() + milliseconds(after), token))
            case Dead(reason=reason, error=error):
                await self._persist(job, lambda: _fail(job, token, final_error(reason), error))
            case _:
                assert_never(outcome)
        return None

    def _failure(self, job: Job, outcome: Retry) -> Exception:
        """Return what a job fails with, after its options say what BullMQ is to do this time; they are not stored."""
        delay = self._delay_of_job(job, outcome) if self._by_job else outcome.after
        if delay is None:
            return final_error(f"the run failed for good, at start {_starts(job)}: {outcome.reason}")
        job.opts["attempts"] = job.attemptsMade + 2
        job.opts["backoff"] = {"type": "fixed", "delay": min(milliseconds(delay), _LONGEST_DELAY)}
        return JobFailed(outcome.reason)

    def _delay_of_job(self, job: Job, outcome: Retry) -> float | None:
        """Return after how many seconds the job's own options have it tried again; ``None`` for not at all."""
        attempts = job.opts.get("attempts")
        if not isinstance(attempts, int) or _starts(job) >= attempts:
            return None
        backoff = job.opts.get("backoff")
        if not backoff:
            return 0.0
        delay = _backoff(backoff, job.attemptsMade, self._random.random()) if isinstance(backoff, Mapping) else None
        if delay is None:
            logger.warning("job %s has a back-off that only its producer knows: %r", job.id, backoff)
            return outcome.after
        return delay

    async def _persist(self, job: Job, answer: Callable[[], Awaitable[T]]) -> T | None:
        loop = asyncio.get_running_loop()
        began, pause = loop.time(), _FIRST_PAUSE
        traces = list(job.stacktrace)
        while True:
            try:
                return await answer()
            except TypeError as refusal:  # which BullMQ raises when the lock is another's, or the job is gone
                logger.warning("job %s was not this worker's any more, or was answered before: %s", job.id, refusal)
            except Exception as error:
                if loop.time() - began + pause > self.patience:
                    logger.exception("the answer for job %s did not get through; it is delivered again", job.id)
                    return None
                logger.debug("the answer for job %s is tried again", job.id, exc_info=error)
                job.stacktrace = list(traces)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            return None


def _starts(job: Job) -> int:
    """Return how many starts are held against a job, this one included: those that failed, and those that died."""
    return job.attemptsMade + job.stalledCounter + 1


def _backoff(backoff: Mapping[str, object], failures: int, chance: float) -> float | None:
    """Return a delay in seconds, as Node's BullMQ computes it; ``None`` for a strategy of the producer's own."""
    base, jitter = backoff.get("delay"), backoff.get("jitter") or 0
    if backoff.get("type") not in {"fixed", "exponential"}:
        return None
    if not isinstance(base, (int, float)) or not isinstance(jitter, (int, float)):
        return None
    delay = base * 2 ** min(failures, 64) if backoff["type"] == "exponential" else base
    return delay * (1 - jitter * chance) / 1000


async def _fail(job: Job, token: str, failure: Exception, cause: BaseException | None) -> None:
    try:
        raise failure from cause
    except type(failure):  # so that the job has the trace of it
        await job.moveToFailed(failure, token)


def _now() -> int:
    return time.time_ns() // 1_000_000
