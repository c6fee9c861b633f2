"""What becomes of a delivery whose run has ended."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Final, Self, final

from cnstra.durable.ending import SHUTDOWN
from cnstra.errors import StimulationAborted, StimulationFailed
from cnstra.workers.deliveries import Dead, Outcome, Retry

if TYPE_CHECKING:
    from cnstra.core.stimulation import Stimulation
    from cnstra.workers.policy import RetryPolicy

__all__ = ["GIVEN_BACK", "LISTENER_FAILED", "Judge", "text_of"]

GIVEN_BACK: Final = Retry(0.0, "this worker stops; the run was given back")
"""The outcome of a run that was given back, for the job to be taken by another worker at once."""

LISTENER_FAILED: Final = "all tasks of the run are done, but a listener failed"

_TOLD: Final = 3
"""How many errors of a run are told in the reason of a retry."""


@final
class Judge:
    """Says what becomes of deliveries, by one policy.

    Args:
        policy: When a failed run is started again.
        random: For the delays.

    Attributes:
        policy: The same.
    """

    def __init__(self, policy: RetryPolicy, random: Random) -> None:
        self.policy = policy
        self._random = random

    def under(self, policy: RetryPolicy | None) -> Self:
        """Return a judge that goes by *policy*; this one if it is ``None``."""
        return self if policy is None else type(self)(policy, self._random)

    async def end(self, run: Stimulation, starts: int) -> Outcome | None:
        """Wait for the end of a run, and return what becomes of its delivery; ``None`` if the run is complete.

        Args:
            run: The run.
            starts: How many starts are held against it, this one included.

        Raises:
            asyncio.CancelledError: If the caller is cancelled.
            Exception: What has stopped the run from outside: its store, or another owner.
        """
        try:
            await run
        except StimulationFailed as error:
            if not run.get_outstanding_tasks():
                return Dead(LISTENER_FAILED, error)
            return self.failed(starts, error)
        except StimulationAborted as error:
            return _aborted(error)
        except asyncio.CancelledError as error:
            if not run.done or _is_cancelled():
                raise
            return self.failed(starts, error)  # a handler has raised it
        return None

    def failed(self, starts: int, error: BaseException) -> Outcome:
        """Return what becomes of a delivery whose run has failed."""
        text = text_of(error)
        if self.policy.is_final(starts, error):
            return Dead(f"the run failed for good, at start {starts}: {text}", error)
        return Retry(self.delay(starts), text, is_failure=True, error=error)

    def delay(self, starts: int) -> float:
        """Return how long to wait after so many starts, in seconds."""
        return self.policy.delay(starts, self._random.random())

    def spread(self, seconds: float) -> float:
        """Return *seconds*, or somewhat more, so that those who wait for the same do not come back together."""
        return seconds * self._random.uniform(1.0, 1.25)


def text_of(error: BaseException) -> str:
    """Return what has failed, and in which neuron, on one line."""
    if not isinstance(error, BaseExceptionGroup):
        note = next(iter(getattr(error, "__notes__", ())), "")
        named = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return f"{named} ({note})" if note else named
    told = [text_of(one) for one in error.exceptions[:_TOLD]]
    more = len(error.exceptions) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _aborted(error: StimulationAborted) -> Outcome:
    if error.reason is SHUTDOWN:
        return GIVEN_BACK
    return Dead("the run was aborted" + ("" if error.reason is None else f": {error.reason}"), error)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
