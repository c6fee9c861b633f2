"""The store's time, as a worker can tell it without asking each time."""

from __future__ import annotations

from typing import final

__all__ = ["StoreClock"]


@final
class StoreClock:
    """Tells the store's time by the worker's monotonic clock.

    What it knows of the store's time are the heartbeats, which the store dates. The worker's own wall clock may be
    wrong, so nothing depends on it.

    Args:
        lease: For how many seconds at most the last heartbeat lies back while the worker lives.
    """

    def __init__(self, lease: float) -> None:
        self._lease = lease
        self._ahead: float | None = None

    def learn(self, beat_at: float, now: float) -> None:
        """Take note of a heartbeat.

        Args:
            beat_at: When it was, by the store's clock.
            now: What the monotonic clock shows at this moment, which is not before the heartbeat.
        """
        least = beat_at - now
        if self._ahead is None or not least <= self._ahead <= least + self._lease:
            self._ahead = least  # the first one; or one of the clocks stood still, or was set

    def at(self, now: float) -> float:
        """Return the store's time, in seconds since the epoch, when the monotonic clock shows *now*."""
        return now + (self._ahead or 0.0)
