"""Runs in Redis or Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import final

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
from cnstra.stores.redis import commands, history, listing, marks, numbers, removal, taking, workers
from cnstra.stores.redis.address import Address
from cnstra.stores.redis.admission import admit
from cnstra.stores.redis.claiming import Claim, put_back
from cnstra.stores.redis.commits import commit, commit_now
from cnstra.stores.redis.connecting import connect, disconnect, warn_of_loss
from cnstra.stores.redis.heart import Heart
from cnstra.stores.redis.keys import check_prefix, to_bytes
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.prompt import PromptServer
from cnstra.stores.redis.reading import read
from cnstra.stores.redis.servers import Cluster
from cnstra.stores.redis.watching import Watcher

__all__ = ["RedisStore"]


@final
class RedisStore:
    """Runs in Redis (6.2 or newer) or Valkey, on one server or in a cluster, for any number of processes.

    One call of a script is one commit: a delta is applied whole or not at all. Several runs that commit together share
    a call, and yet each of their deltas stands for itself.

    It is as durable as the server. With ``appendonly yes`` and ``appendfsync always`` a commit is on disk when it
    returns; with ``everysec`` a crash of the machine may take the last second back, and without an append-only file a
    restart may lose everything, of which a warning is logged. A replica gets a commit after it has returned: a failover
    may take the last ones back. A server that drops keys to make room is refused.

    In a cluster, a scope is in one slot: what must change together has to be there. Scopes spread over the nodes.

    Args:
        url: ``redis://[[user]:password@]host[:port][/database]``, ``rediss://`` for TLS, or ``unix://path``. Options of
            redis-py may follow after a ``?``, and ``cnstra_prefix``, which stands for the next one.
        prefix: What all keys begin with, in braces (``cnstra``); stores with different prefixes do not see each other.
        timeout: Seconds to wait for an answer of the server, or for it to come back, before a `StoreError`.

    Raises:
        StoreError: If *url* or *prefix* cannot be used.
    """

    def __init__(self, url: str, *, prefix: str | None = None, timeout: float = 5.0) -> None:
        self._address = Address(url, connect_timeout=timeout)
        self._timeout = timeout
        prefix = self._address.prefix if prefix is None else prefix
        check_prefix(prefix)
        self._link = Link(f"the Redis store {self._address.label} ({prefix})", prefix)
        self._watcher: Watcher | None = None
        self._heart: Heart | None = None
        self._prompt: PromptServer | None = None
        self._opens = 0
        self._changing = asyncio.Lock()
        self._has_warned = False

    @property
    def label(self) -> str:
        """Name the store in messages, without password."""
        return self._link.label

    async def open(self) -> None:
        """Connect, and see that the server is fit; while it is open, count one more user."""
        async with self._changing:
            if not self._opens:
                await self._connect()
            self._opens += 1

    async def _connect(self) -> None:
        told = await connect(self._link, self._address, self._timeout)
        server = self._link.server
        assert server is not None  # noqa: S101 - for the type checker
        if not self._has_warned:
            warn_of_loss(self.label, told)
            self._has_warned = True
        self._watcher = Watcher(server.connection, self._link.changed)
        await self._watcher.start()
        is_cluster = isinstance(server, Cluster)
        self._heart = Heart(self._address, is_cluster=is_cluster, keys=self._link.workers)
        self._prompt = None if is_cluster else PromptServer(self._address)

    async def close(self) -> None:
        """Disconnect, once every user has."""
        async with self._changing:
            if self._opens > 1:
                self._opens -= 1
                return
            self._opens = 0
            await self._disconnect()
        self._changing = asyncio.Lock()  # the next user may be in another event loop

    async def _disconnect(self) -> None:
        watcher, heart, prompt = self._watcher, self._heart, self._prompt
        self._watcher = self._heart = self._prompt = None
        if watcher is not None:
            await watcher.close()
        if heart is not None:
            heart.close()
        if prompt is not None:
            prompt.close()
        await disconnect(self._link)

    async def add_worker(self, worker: WorkerRecord, lease: float) -> None:
        """Insert or replace the worker's heartbeat row."""
        await workers.add_worker(self._link, worker, lease)

    def beat(self, worker_id: str, lease: float) -> bool:
        """Renew the worker's lease, on a connection of its own; gives up after a quarter of the lease, or 2 seconds."""
        heart = self._heart
        if heart is None:
            raise StoreError(f"{self.label} is not open: await its open() first")
        with self._link.explaining():
            return heart.beat(worker_id, lease)

    async def workers(self) -> list[WorkerRecord]:
        """Return all workers, the longest started first."""
        return await workers.all_workers(self._link)

    async def remove_worker(self, worker_id: str) -> None:
        """Drop the worker's row; an absent one is not an error."""
        await workers.remove_worker(self._link, worker_id)

    async def admit(self, run: NewRun, worker_id: str | None) -> RunState | None:
        """Store a new run with its entry frontier; ``None`` if its id is taken."""
        return await admit(self._link, run, worker_id)

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        """Apply *deltas*, each whole or not at all; tell for each whether it was applied.

        If this raises, some of them may be applied: committing all of them again is safe.
        """
        return await commit(self._link, deltas) if deltas else []

    def commit_now(self, deltas: Sequence[Delta]) -> list[bool] | None:
        """Commit like `commit`, but waiting in the calling thread, while the server answers at once.

        If this raises, they may be applied: committing them again is safe.
        """
        if self._prompt is None or not self._prompt.is_fast:
            return None
        return commit_now(self._link, self._prompt, deltas)

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
        living = await self._link.living(dead)
        claim = Claim(
            self._link,
            self._link.space(scope),
            worker_id,
            living=living,
            max_recoveries=max_recoveries,
            unfit=unfit,
            limits=limits,
        )
        return await claim.take(limit)

    async def put_back(self, key: int, fence: int) -> bool:
        """Undo a claim of a run that was not started."""
        return await put_back(self._link, key, fence)

    async def next_due(self, scope: str) -> float | None:
        """Return in how many seconds the next waiting run is due that is not due yet."""
        return await numbers.next_due(self._link, self._link.space(scope))

    async def mark(self, scope: str, name: str) -> float | None:
        """Return how far what has this name has come, such as a schedule; ``None`` if nobody has told."""
        return await marks.mark(self._link, self._link.space(scope), name)

    async def advance(self, scope: str, name: str, to: float) -> None:
        """Note how far what has this name has come; it never goes back."""
        await marks.advance(self._link, self._link.space(scope), name, to)

    async def changed(self, scope: str, timeout: float) -> bool:  # noqa: ASYNC109 - the store waits, no task is cancelled
        """Wait for the server to tell of a change in *scope*, or for *timeout* seconds."""
        if self._watcher is None:
            raise StoreError(f"{self.label} is not open: await its open() first")
        return await self._watcher.wait(self._link.space(scope).telling[1], timeout)

    async def request_abort(self, scope: str, stimulation_id: str, reason: str) -> bool:
        """Ask whoever holds a run to abort it; return ``False`` if the run is over or unknown."""
        return await taking.request_abort(self._link, self._link.space(scope), to_bytes(stimulation_id), reason)

    async def abort_requests(self, scope: str, worker_id: str) -> list[tuple[str, str]]:
        """Return id and reason of the runs of this worker that it is asked to abort."""
        return await taking.abort_requests(self._link, self._link.space(scope), worker_id)

    async def take(
        self, scope: str, stimulation_id: str, worker_id: str, *, statuses: Collection[RunStatus], dead: Collection[str]
    ) -> RunState | None:
        """Take one run, failed tasks included, if its status is in *statuses* and no living worker holds it."""
        run_id = to_bytes(stimulation_id)
        return await taking.take(self._link, self._link.space(scope), run_id, worker_id, statuses=statuses, dead=dead)

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
        run_id = to_bytes(stimulation_id)
        return await taking.settle(self._link, self._link.space(scope), run_id, status, dead=dead, error=error)

    async def get(self, scope: str, stimulation_id: str) -> RunRecord | None:
        """Return the run, or ``None``."""
        return await listing.get(self._link, self._link.space(scope), to_bytes(stimulation_id))

    async def peek(self, scope: str, stimulation_id: str) -> RunState | None:
        """Return the run as taking it would, without taking it."""
        return await read(self._link, self._link.space(scope), to_bytes(stimulation_id))

    async def attempts(self, scope: str, stimulation_id: str) -> list[AttemptRecord]:
        """Return the attempts of a run by number."""
        return await history.attempts(self._link, self._link.space(scope), to_bytes(stimulation_id))

    async def tasks(self, scope: str, stimulation_id: str, attempt_number: int | None = None) -> list[StoredTask]:
        """Return the history of a run in the order in which tasks settled."""
        return await history.tasks(self._link, self._link.space(scope), to_bytes(stimulation_id), attempt_number)

    async def frontier(self, scope: str, stimulation_id: str) -> list[FrontierTask]:
        """Return what is outstanding or failed, by ordinal."""
        state = await self.peek(scope, stimulation_id)
        if state is None:
            return []
        return [
            FrontierTask(task, None if task.signal is None else state.signals.get(task.signal)) for task in state.tasks
        ]

    async def delete(self, scope: str, stimulation_id: str, *, dead: Collection[str]) -> bool:
        """Drop a run with everything of it, unless a living worker holds it; also one that cannot be read."""
        return await taking.delete(self._link, self._link.space(scope), to_bytes(stimulation_id), dead=dead)

    async def purge(
        self, scope: str, *, statuses: Collection[RunStatus], older_than: float, keep: int = 0, limit: int = 1000
    ) -> int:
        """Drop up to *limit* runs that ended over *older_than* seconds ago, but not the *keep* latest."""
        space = self._link.space(scope)
        return await removal.purge(self._link, space, statuses=statuses, older_than=older_than, keep=keep, limit=limit)

    async def list(
        self, scope: str, *, where: RunFilter = EVERY_RUN, limit: int = 100, cursor: str | None = None
    ) -> Page:
        """Return the runs that *where* selects, the newest first, from *cursor* on."""
        return await listing.list_runs(self._link, self._link.space(scope), where, limit, cursor)

    async def stats(self, scope: str) -> StoreStats:
        """Return the store in numbers; its size is the memory of the servers, with what else they hold."""
        return await numbers.stats(self._link, self._link.space(scope))

    async def order(self, command: NewCommand) -> CommandRecord:
        """Store a command, unless there is one of its key; return it."""
        return await commands.order(self._link, self._link.space(command.scope), command)

    async def take_command(
        self, scope: str, worker_id: str, *, kinds: Collection[CommandKind], dead: Collection[str]
    ) -> CommandRecord | None:
        """Take the oldest command of these kinds that no living worker has."""
        return await commands.take_command(self._link, self._link.space(scope), worker_id, kinds=kinds, dead=dead)

    async def end_command(self, scope: str, number: int, takes: int, result: CommandResult) -> bool:
        """Note how a command ended; ``False`` if it has been taken again, or has ended."""
        return await commands.end_command(self._link, self._link.space(scope), number, takes, result)

    async def command(self, scope: str, key: str) -> CommandRecord | None:
        """Return the command of this key, or ``None``."""
        return await commands.command(self._link, self._link.space(scope), key)

    async def commands(
        self, scope: str, *, stimulation_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[CommandRecord]:
        """Return commands, the latest first; numbers count in each scope."""
        space = self._link.space(scope)
        return await commands.commands(self._link, space, stimulation_id=stimulation_id, before=before, limit=limit)

    async def purge_commands(self, scope: str, *, older_than: float, limit: int = 1000) -> int:
        """Drop up to *limit* commands that ended over *older_than* seconds ago."""
        return await commands.purge_commands(self._link, self._link.space(scope), older_than=older_than, limit=limit)

    @property
    def is_transactional(self) -> bool:
        """Whether `transaction` works: it does not."""
        return False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[HopTransaction]:
        """Refuse.

        Raises:
            StoreError: Always; Redis has no transaction that a handler's own statements could be in.
        """
        raise StoreError(f"{self.label} has no transactions: use a SqliteStore or a PostgresStore")
        yield  # makes it a context manager
