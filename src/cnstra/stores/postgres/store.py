"""Runs in Postgres, with psycopg."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import final

from cnstra.errors import StoreError
from cnstra.persist.commands import CommandKind, CommandRecord, CommandResult, NewCommand
from cnstra.persist.delta import Delta
from cnstra.persist.limits import NO_LIMITS, Limits
from cnstra.persist.ports import EVERY_RUN
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
from cnstra.stores.postgres import claims, commands, keys, marks, ownership, reads, removal, workers
from cnstra.stores.postgres.access import Access
from cnstra.stores.postgres.address import address_of
from cnstra.stores.postgres.transactions import PostgresTransaction

__all__ = ["PostgresStore"]

RUNS_AT_ONCE = 50
"""Runs that a purge deletes in one transaction, so that commits wait for milliseconds only."""


@final
class PostgresStore:
    """Runs in a Postgres database, for any number of processes on any number of machines.

    What several runs commit at the same time is one statement, one round trip and one fsync. Every connection has
    ``synchronous_commit`` on, whatever the server's default is. The tables have a schema of their own, so your own may
    be in the same database, and ``transaction`` then commits a handler's statements and its hop as one.

    It needs Postgres 12 or newer (tested on 15, 16 and 18), and connections that keep their session: a pooler in
    between must not give one transaction to one of its own and the next to another.

    Args:
        url: ``postgresql://user:password@host:port/database?...``, with the parameters of libpq; or libpq's own
            ``host=... dbname=...``. In the query ``cnstra_schema`` and ``cnstra_prefix`` stand for the next two.
        schema: Where the tables are, ``"cnstra"`` if it is not given. It is made if it is not there, which takes a role
            that may do so; after that, one that may read and write the tables is enough.
        prefix: What the names of the tables begin with.
        pool_size: Most connections for the store's own work; four more admit, commit, listen and beat.
        max_transactions: Most handlers that may be in a `transaction` at once; others wait for their turn.
        transaction_timeout: Seconds after which a `transaction` in which nothing is done is undone: a process that
            stands still in one would keep its locks, and hold up whoever goes on with its run.
        timeout: Seconds to wait for a free connection, or for the server to come back, before a `StoreError`.

    Raises:
        StoreError: If *url* cannot be read.
    """

    def __init__(
        self,
        url: str,
        *,
        schema: str | None = None,
        prefix: str | None = None,
        pool_size: int = 4,
        max_transactions: int = 10,
        transaction_timeout: float = 60.0,
        timeout: float = 10.0,
    ) -> None:
        for name, size in (("pool_size", pool_size), ("max_transactions", max_transactions)):
            if size < 1:
                raise StoreError(f"{name} is {size}; it must be 1 or more")
        if not transaction_timeout > 0:
            raise StoreError(f"transaction_timeout is {transaction_timeout}; it must be a number of seconds above 0")
        self._address = address_of(url, schema, prefix)
        self._pool_size = pool_size
        self._max_transactions = max_transactions
        self._transaction_timeout = transaction_timeout
        self._timeout = timeout
        self._opened: Access | None = None
        self._opens = 0
        self._changing = asyncio.Lock()

    @property
    def label(self) -> str:
        """Name the store in messages, without the password."""
        return self._address.label

    async def open(self) -> None:
        """Connect, make or migrate the tables; while it is open, count one more user."""
        async with self._changing:
            if self._opened is None:
                access = Access(
                    self._address,
                    pool_size=self._pool_size,
                    max_transactions=self._max_transactions,
                    transaction_timeout=self._transaction_timeout,
                    patience=self._timeout,
                )
                await access.open()
                self._opened = access
            self._opens += 1

    async def close(self) -> None:
        """For the last user: finish what was begun, and disconnect."""
        async with self._changing:
            self._opens = max(self._opens - 1, 0)
            if self._opened is not None and not self._opens:
                access, self._opened = self._opened, None
                await access.close()
        self._changing = asyncio.Lock()  # the next user may be in another event loop

    @property
    def _access(self) -> Access:
        if self._opened is None:
            raise StoreError(f"{self.label} is not open: await its open() first")
        return self._opened

    # ---- workers ---------------------------------------------------------------------------------------------

    async def add_worker(self, worker: WorkerRecord, lease: float) -> None:
        """Insert or replace the worker's heartbeat row."""
        async with self._access.statement() as session:
            await workers.add_worker(session, worker, lease)

    def beat(self, worker_id: str, lease: float) -> bool:
        """Renew the worker's lease, on a connection of its own; it fails rather than wait for a third of the lease."""
        return self._access.beat(worker_id, lease)

    async def workers(self) -> list[WorkerRecord]:
        """Return all workers, the longest started first."""
        async with self._access.statement() as session:
            return await workers.all_workers(session)

    async def remove_worker(self, worker_id: str) -> None:
        """Drop the worker's row; an absent one is not an error."""
        async with self._access.writing() as session:
            await workers.remove_worker(session, worker_id)

    # ---- runs ------------------------------------------------------------------------------------------------

    async def admit(self, run: NewRun, worker_id: str | None) -> RunState | None:
        """Store a new run with its entry frontier; ``None`` if its id is taken."""
        return await self._access.admit(run, worker_id)

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        """Apply *deltas* in one transaction; tell for each whether it was applied."""
        return await self._access.commit(deltas) if deltas else []

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
        await self._access.settle_doubts()
        async with self._access.statement() as session:
            await claims.ripen(session, scope)
        asked = claims.Claim(scope, worker_id, dead, limit, max_recoveries, unfit, limits)
        async with self._access.taking() as (session, taken):
            states, ended = await claims.claim(session, asked)
            taken.update({state.key: (state.run.fence, worker_id) for state in states})
        if ended:
            async with self._access.statement() as session:
                await keys.touch(session, *ended)
                await session.tell(scope)  # a place may be free
        return states

    async def put_back(self, key: int, fence: int) -> bool:
        """Undo a claim of a run that was not started."""
        async with self._access.writing() as session:
            return await ownership.put_back(session, key, fence)

    async def next_due(self, scope: str) -> float | None:
        """Return in how many seconds the next ``pending`` run is due that is not due yet."""
        async with self._access.statement() as session:
            return await claims.next_due(session, scope)

    async def mark(self, scope: str, name: str) -> float | None:
        """Return how far what has this name has come, such as a schedule; ``None`` if nobody has told."""
        async with self._access.statement() as session:
            return await marks.mark(session, scope, name)

    async def advance(self, scope: str, name: str, to: float) -> None:
        """Note how far what has this name has come; it never goes back."""
        async with self._access.writing() as session:
            await marks.advance(session, scope, name, to)

    async def changed(self, scope: str, timeout: float) -> bool:  # noqa: ASYNC109 - as in the port
        """Wait until the server tells that a run may have become free, or for *timeout* seconds."""
        return await self._access.wait(scope, timeout)

    async def request_abort(self, scope: str, stimulation_id: str, reason: str) -> bool:
        """Ask whoever holds a run to abort it; return ``False`` if the run is over or unknown."""
        async with self._access.writing() as session:
            return await ownership.request_abort(session, scope, stimulation_id, reason)

    async def abort_requests(self, scope: str, worker_id: str) -> list[tuple[str, str]]:
        """Return id and reason of the runs of this worker that it is asked to abort."""
        async with self._access.statement() as session:
            return await ownership.abort_requests(session, scope, worker_id)

    async def take(
        self, scope: str, stimulation_id: str, worker_id: str, *, statuses: Collection[RunStatus], dead: Collection[str]
    ) -> RunState | None:
        """Take one run, failed tasks included, if its status is in *statuses* and no living worker holds it."""
        await self._access.settle_doubts()
        async with self._access.taking() as (session, taken):
            state = await ownership.take(session, scope, stimulation_id, worker_id, statuses=statuses, dead=dead)
            if state is not None:
                taken[state.key] = (state.run.fence, worker_id)
        return state

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
        async with self._access.writing() as session:
            return await ownership.settle(session, scope, stimulation_id, ownership.Verdict(status, error), dead)

    # ---- what is read ----------------------------------------------------------------------------------------

    async def get(self, scope: str, stimulation_id: str) -> RunRecord | None:
        """Return the run, or ``None``."""
        async with self._access.reading() as session:
            return await reads.get(session, scope, stimulation_id)

    async def peek(self, scope: str, stimulation_id: str) -> RunState | None:
        """Return the run as taking it would, but as it is."""
        async with self._access.reading() as session:
            return await reads.peek(session, scope, stimulation_id)

    async def attempts(self, scope: str, stimulation_id: str) -> list[AttemptRecord]:
        """Return the attempts of a run by number."""
        async with self._access.reading() as session:
            return await reads.attempts(session, scope, stimulation_id)

    async def tasks(self, scope: str, stimulation_id: str, attempt_number: int | None = None) -> list[StoredTask]:
        """Return the history of a run in the order in which tasks settled."""
        async with self._access.reading() as session:
            return await reads.tasks(session, scope, stimulation_id, attempt_number)

    async def frontier(self, scope: str, stimulation_id: str) -> list[FrontierTask]:
        """Return what is outstanding or failed, by ordinal."""
        async with self._access.reading() as session:
            return await reads.frontier(session, scope, stimulation_id)

    async def list(
        self, scope: str, *, where: RunFilter = EVERY_RUN, limit: int = 100, cursor: str | None = None
    ) -> Page:
        """Return the runs that *where* selects, the newest first, from *cursor* on."""
        async with self._access.reading() as session:
            return await reads.list_runs(session, scope, where=where, limit=limit, cursor=cursor)

    async def stats(self, scope: str) -> StoreStats:
        """Return the store in numbers; its size is that of its tables with their indexes."""
        async with self._access.reading() as session:
            return await reads.stats(session, scope)

    # ---- what is removed -------------------------------------------------------------------------------------

    async def delete(self, scope: str, stimulation_id: str, *, dead: Collection[str]) -> bool:
        """Drop a run with everything of it, unless a living worker holds it."""
        async with self._access.writing() as session:
            return await removal.delete(session, scope, stimulation_id, dead)

    async def purge(
        self, scope: str, *, statuses: Collection[RunStatus], older_than: float, keep: int = 0, limit: int = 1000
    ) -> int:
        """Drop up to *limit* runs that ended over *older_than* seconds ago, except the *keep* latest."""
        dropped = 0
        async with self._access.statement() as session:
            until = await removal.boundary(session, scope, statuses, keep)
        while until is not None and dropped < limit:
            most = min(RUNS_AT_ONCE, limit - dropped)
            async with self._access.writing() as session:
                deleted = await removal.purge(
                    session, scope, statuses=statuses, older_than=older_than, until=until, limit=most
                )
            dropped += deleted
            if deleted < most:  # there are no more, or somebody is writing to the rest
                break
        return dropped

    # ---- commands --------------------------------------------------------------------------------------------

    async def order(self, command: NewCommand) -> CommandRecord:
        """Store a command, unless there is one of its key; return it."""
        async with self._access.writing() as session:
            return await commands.order(session, command)

    async def take_command(
        self, scope: str, worker_id: str, *, kinds: Collection[CommandKind], dead: Collection[str]
    ) -> CommandRecord | None:
        """Take the oldest command of these kinds that no living worker has."""
        return await self._access.take_command(commands.Wanted(scope, worker_id, kinds, dead))

    async def end_command(self, scope: str, number: int, takes: int, result: CommandResult) -> bool:
        """Note how a command ended; ``False`` if it has been taken again, or has ended."""
        async with self._access.statement() as session:
            return await commands.end(session, scope, number, takes, result)

    async def command(self, scope: str, key: str) -> CommandRecord | None:
        """Return the command of this key, or ``None``."""
        async with self._access.statement() as session:
            return await commands.find(session, scope, key)

    async def commands(
        self, scope: str, *, stimulation_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[CommandRecord]:
        """Return commands, the latest first."""
        async with self._access.statement() as session:
            return await commands.listed(session, scope, run_id=stimulation_id, before=before, limit=limit)

    async def purge_commands(self, scope: str, *, older_than: float, limit: int = 1000) -> int:
        """Drop up to *limit* commands that ended over *older_than* seconds ago."""
        async with self._access.statement() as session:
            return await commands.purge(session, scope, older_than=older_than, limit=limit)

    # ---- transactions ----------------------------------------------------------------------------------------

    @property
    def is_transactional(self) -> bool:
        """Whether `transaction` works: it does."""
        return True

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        """Open a transaction for a handler's own statements, on a connection of psycopg, as soon as one is free."""
        async with self._access.transaction() as transaction:
            yield transaction
