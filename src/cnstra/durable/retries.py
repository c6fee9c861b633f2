"""Whether a failed attempt of a run is followed by another one."""

from __future__ import annotations

import logging
from random import Random
from typing import TYPE_CHECKING, final

from cnstra.durable.policy import policy_of
from cnstra.errors import StimulationFailed

if TYPE_CHECKING:
    from cnstra.durable.run_options import RunOptions
    from cnstra.persist.records import RunRecord

__all__ = ["Retries"]

logger = logging.getLogger("cnstra")


@final
class Retries:
    """The policy of one run, in one attempt.

    Args:
        run: The run, as it was claimed.
        options: What it was stored with.
        random: For the jitter.
    """

    def __init__(self, run: RunRecord, options: RunOptions, random: Random) -> None:
        self._run = run
        self._policy = None if options.retry is None else policy_of(options.retry)
        self._random = random

    def delay_after(self, outcome: BaseException | None) -> float | None:
        """Return after how many seconds the run is tried again; ``None`` if it is over."""
        if self._policy is None or not isinstance(outcome, StimulationFailed):
            return None
        run, starts = self._run, self._run.starts
        if self._policy.is_final(starts, outcome):
            return None
        delay = self._policy.delay(starts, self._random.random())
        logger.warning(
            "run %r failed at start %d and is tried again in %.3g s: %s",
            run.stimulation_id,
            starts,
            delay,
            "; ".join(f"{type(one).__name__}: {one}" for one in outcome.exceptions[:3]),
        )
        return delay
