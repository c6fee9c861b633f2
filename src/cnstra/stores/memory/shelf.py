"""The runs of a memory store, in the orders in which they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from cnstra.persist.records import NewRun
from cnstra.stores.memory.run import MemoryRun

__all__ = ["Shelf"]


@final
class Shelf:
    """All runs by key and by name; those that are over also in the order in which they ended.

    Args:
        max_runs: Above this number of runs, those that are over make room, the longest ended first.
        ttl: Seconds after its end when a run goes; ``None`` for never.
    """

    def __init__(self, *, max_runs: int, ttl: float | None) -> None:
        self._max_runs = max_runs
        self._ttl = ttl
        self._last_key = 0
        self._by_key: dict[int, MemoryRun] = {}
        self._by_name: dict[tuple[str, str], MemoryRun] = {}
        self._open: dict[int, MemoryRun] = {}
        self._ended: dict[int, MemoryRun] = {}

    def add(self, new: NewRun, now: float) -> MemoryRun | None:
        """Put up a new run, or return ``None`` if its name is taken."""
        self._make_room(now)
        name = (new.scope, new.stimulation_id)
        if name in self._by_name:
            return None
        self._last_key += 1
        run = MemoryRun(self._last_key, new, now)
        self._by_key[run.key] = self._by_name[name] = self._open[run.key] = run
        self._make_room(now)
        return run

    def arrange(self, run: MemoryRun, now: float) -> None:
        """Take note that *run* may have ended, or begun again."""
        if run.is_open:
            if self._ended.pop(run.key, None) is not None:
                self._open[run.key] = run
        elif self._open.pop(run.key, None) is not None:
            self._ended[run.key] = run
            self._make_room(now)

    def remove(self, run: MemoryRun) -> None:
        """Forget a run."""
        for shelf in (self._by_key, self._open, self._ended):
            shelf.pop(run.key, None)
        del self._by_name[run.scope, run.stimulation_id]

    def by_key(self, key: int) -> MemoryRun | None:
        """Return the run with this key."""
        return self._by_key.get(key)

    def find(self, scope: str, stimulation_id: str) -> MemoryRun | None:
        """Return the run with this name."""
        return self._by_name.get((scope, stimulation_id))

    def open_runs(self, scope: str) -> Iterator[MemoryRun]:
        """Yield the runs that are not over, the oldest first."""
        for key in sorted(self._open):
            if self._open[key].scope == scope:
                yield self._open[key]

    def ended_runs(self) -> Iterator[MemoryRun]:
        """Yield the runs that are over, the longest ended first."""
        return iter(self._ended.values())

    def newest_first(self) -> Iterator[MemoryRun]:
        """Yield all runs, the newest first."""
        return reversed(self._by_key.values())

    def _make_room(self, now: float) -> None:
        while self._ended:
            run = next(iter(self._ended.values()))
            is_stale = self._ttl is not None and run.ended_at is not None and run.ended_at <= now - self._ttl
            if not is_stale and len(self._by_key) <= self._max_runs:
                return
            self.remove(run)
