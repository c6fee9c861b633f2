"""Doing in the queue what a job handler has decided, if the job is still the delivery's."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, assert_never, final

from cnstra.workers.deliveries import Dead, Done, Outcome, Retry
from cnstra.workers.judging import text_of
from cnstra.workers.procrastinate.statements import FINISH, FORGET, GIVE_BACK, STRAYS

if TYPE_CHECKING:
    from cnstra.stores.postgres.pool import Pool

__all__ = ["Answers", "Claim", "DeleteJobs"]

logger = logging.getLogger("cnstra")

DeleteJobs: TypeAlias = Literal["never", "successful", "always"]
"""Which jobs are deleted when they are over; Procrastinate has the same words for it."""

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
_LONGEST_REASON: Final = 4000
_QUIET: Final = 30.0


@final
@dataclass(frozen=True, slots=True)
class Claim:
    """What proves that a delivery has a job.

    Attributes:
        job: Its number.
        worker: The number of the worker that it was given to.
        attempts: How many starts are counted against it.
    """

    job: int
    worker: int
    attempts: int

    def parameters(self) -> dict[str, Any]:
        """Return it as the statements want it."""
        return {"job": self.job, "worker": self.worker, "attempts": self.attempts}


@final
class Answers:
    """Answers deliveries, and tries again as long as the server cannot be reached.

    Args:
        pool: Lends connections.
        delete_jobs: Which jobs are deleted when they are over.
    """

    def __init__(self, pool: Pool, delete_jobs: DeleteJobs) -> None:
        self._pool = pool
        self._delete_jobs = delete_jobs
        self._deadline: float | None = None

    def hurry(self, patience: float) -> None:
        """Try for so many seconds more; then this worker takes leave, and what was not answered is delivered again."""
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + patience

    async def give(self, claim: Claim, outcome: Outcome) -> None:
        """Answer a delivery."""
        match outcome:
            case Done():
                await self._finish(claim, None)
            case Retry(after=after, is_failure=is_failure):
                reason = kept_reason(outcome.reason) if is_failure else None
                given = {"after": after, "counted": int(is_failure), "reason": reason}
                await self._persist(claim, GIVE_BACK, given)
            case Dead(reason=reason):
                await self._finish(claim, kept_reason(reason))
            case _:
                assert_never(outcome)

    async def give_back_strays(self, worker: int, in_hand: list[int]) -> bool:
        """Have jobs delivered again that this worker has and does not know of; return whether there were any.

        Raises:
            Exception: What the driver raises.
        """
        async with self._pool.lend() as connection:
            found = await connection.execute(STRAYS, {"worker": worker, "in_hand": in_hand})
            strays = await found.fetchall()
            for job, attempts in strays:
                logger.warning("job %d was lost on its way here; it is delivered again", job)
                which = Claim(job, worker, attempts).parameters()
                await connection.execute(GIVE_BACK, {**which, "after": 0.0, "counted": 0, "reason": None})
        return bool(strays)

    async def _finish(self, claim: Claim, reason: str | None) -> None:
        is_done = reason is None
        if self._delete_jobs == "always" or (is_done and self._delete_jobs == "successful"):
            await self._persist(claim, FORGET, {})
        else:
            await self._persist(claim, FINISH, {"is_done": is_done, "reason": reason})

    async def _persist(self, claim: Claim, statement: str, given: dict[str, Any]) -> None:
        now = asyncio.get_running_loop().time
        pause, told_at = _FIRST_PAUSE, -_QUIET
        while True:
            try:
                async with self._pool.lend() as connection:
                    answer = await connection.execute(statement.encode(), {**claim.parameters(), **given})
                    is_ours = await answer.fetchone() is not None
            except Exception as error:  # noqa: BLE001 - it is tried again, whatever it was
                if now() - told_at >= _QUIET:
                    logger.warning("the answer for job %d is tried again: %s", claim.job, text_of(error))
                    told_at = now()
            else:
                if not is_ours:
                    logger.warning("job %d was not this worker's any more, or was answered before", claim.job)
                return
            if self._deadline is not None and now() + pause > self._deadline:
                logger.error("the answer for job %d did not get through; it is delivered again", claim.job)
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def kept_reason(reason: str) -> str:
    """Return a reason as Postgres can hold it."""
    return reason[:_LONGEST_REASON].replace("\0", "").encode(errors="replace").decode() or "no reason was given"
