"""Runs in a file: SQLite, with the standard library's driver."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import TypeVar, final

from cnstra.errors import StoreError
from cnstra.persist.commands import CommandKind, CommandRecord, CommandResult, NewCommand
from cnstra.persist.delta import Delta
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
from cnstra.stores.sqlite import claims, commands, ending, listing, marks, reads, removal, schedule, workers
from cnstra.stores.sqlite.admission import admit
from cnstra.stores.sqlite.changes import ChangeWatch
from cnstra.stores.sqlite.commits import commit_all, commit_fitting
from cnstra.stores.sqlite.errors import Stale, explain
from cnstra.stores.sqlite.heart import Heart
from cnstra.stores.sqlite.hop_connection import connect_for_hop
from cnstra.stores.sqlite.pace import Pace
from cnstra.stores.sqlite.prompt import PromptWriter
from cnstra.stores.sqlite.schema import Synchronous, connect, connect_writer
from cnstra.stores.sqlite.thread import DatabaseThread, Together, each
from cnstra.stores.sqlite.transaction import Transactions

__all__ = ["SqliteStore"]

T = TypeVar("T")

RUNS_AT_ONCE = 50
"""Runs that a purge deletes in one transaction, so that commits wait for milliseconds only."""
PAGES_AT_ONCE = 500


@final
class SqliteStore:
    """Runs in one SQLite file, for any number of processes on one machine.

    One thread writes, and what several coroutines write at the same time shares one transaction and its fsync; another
    thread reads, and holds nobody up. The tables are called ``cnstra_...`` and may live beside your own.

    Args:
        path: The file; it is made if it is not there, but its folder is not. Not on a network file system.
        synchronous: ``"FULL"`` has every commit on disk when it returns. With ``"NORMAL"`` a crash of the machine (not
            of the process) may take the last commits back, with ``"OFF"`` it may damage the file.
        busy_timeout: Seconds to wait for other processes that write, before a `StoreError`.
        transaction_timeout: Seconds after which a `transaction` that is open is undone: all the while nobody else can
            write into the file, and heartbeats are writes too.

    Raises:
        StoreError: If *path* is ``":memory:"`` or empty, which would be a database for each thread.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        synchronous: Synchronous = "FULL",
        busy_timeout: float = 5.0,
        transaction_timeout: float = 5.0,
    ) -> None:
        if str(path) in ("", ":memory:"):
            raise StoreError(f"SqliteStore needs a file, not {str(path)!r}; for runs in memory use MemoryStore()")
        if synchronous not in ("FULL", "NORMAL", "OFF"):
            raise StoreError(f"synchronous is {synchronous!r}; it can be 'FULL', 'NORMAL' or 'OFF'")
        self._path = Path(path).absolute()  # connections are opened later, maybe from another working directory
        self._busy_timeout = busy_timeout
        explain_error = partial(explain, path=self._path, busy_timeout=busy_timeout)
        pace = Pace()
        together = Together(busy_timeout, pace)
        self._writer = DatabaseThread(
            f"the SQLite store {self._path}",
            connect=lambda: connect_writer(self._path, busy_timeout, synchronous),
            disconnect=_check_in,
            serve=together,
            explain=explain_error,
        )
        self._prompt = PromptWriter(self._writer, together, pace)
        self._watch = ChangeWatch()
        self._reader = DatabaseThread(
            f"the reader of the SQLite store {self._path}",
            connect=self._connect_reader,
            disconnect=sqlite3.Connection.close,
            serve=each,
            explain=explain_error,
        )
        self._transactions = Transactions(
            connect=partial(connect_for_hop, self._path, busy_timeout, synchronous),
            thread=self._writer,
            time_limit=transaction_timeout,
        )
        self._heart = Heart(self.label, connect=partial(connect, self._path, busy_timeout), explain=explain_error)
        self._opens = 0
        self._changing = asyncio.Lock()

    @property
    def label(self) -> str:
        """Name the store in messages."""
        return f"the SQLite store {self._path}"

    async def open(self) -> None:
        """Open the file, make or migrate its tables; while it is open, count one more user."""
        async with self._changing:
            if not self._opens:
                await self._writer.open()
                try:
                    await self._reader.open()
                except BaseException:
                    await self._writer.close()
                    raise
                self._heart.open()
            self._opens += 1

    async def close(self) -> None:
        """For the last user: finish what was begun, fold the write-ahead log into the file, close it."""
        async with self._changing:
            if self._opens > 1:
                self._opens -= 1
                return
            self._opens = 0
            self._transactions.abandon()
            self._prompt.begin()
            self._heart.close()
            await self._reader.close()
            await self._writer.close()
        self._changing = asyncio.Lock()  # the next user may be in another event loop

    def _connect_reader(self) -> sqlite3.Connection:
        connection = connect(self._path, self._busy_timeout)
        listing.install(connection)
        self._watch.has_changed(connection)  # what was changed before is no change
        return connection

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._transactions.check_outside()
        return await self._writer.run(work)

    async def _change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Write what others may be waiting for; the work itself tells other processes."""
        result = await self._write(work)
        if result:
            self._watch.tell()
        return result

    async def add_worker(self, worker: WorkerRecord, lease: float) -> None:
        """Insert or replace the worker's heartbeat row."""
        await self._write(partial(workers.add_worker, worker=worker, lease=lease))

    def beat(self, worker_id: str, lease: float) -> bool:
        """Renew the worker's lease, on a connection of its own: long work of the other threads does not delay it."""
        return self._heart.beat(worker_id, lease)

    async def workers(self) -> list[WorkerRecord]:
        """Return all workers, the longest started first."""
        return await self._reader.run(workers.all_workers)

    async def remove_worker(self, worker_id: str) -> None:
        """Drop the worker's row; an absent one is not an error."""
        await self._change(partial(workers.remove_worker, worker_id=worker_id))

    async def admit(self, run: NewRun, worker_id: str | None) -> RunState | None:
        """Store a new run with its entry frontier; ``None`` if its id is taken."""
        work = partial(admit, run=run, worker_id=worker_id)
        if worker_id is None:
            return await self._change(work)
        self._transactions.check_outside()
        return await self._prompt.write_alone(work)

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        """Apply *deltas* in one transaction; tell for each whether it was applied."""
        try:
            await self._write(partial(commit_all, deltas=deltas))
            applied = [True] * len(deltas)
        except Stale:  # rare: a run was taken over, deleted, or the answer to an earlier try was lost
            applied = await self._write(partial(commit_fitting, deltas=deltas))
        self._tell_of(deltas)
        return applied

    def commit_now(self, deltas: Sequence[Delta]) -> list[bool] | None:
        """Commit like `commit`, but in the calling thread, while the disk is fast and nothing else is in the way."""
        if self._prompt.write(partial(commit_all, deltas=deltas)) is None:
            return None
        self._tell_of(deltas)
        return [True] * len(deltas)

    def _tell_of(self, deltas: Sequence[Delta]) -> None:
        if any(delta.ended is not None and delta.ended.status == "pending" for delta in deltas):
            self._watch.tell()

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
        work = partial(
            claims.claim,
            scope=scope,
            worker_id=worker_id,
            dead=dead,
            limit=limit,
            max_recoveries=max_recoveries,
            unfit=frozenset(unfit),
            limits=limits,
        )
        states, is_cut_short = await self._write(work)
        while is_cut_short and not states:
            states, is_cut_short = await self._write(work)
        return states

    async def put_back(self, key: int, fence: int) -> bool:
        """Undo a claim of a run that was not started."""
        return await self._change(partial(claims.put_back, key=key, fence=fence))

    async def next_due(self, scope: str) -> float | None:
        """Return in how many seconds the next waiting run is due that is not due yet."""
        return await self._reader.run(partial(schedule.next_due, scope=scope))

    async def mark(self, scope: str, name: str) -> float | None:
        """Return how far what has this name has come, such as a schedule; ``None`` if nobody has told."""
        return await self._reader.run(partial(marks.mark, scope=scope, name=name))

    async def advance(self, scope: str, name: str, to: float) -> None:
        """Note how far what has this name has come; it never goes back."""
        await self._write(partial(marks.advance, scope=scope, name=name, to=to))

    async def changed(self, scope: str, timeout: float) -> bool:  # noqa: ARG002, ASYNC109 - told of every scope
        """Wait until a run may have become free or an abort may have been requested, or for *timeout* seconds."""
        return await self._watch.wait(lambda: self._reader.run(self._watch.has_changed), timeout)

    async def request_abort(self, scope: str, stimulation_id: str, reason: str) -> bool:
        """Ask whoever holds a run to abort it; return ``False`` if the run is over or unknown."""
        return await self._change(partial(ending.request_abort, scope=scope, run_id=stimulation_id, reason=reason))

    async def abort_requests(self, scope: str, worker_id: str) -> list[tuple[str, str]]:
        """Return id and reason of the runs of this worker that it is asked to abort."""
        return await self._reader.run(partial(ending.abort_requests, scope=scope, worker_id=worker_id))

    async def take(
        self, scope: str, stimulation_id: str, worker_id: str, *, statuses: Collection[RunStatus], dead: Collection[str]
    ) -> RunState | None:
        """Take one run, failed tasks included, if its status is in *statuses* and no living worker holds it."""
        work = partial(
            claims.take, scope=scope, run_id=stimulation_id, worker_id=worker_id, statuses=statuses, dead=dead
        )
        return await self._write(work)

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
        return await self._change(
            partial(ending.settle, scope=scope, run_id=stimulation_id, status=status, dead=dead, error=error)
        )

    async def get(self, scope: str, stimulation_id: str) -> RunRecord | None:
        """Return the run, or ``None``."""
        return await self._reader.run(partial(reads.get, scope=scope, run_id=stimulation_id))

    async def peek(self, scope: str, stimulation_id: str) -> RunState | None:
        """Return the run as taking it would, without taking it."""
        return await self._reader.run(partial(reads.peek, scope=scope, run_id=stimulation_id))

    async def attempts(self, scope: str, stimulation_id: str) -> list[AttemptRecord]:
        """Return the attempts of a run by number."""
        return await self._reader.run(partial(reads.attempts, scope=scope, run_id=stimulation_id))

    async def tasks(self, scope: str, stimulation_id: str, attempt_number: int | None = None) -> list[StoredTask]:
        """Return the history of a run in the order in which tasks settled."""
        return await self._reader.run(
            partial(reads.tasks, scope=scope, run_id=stimulation_id, attempt_number=attempt_number)
        )

    async def frontier(self, scope: str, stimulation_id: str) -> list[FrontierTask]:
        """Return what is outstanding or failed, by ordinal."""
        return await self._reader.run(partial(reads.frontier, scope=scope, run_id=stimulation_id))

    async def delete(self, scope: str, stimulation_id: str, *, dead: Collection[str]) -> bool:
        """Drop a run with everything of it, unless a living worker holds it."""
        return await self._write(partial(removal.delete, scope=scope, run_id=stimulation_id, dead=dead))

    async def purge(
        self, scope: str, *, statuses: Collection[RunStatus], older_than: float, keep: int = 0, limit: int = 1000
    ) -> int:
        """Drop up to *limit* runs that ended over *older_than* seconds ago, and give their space back."""
        dropped = 0
        while dropped < limit:
            most = min(RUNS_AT_ONCE, limit - dropped)
            work = partial(removal.purge, scope=scope, statuses=statuses, older_than=older_than, keep=keep, limit=most)
            batch = await self._write(work)
            dropped += batch
            if batch < most:
                break
        while dropped and await self._write(partial(removal.free_pages, most=PAGES_AT_ONCE)):
            pass
        return dropped

    async def list(
        self, scope: str, *, where: RunFilter = EVERY_RUN, limit: int = 100, cursor: str | None = None
    ) -> Page:
        """Return the runs that *where* selects, the newest first, from *cursor* on."""
        work = partial(listing.list_runs, scope=scope, where=where, limit=limit, cursor=cursor)
        return await self._reader.run(work)

    async def stats(self, scope: str) -> StoreStats:
        """Return the store in numbers; its size is that of the file."""
        return await self._reader.run(partial(listing.stats, scope=scope))

    async def order(self, command: NewCommand) -> CommandRecord:
        """Store a command, unless there is one of its key; return it."""
        row, is_new = await self._write(partial(commands.order, command=command))
        if is_new:
            self._watch.tell()
        return row

    async def take_command(
        self, scope: str, worker_id: str, *, kinds: Collection[CommandKind], dead: Collection[str]
    ) -> CommandRecord | None:
        """Take the oldest command of these kinds that no living worker has."""
        look = partial(commands.find_free, scope=scope, kinds=kinds, dead=dead)
        if await self._reader.run(look) is None:  # most looks: they keep nobody from writing
            return None
        return await self._write(partial(commands.take, scope=scope, worker_id=worker_id, kinds=kinds, dead=dead))

    async def end_command(self, scope: str, number: int, takes: int, result: CommandResult) -> bool:
        """Note how a command ended; ``False`` if it has been taken again, or has ended."""
        return await self._write(partial(commands.end, scope=scope, number=number, takes=takes, result=result))

    async def command(self, scope: str, key: str) -> CommandRecord | None:
        """Return the command of this key, or ``None``."""
        return await self._reader.run(partial(commands.find, scope=scope, key=key))

    async def commands(
        self, scope: str, *, stimulation_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[CommandRecord]:
        """Return commands, the latest first."""
        work = partial(commands.listed, scope=scope, run_id=stimulation_id, before=before, limit=limit)
        return await self._reader.run(work)

    async def purge_commands(self, scope: str, *, older_than: float, limit: int = 1000) -> int:
        """Drop up to *limit* commands that ended over *older_than* seconds ago."""
        return await self._write(partial(commands.purge, scope=scope, older_than=older_than, limit=limit))

    @property
    def is_transactional(self) -> bool:
        """Whether `transaction` works: it does."""
        return True

    def transaction(self) -> AbstractAsyncContextManager[HopTransaction]:
        """Open a transaction for a handler's own statements, which its hop commits; left without that, it is undone."""
        return self._transactions.open()


def _check_in(connection: sqlite3.Connection) -> None:
    """Fold the write-ahead log into the file, as far as other processes let it, and close."""
    try:
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error:  # the log stays, and is read when the file is opened again
        pass
    finally:
        connection.close()
