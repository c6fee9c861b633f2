"""Runs whose workers died again and again: one of them may be the reason, and the others must not fall with it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from cnstra.durable.live import LiveRuns
    from cnstra.persist.ports import Store
    from cnstra.persist.records import AttemptRecord, RunState

__all__ = ["Suspects", "losses_in_a_row"]

_SUSPICIOUS: Final = 2
"""A run that was lost so many times in a row is under suspicion; once is what a restart of its worker looks like."""


def losses_in_a_row(attempts: Sequence[AttemptRecord]) -> int:
    """Return how many of *attempts*, up to the latest of them, were lost since a hop was last committed."""
    losses = 0
    for attempt in reversed(attempts):
        losses += attempt.status == "lost"
        if attempt.hop_count:
            break
    return losses


@dataclass(frozen=True, slots=True)
class _Trial:
    """A suspect that was started.

    Attributes:
        sequence: Of its last delta before that.
        until: When it counts as harmless, by the clock of the event loop.
    """

    sequence: int
    until: float


@final
class Suspects:
    """Lets one suspect run, and holds the others back until that one has shown that it is harmless.

    The death of a worker is held against every run that it had, those included that it had just claimed. So of the
    suspects a worker starts those that were lost least, one at first. When each that was started has committed a hop,
    has ended, or has left the worker alive for *patience* seconds, twice as many are started at once, and so on. The
    others are put back: another worker may have them.

    Args:
        store: Has the attempts of runs.
        scope: Which graph's.
        live: What is under way here.
        patience: Seconds.
    """

    def __init__(self, store: Store, scope: str, live: LiveRuns, *, patience: float) -> None:
        self._store = store
        self._scope = scope
        self._live = live
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._at_once = 1
        self._tried_at = float("-inf")
        self._trials: dict[str, _Trial] = {}
        self._held_back: set[int] = set()

    def held_back(self) -> Collection[int]:
        """Return the keys of the runs that wait for others to show that they are harmless."""
        self._conclude()
        return self._held_back

    async def choose(self, states: Sequence[RunState]) -> tuple[Sequence[RunState], Sequence[RunState]]:
        """Return which of the claimed runs to start, suspects last, and which to put back before that.

        Raises:
            StoreError: If the store cannot tell how often a run was lost.
        """
        losses = {state.key: count for state in states if (count := await self._losses(state)) >= _SUSPICIOUS}
        if not losses:
            return states, ()
        self._conclude()
        now = self._loop.time()
        if now - self._tried_at > self._patience:  # these are others, and have shown nothing
            self._at_once = 1
        least = min(losses.values())
        alike = [state for state in states if losses.get(state.key) == least]
        chosen = [] if self._trials else alike[: self._at_once]
        self._trials |= {
            state.run.stimulation_id: _Trial(state.sequence, until=now + self._patience) for state in chosen
        }
        trusted = [state for state in states if state.key not in losses]
        started = {state.key for state in (*trusted, *chosen)}
        rest = [state for state in states if state.key not in started]
        self._held_back.update(state.key for state in rest)
        return [*trusted, *chosen], rest

    async def _losses(self, state: RunState) -> int:
        if state.run.recoveries < _SUSPICIOUS:
            return 0
        attempts = await self._store.attempts(self._scope, state.run.stimulation_id)
        return losses_in_a_row([one for one in attempts if one.attempt_number < state.run.attempt_number])

    def _conclude(self) -> None:
        """Let go of the suspects that have shown that they are harmless; after the last of them others may be tried."""
        self._tried_at = self._loop.time() if self._trials else self._tried_at
        self._trials = {run_id: trial for run_id, trial in self._trials.items() if not self._is_harmless(run_id, trial)}
        if self._held_back and not self._trials:
            self._at_once *= 2
            self._held_back.clear()

    def _is_harmless(self, run_id: str, trial: _Trial) -> bool:
        recorder = self._live.recorder_of(run_id)
        if recorder is None or self._loop.time() >= trial.until:
            return True
        latest = recorder.latest
        return latest is not None and (latest.is_over or latest.delta.sequence > trial.sequence + 1)
