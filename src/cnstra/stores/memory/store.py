"""Runs in memory, for tests and for work that need not survive its process."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import final, get_args

from cnstra.errors import StoreError
from cnstra.persist.commands import CommandKind, CommandRecord, CommandResult, NewCommand
from cnstra.persist.delta import Delta, Ended
from cnstra.persist.limits import NO_LIMITS, Limits
from cnstra.persist.ports import EVERY_RUN, HopTransaction
from cnstra.persist.records import (
    AttemptRecord,
    ErrorRecord,
    FrontierTask,
    NewRun,
    Page,
    RunFilter,
    RunRecord,
    RunState,
    RunStatus,
    StoredTask,
    StoreStats,
    WorkerRecord,
)
from cnstra.persist.settling import aborted_on_request, poisoned
from cnstra.stores.memory.commands import CommandBook
from cnstra.stores.memory.keys import Keys, StartLogs
from cnstra.stores.memory.run import MemoryRun
from cnstra.stores.memory.shelf import Shelf
from cnstra.stores.watching import Watchers

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
        clock: Seconds since the epoch; a test may give its own.
    """

    def __init__(
        self,
        *,
        max_runs: int = 10_000,
        ttl: float | None = None,
        delete_on_complete: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._shelf = Shelf(max_runs=0 if delete_on_complete else max_runs, ttl=ttl)
        self._workers: dict[str, WorkerRecord] = {}
        self._logs: StartLogs = {}
        self._opens_at: dict[str, float | None] = {}
        self._marks: dict[tuple[str, str], float] = {}
        self._commands = CommandBook()
        self._lock = threading.Lock()
        self._watchers = Watchers()
        self._clock = clock

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
            self._workers[worker.worker_id] = replace(worker, lease_until=self._clock() + lease)

    def beat(self, worker_id: str, lease: float) -> bool:
        """Renew the worker's lease; return ``False`` if its row is gone."""
        with self._lock:
            worker = self._workers.get(worker_id)
            if worker is None:
                return False
            self._workers[worker_id] = replace(worker, lease_until=self._clock() + lease)
            return True

    async def workers(self) -> list[WorkerRecord]:
        """Return all workers, the longest started first."""
        now = self._clock()
        with self._lock:
            rows = [replace(worker, expired=worker.lease_until <= now) for worker in self._workers.values()]
        return sorted(rows, key=lambda worker: (worker.started_at, worker.worker_id))

    async def remove_worker(self, worker_id: str) -> None:
        """Drop the worker's row; an absent one is not an error."""
        with self._lock:
            self._workers.pop(worker_id, None)
        self._watchers.tell()

    async def admit(self, run: NewRun, worker_id: str | None) -> RunState | None:
        """Store a new run with its entry frontier; ``None`` if its id is taken."""
        now = self._clock()
        with self._lock:
            stored = self._shelf.add(run, now)
            if stored is None:
                return None
            if worker_id is not None:
                stored.start(worker_id, now)
            state = stored.state()
        if worker_id is None:
            self._watchers.tell()
        return state

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        """Apply *deltas*; tell for each whether it was applied."""
        return self.commit_now(deltas)

    def commit_now(self, deltas: Sequence[Delta]) -> list[bool]:
        """Apply *deltas*, without an event loop."""
        now = self._clock()
        with self._lock:
            applied = [self._commit(delta, now) for delta in deltas]
            is_news = any(delta.ended is not None and self._frees(delta.key, delta.ended) for delta in deltas)
        if is_news:
            self._watchers.tell()
        return applied

    def _frees(self, key: int, ended: Ended) -> bool:
        """Tell whether the end of an attempt may let a run start."""
        run = self._shelf.by_key(key)
        return ended.status == "pending" or (run is not None and run.limit_key is not None)

    def _commit(self, delta: Delta, now: float) -> bool:
        run = self._shelf.by_key(delta.key)
        if run is None or not run.apply(delta, now):
            return False
        self._shelf.arrange(run, now)
        return True

    async def claim(
        self,
        scope: str,
        worker_id: str,
        *,
        dead: Collection[str],
        limit: int,
        max_recoveries: int | None = None,
        unfit: Collection[int] = (),
        limits: Limits = NO_LIMITS,
    ) -> list[RunState]:
        """Take up to *limit* runs that no living worker holds: by priority, then the oldest first."""
        now = self._clock()
        states: list[RunState] = []
        with self._lock:
            living = self._living(dead, now)
            for run in self._shelf.open_runs(scope):
                run.look(now)
            keys = Keys(scope, limits, self._shelf.open_runs(scope), self._logs, now)
            leaves_place = False
            for run in sorted(self._shelf.open_runs(scope), key=lambda run: -run.priority):
                if len(states) >= limit:
                    break
                if run.owner in living or run.key in unfit or run.is_waiting(now) or not keys.may_start(run):
                    continue
                if self._settle_instead(run, max_recoveries, now):
                    leaves_place = leaves_place or run.limit_key is not None
                else:
                    keys.start(run)
                    run.start(worker_id, now)
                    states.append(run.state())
            self._opens_at[scope] = keys.opens_at
        if leaves_place:
            self._watchers.tell()
        return states

    def _settle_instead(self, run: MemoryRun, max_recoveries: int | None, now: float) -> bool:
        """End a run that must not be taken; tell whether it was one."""
        if run.abort_requested is not None:
            run.settle("aborted", now, aborted_on_request(run.abort_requested))
        elif max_recoveries is not None and run.lose(now) > max_recoveries:
            run.settle("failed", now, poisoned(max_recoveries))
        else:
            return False
        self._shelf.arrange(run, now)
        return True

    async def put_back(self, key: int, fence: int) -> bool:
        """Undo a claim of a run that was not started."""
        with self._lock:
            run = self._shelf.by_key(key)
            is_back = run is not None and run.put_back(fence, self._clock())
        if is_back:
            self._watchers.tell()
        return is_back

    async def next_due(self, scope: str) -> float | None:
        """Return in how many seconds the next waiting run is due that no claim has seen due."""
        now = self._clock()
        with self._lock:
            due = [run.due_at for run in self._shelf.open_runs(scope) if run.is_scheduled and run.due_at is not None]
            opens_at = self._opens_at.get(scope)
        if opens_at is not None:
            due.append(opens_at)
        return max(0.0, min(due) - now) if due else None

    async def mark(self, scope: str, name: str) -> float | None:
        """Return how far what has this name has come, such as a schedule; ``None`` if nobody has told."""
        with self._lock:
            return self._marks.get((scope, name))

    async def advance(self, scope: str, name: str, to: float) -> None:
        """Note how far what has this name has come; it never goes back."""
        with self._lock:
            self._marks[scope, name] = max(to, self._marks.get((scope, name), to))

    async def changed(self, scope: str, timeout: float) -> bool:  # noqa: ARG002, ASYNC109 - told of every scope
        """Wait until a run may have become free or an abort may have been requested, or for *timeout* seconds."""
        return await self._watchers.wait(timeout)

    async def request_abort(self, scope: str, stimulation_id: str, reason: str) -> bool:
        """Ask whoever holds a run to abort it; return ``False`` if the run is over or unknown."""
        with self._lock:
            run = self._shelf.find(scope, stimulation_id)
            if run is None or not run.is_open:
                return False
            if run.abort_requested is None:
                run.abort_requested = reason
        self._watchers.tell()
        return True

    async def abort_requests(self, scope: str, worker_id: str) -> list[tuple[str, str]]:
        """Return id and reason of the runs of this worker that it is asked to abort."""
        with self._lock:
            return [
                (run.stimulation_id, run.abort_requested)
                for run in self._shelf.open_runs(scope)
                if run.owner == worker_id and run.abort_requested is not None
            ]

    async def take(
        self, scope: str, stimulation_id: str, worker_id: str, *, statuses: Collection[RunStatus], dead: Collection[str]
    ) -> RunState | None:
        """Take one run, failed tasks included, if its status is in *statuses* and no living worker holds it."""
        now = self._clock()
        with self._lock:
            run = self._shelf.find(scope, stimulation_id)
            if run is None or run.status not in statuses or run.owner in self._living(dead, now):
                return None
            run.start(worker_id, now)
            run.forgive()
            self._shelf.arrange(run, now)
            return run.state()

    async def settle(
        self,
        scope: str,
        stimulation_id: str,
        status: RunStatus,
        *,
        dead: Collection[str],
        error: ErrorRecord | None = None,
    ) -> bool:
        """Give a run that no living worker holds and that is not over another status."""
        now = self._clock()
        with self._lock:
            run = self._shelf.find(scope, stimulation_id)
            if run is None or not run.is_open or run.owner in self._living(dead, now):
                return False
            run.settle(status, now, error)
            self._shelf.arrange(run, now)
        self._watchers.tell()
        return True

    def _living(self, dead: Collection[str], now: float) -> set[str]:
        return {worker.worker_id for worker in self._workers.values() if worker.lease_until > now}.difference(dead)

    async def get(self, scope: str, stimulation_id: str) -> RunRecord | None:
        """Return the run, or ``None``."""
        with self._lock:
            run = self._shelf.find(scope, stimulation_id)
            return None if run is None else run.record()

    async def peek(self, scope: str, stimulation_id: str) -> RunState | None:
        """Return the run as taking it would, without taking it."""
        with self._lock:
            run = self._shelf.find(scope, stimulation_id)
            return None if run is None else run.state()

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
            if run is None or run.owner in self._living(dead, self._clock()):
                return False
            self._shelf.remove(run)
            return True

    async def purge(
        self, scope: str, *, statuses: Collection[RunStatus], older_than: float, keep: int = 0, limit: int = 1000
    ) -> int:
        """Drop up to *limit* runs that ended over *older_than* seconds ago, but not the *keep* latest."""
        with self._lock:
            ended = [run for run in self._shelf.ended_runs() if run.scope == scope and run.status in statuses]
            cutoff = self._clock() - older_than
            doomed = [run for run in ended[: max(len(ended) - keep, 0)] if (run.ended_at or 0) < cutoff][:limit]
            for run in doomed:
                self._shelf.remove(run)
            return len(doomed)

    async def list(
        self, scope: str, *, where: RunFilter = EVERY_RUN, limit: int = 100, cursor: str | None = None
    ) -> Page:
        """Return the runs that *where* selects, the newest first, from *cursor* on."""
        before = _key_of(cursor)
        with self._lock:
            found = [
                run
                for run in self._shelf.newest_first()
                if run.scope == scope and run.key < before and run.is_selected(where)
            ]
            page = found[: max(limit, 0)]
            return Page(tuple(run.record() for run in page), str(page[-1].key) if 0 < len(page) < len(found) else None)

    async def stats(self, scope: str) -> StoreStats:
        """Return the store in numbers; it cannot tell its size."""
        runs: dict[RunStatus, int] = dict.fromkeys(get_args(RunStatus), 0)
        with self._lock:
            for run in self._shelf.newest_first():
                if run.scope == scope:
                    runs[run.status] += 1
            oldest = min((run.created_at for run in self._shelf.open_runs(scope)), default=None)
        return StoreStats(runs, oldest)

    async def order(self, command: NewCommand) -> CommandRecord:
        """Store a command, unless there is one of its key; return it."""
        with self._lock:
            row, is_new = self._commands.add(command, self._clock())
        if is_new:
            self._watchers.tell()
        return row

    async def take_command(
        self, scope: str, worker_id: str, *, kinds: Collection[CommandKind], dead: Collection[str]
    ) -> CommandRecord | None:
        """Take the oldest command of these kinds that no living worker has."""
        with self._lock:
            return self._commands.take(scope, worker_id, kinds, self._living(dead, self._clock()))

    async def end_command(self, scope: str, number: int, takes: int, result: CommandResult) -> bool:
        """Note how a command ended; ``False`` if it has been taken again, or has ended."""
        with self._lock:
            return self._commands.end(scope, number, takes, result, self._clock())

    async def command(self, scope: str, key: str) -> CommandRecord | None:
        """Return the command of this key, or ``None``."""
        with self._lock:
            return self._commands.find(scope, key)

    async def commands(
        self, scope: str, *, stimulation_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[CommandRecord]:
        """Return commands, the latest first."""
        with self._lock:
            return self._commands.listed(scope, stimulation_id, before, limit)

    async def purge_commands(self, scope: str, *, older_than: float, limit: int = 1000) -> int:
        """Drop up to *limit* commands that ended over *older_than* seconds ago."""
        with self._lock:
            return self._commands.purge(scope, self._clock() - older_than, limit)

    @property
    def is_transactional(self) -> bool:
        """Whether `transaction` works: it does not."""
        return False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[HopTransaction]:
        """Refuse.

        Raises:
            StoreError: Always; there is no database to have a transaction in.
        """
        raise StoreError(f"{self.label} has no transactions: use a SqliteStore or a PostgresStore")
        yield  # makes it a context manager


def _key_of(cursor: str | None) -> float:
    if cursor is None:
        return math.inf
    try:
        return int(cursor)
    except ValueError:
        raise StoreError(f"{cursor!r} is no cursor: pass on what a page has as its cursor") from None
