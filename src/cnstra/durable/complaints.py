"""Logging that something fails again and again, without filling the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, final

from cnstra.errors import StoreError

__all__ = ["Complaints"]

logger = logging.getLogger("cnstra")

_EVERY: Final = 30.0


@final
class Complaints:
    """Tells that one kind of work fails: at once, then every half minute, and that it works again.

    Args:
        what: What cannot be done, such as ``"look for runs"``.
        now: A monotonic clock, in seconds.
    """

    def __init__(self, what: str, now: Callable[[], float]) -> None:
        self._what = what
        self._now = now
        self._since: float | None = None
        self._told_at = float("-inf")
        self._is_told = False
        self.in_a_row = 0

    def add(self, error: Exception) -> None:
        """Take note that it has failed."""
        now = self._now()
        self._since = now if self._since is None else self._since
        self.in_a_row += 1
        if now - self._told_at < _EVERY:
            return
        self._told_at, self._is_told = now, True
        if not isinstance(error, StoreError):
            logger.error("cannot %s", self._what, exc_info=error)
        elif self.in_a_row == 1:
            logger.warning("cannot %s: %s", self._what, error)
        else:
            logger.warning(
                "cannot %s for %.0f s, tried %d times: %s", self._what, now - self._since, self.in_a_row, error
            )

    def settle(self) -> None:
        """Take note that it has worked."""
        if self._since is None:
            return
        if self._is_told:
            logger.info("can %s again after %.1f s", self._what, self._now() - self._since)
        self._since, self._is_told, self.in_a_row = None, False, 0
