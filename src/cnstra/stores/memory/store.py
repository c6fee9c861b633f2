"""Runs in memory, for tests and for work that need not survive its process."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import final

from cnstra.errors import StoreError
from cnstra.persist.delta import Delta
from cnstra.persist.records import (
    AttemptRecord,
    FrontierTask,
    NewRun,
    Page,
    RunRecord,
    RunState,
    RunStatus,
    StoredTask,
    WorkerRecord,
)
from cnstra.stores.memory.shelf import Shelf

__all__ = ["MemoryStore"]


@final
class MemoryStore:
    """Runs in memory. It outlives the runners that open and close it, and several may share it, in any thread.

    It is bounded: when it is full, it forgets runs that are over, the longest ended first. A run that is not over is
    never forgotten, so a store may hold more than *max_runs* of those.

    Args:
        max_runs: How many runs it keeps.
        ttl: Seconds after which it forgets a run that is over; ``None`` for no limit.
        delete_on_complete: Whether it forgets a run as soon as it is over, however it ended.
    """

    def __init__(self, *, max_runs: int = 10_000, ttl: float | None = None, delete_on_complete: bool = False) -> None:
        self._shelf = Shelf(max_runs=0 if delete_on_complete else max_runs, ttl=ttl)
        self._workers: dict[str, WorkerRecord] = {}
        self._lock = threading.Lock()

    @property
    def label(self) -> str:
        """Name the store in messages."""
        return "the store in memory"

    async def open(self) -> None:
        """Do nothing: it is always open."""

    async def close(self) -> None:
        """Do nothing: what it holds stays."""

    async def add_worker(self, worker: WorkerRecord, lease: float) -> None:
        """Insert or replace the worker's heartbeat row."""
        with self._lock:
            self._workers[worker.worker_id] = replace(worker, lease_until=time.time() + lease)

    def beat(self, worker_id: str, lease: float) -> bool:
        """Renew the worker's lease; return ``False`` if its row is gone."""
        with self._lock:
            worker = self._workers.get(worker_id)
            if worker is None:
                return False
            self._workers[worker_id] = replace(worker, lease_until=time.time() + lease)
            return True

    async def workers(self) -> list[WorkerRecord]:
        """Return all workers, the longest started first."""
        now = time.time()
        with self._lock:
            rows = [replace(worker, expired=worker.lease_until <= now) for worker in self._workers.values()]
        return sorted(rows, key=lambda worker: (worker.started_at, worker.worker_id))

    async def remove_worker(self, worker_id: str) -> None:
        """Drop the worker's row; an absent one is not an error."""
        with self._lock:
            self._workers.pop(worker_id, None)

    async def admit(self, run: NewRun, worker_id: str | None) -> RunState | None:
        """Store a new run with its entry frontier; ``None`` if its id is taken."""
        now = time.time()
        with self._lock:
            stored = self._shelf.add(run, now)
            if stored is None:
                return None
            if worker_id is not None:
                stored.start(worker_id, now)
            return stored.state()

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        """Apply *deltas*; tell for each whether it was applied."""
        now = time.time()
        with self._lock:
            return [self._commit(delta, now) for delta in deltas]

    def _commit(self, delta: Delta, now: float) -> bool:
        run = self._shelf.by_key(delta.key)
        if run is None or not run.apply(delta, now):
            return False
        self._shelf.arrange(run, now)
        return True

    async def claim(self, scope: str, worker_id: str, *, dead: Collection[str], limit: int) -> list[RunState]:
        """Take up to *limit* runs that no living worker holds; the oldest first."""
        now = time.time()
        states: list[RunState] = []
        with self._lock:
            living = self._living(dead, now)
            for run in self._shelf.open_runs(scope):
                if len(states) >= limit:
                    break
                if run.owner not in living:
                    run.start(worker_id, now)
                    states.append(run.state())
        return states

    async def take(
        self, scope: str, stimulation_id: str, worker_id: str, *, statuses: Collection[RunStatus], dead: Collection[str]
    ) -> RunState | None:
        """Take one run, failed tasks included, if its status is in *statuses* and no living worker holds it."""
        now = time.time()
        with self._lock:
            run = self._shelf.find(scope, stimulation_id)
            if run is None or run.status not in statuses or run.owner in self._living(dead, now):
                return None
            run.forgive()
            run.start(worker_id, now)
            self._shelf.arrange(run, now)
            return run.state()

    async def settle(self, scope: str, stimulation_id: str, status: RunStatus, *, dead: Collection[str]) -> bool:
        """Give a run that no living worker holds and that is not over a final status."""
        now = time.time()
        with self._lock:
            run = self._shelf.find(scope, stimulation_id)
            if run is None or not run.is_open or run.owner in self._living(dead, now):
                return False
            run.settle(status, now)
            self._shelf.arrange(run, now)
            return True

    def _living(self, dead: Collection[str], now: float) -> set[str]:
        return {worker.worker_id for worker in self._workers.values() if worker.lease_until > now}.difference(dead)

    async def get(self, scope: str, stimulation_id: str) -> RunRecord | None:
        """Return the run, or ``None``."""
        with self._lock:
            run = self._shelf.find(scope, stimulation_id)
            return None if run is None else run.record()

    async def attempts(self, scope: str, stimulation_id: str) -> list[AttemptRecord]:
        """Return the attempts of a run by number."""
        with self._lock:
            run = self._shelf.find(scope, stimulation_id)
            return [] if run is None else run.attempts()

    async def tasks(self, scope: str, stimulation_id: str, attempt_number: int | None = None) -> list[StoredTask]:
        """Return the history of a run in the order in which tasks settled."""
        with self._lock:
            run = self._shelf.find(scope, stimulation_id)
            return [] if run is None else run.history(attempt_number)

    async def frontier(self, scope: str, stimulation_id: str) -> list[FrontierTask]:
        """Return what is outstanding or failed, by ordinal."""
        with self._lock:
            run = self._shelf.find(scope, stimulation_id)
            return [] if run is None else run.frontier()

    async def delete(self, scope: str, stimulation_id: str, *, dead: Collection[str]) -> bool:
        """Drop a run with everything of it, unless a living worker holds it."""
        with self._lock:
            run = self._shelf.find(scope, stimulation_id)
            if run is None or run.owner in self._living(dead, time.time()):
                return False
            self._shelf.remove(run)
            return True

    async def purge(
        self, scope: str, *, statuses: Collection[RunStatus], older_than: float, keep: int = 0, limit: int = 1000
    ) -> int:
        """Drop up to *limit* runs that ended over *older_than* seconds ago, but not the *keep* latest."""
        with self._lock:
            ended = [run for run in self._shelf.ended_runs() if run.scope == scope and run.status in statuses]
            cutoff = time.time() - older_than
            doomed = [run for run in ended[: max(len(ended) - keep, 0)] if (run.ended_at or 0) < cutoff][:limit]
            for run in doomed:
                self._shelf.remove(run)
            return len(doomed)

    async def list(
        self,
        scope: str,
        *,
        statuses: Collection[RunStatus] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Return runs, the newest first, from *cursor* on."""
        before = _key_of(cursor)
        with self._lock:
            found = [
                run
                for run in self._shelf.newest_first()
                if run.scope == scope and run.key < before and (statuses is None or run.status in statuses)
            ]
            page = found[: max(limit, 0)]
            return Page(tuple(run.record() for run in page), str(page[-1].key) if 0 < len(page) < len(found) else None)


def _key_of(cursor: str | None) -> float:
    if cursor is None:
        return math.inf
    try:
        return int(cursor)
    except ValueError:
        raise StoreError(f"{cursor!r} is no cursor: pass on what a page has as its cursor") from None
