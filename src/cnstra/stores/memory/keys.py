"""Runs with keys, as the limits of these keys let them start."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias, final

from cnstra.persist.limits import Limits, Start, StartLog
from cnstra.stores.memory.run import MemoryRun

__all__ = ["Keys", "StartLogs"]

StartLogs: TypeAlias = dict[tuple[str, str], list[Start]]
"""Scope and key to the latest starts of runs of that key."""


@final
class Keys:
    """The keys of one scope in one claim.

    Args:
        scope: Which graph's.
        limits: Of the keys.
        runs: All of the scope that are not over.
        logs: The starts before this moment.
        now: The moment.

    Attributes:
        opens_at: When the rate of a key lets a run start again that was passed over; ``None`` if no rate was why.
    """

    def __init__(self, scope: str, limits: Limits, runs: Iterable[MemoryRun], logs: StartLogs, now: float) -> None:
        self.opens_at: float | None = None
        self._scope = scope
        self._limits = limits
        self._logs = logs
        self._now = now
        self._running: dict[str, int] = {}
        for run in runs:
            if run.limit_key is not None and run.status == "running":
                self._running[run.limit_key] = self._running.get(run.limit_key, 0) + 1

    def may_start(self, run: MemoryRun) -> bool:
        """Tell whether the limit of its key lets a run start."""
        if run.limit_key is None or run.status == "running":  # which has its place
            return True
        log = self._log(run.limit_key)
        if log.room(self._running.get(run.limit_key, 0)) != 0:
            return True
        if log.opens_at is not None:
            self.opens_at = log.opens_at if self.opens_at is None else min(self.opens_at, log.opens_at)
        return False

    def start(self, run: MemoryRun) -> None:
        """Take note that a run starts, or is recovered."""
        if run.limit_key is None or run.status == "running":
            return
        self._running[run.limit_key] = self._running.get(run.limit_key, 0) + 1
        log = self._log(run.limit_key)
        log.add(1, self._now)
        self._logs[self._scope, run.limit_key] = log.starts
        if not log.starts:
            del self._logs[self._scope, run.limit_key]

    def _log(self, key: str) -> StartLog:
        return StartLog(self._limits.of(key), self._logs.get((self._scope, key), ()), self._now)
