"""How long this disk takes for a transaction, so that short ones need not be handed to another thread."""

from __future__ import annotations

from typing import final

__all__ = ["Pace"]

FAST = 0.002
"""Seconds. Below it the hand-over to a thread and back (0.05 to 0.2 ms, and the interpreter lock a statement) costs
more than an event loop that stands still meanwhile; an fsync of a slow disk takes 5 ms and more."""
WEIGHT = 0.1


@final
class Pace:
    """A moving average of the duration of transactions; any thread may note one."""

    def __init__(self) -> None:
        self._mean = 0.0

    @property
    def is_fast(self) -> bool:
        """Whether the next transaction may be expected to be short."""
        return self._mean < FAST

    def note(self, seconds: float) -> None:
        """A transaction has taken so long."""
        self._mean += (seconds - self._mean) * WEIGHT
