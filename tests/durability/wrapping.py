"""A store that passes everything on to another one, so that a test can step in between."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeVar

from cnstra.persist.commands import CommandKind, CommandRecord, CommandResult, NewCommand
from cnstra.persist.delta import Delta
from cnstra.persist.limits import NO_LIMITS, Limits
from cnstra.persist.ports import EVERY_RUN, HopTransaction, Store
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

T = TypeVar("T")


class StoreWrapper:
    """Passes on; a subclass overrides `around`, which every operation but `beat` goes through."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    async def around(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        return await call()

    @property
    def label(self) -> str:
        return self.inner.label

    async def open(self) -> None:
        await self.around("open", self.inner.open)

    async def close(self) -> None:
        await self.around("close", self.inner.close)

    async def add_worker(self, worker: WorkerRecord, lease: float) -> None:
        await self.around("add_worker", partial(self.inner.add_worker, worker, lease))

    def beat(self, worker_id: str, lease: float) -> bool:
        return self.inner.beat(worker_id, lease)

    async def workers(self) -> list[WorkerRecord]:
        return await self.around("workers", self.inner.workers)

    async def remove_worker(self, worker_id: str) -> None:
        await self.around("remove_worker", partial(self.inner.remove_worker, worker_id))

    async def admit(self, run: NewRun, worker_id: str | None) -> RunState | None:
        return await self.around("admit", partial(self.inner.admit, run, worker_id))

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        return await self.around("commit", partial(self.inner.commit, deltas))

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
        call = partial(
            self.inner.claim,
            scope,
            worker_id,
            dead=dead,
            limit=limit,
            max_recoveries=max_recoveries,
            unfit=unfit,
            limits=limits,
        )
        return await self.around("claim", call)

    async def put_back(self, key: int, fence: int) -> bool:
        return await self.around("put_back", partial(self.inner.put_back, key, fence))

    async def next_due(self, scope: str) -> float | None:
        return await self.around("next_due", partial(self.inner.next_due, scope))

    async def mark(self, scope: str, name: str) -> float | None:
        return await self.around("mark", partial(self.inner.mark, scope, name))

    async def advance(self, scope: str, name: str, to: float) -> None:
        await self.around("advance", partial(self.inner.advance, scope, name, to))

    async def changed(self, scope: str, timeout: float) -> bool:  # noqa: ASYNC109 - as in the port
        return await self.inner.changed(scope, timeout)

    async def request_abort(self, scope: str, stimulation_id: str, reason: str) -> bool:
        return await self.around("request_abort", partial(self.inner.request_abort, scope, stimulation_id, reason))

    async def abort_requests(self, scope: str, worker_id: str) -> list[tuple[str, str]]:
        return await self.around("abort_requests", partial(self.inner.abort_requests, scope, worker_id))

    async def take(
        self, scope: str, stimulation_id: str, worker_id: str, *, statuses: Collection[RunStatus], dead: Collection[str]
    ) -> RunState | None:
        call = partial(self.inner.take, scope, stimulation_id, worker_id, statuses=statuses, dead=dead)
        return await self.around("take", call)

    async def settle(
        self,
        scope: str,
        stimulation_id: str,
        status: RunStatus,
        *,
        dead: Collection[str],
        error: ErrorRecord | None = None,
    ) -> bool:
        call = partial(self.inner.settle, scope, stimulation_id, status, dead=dead, error=error)
        return await self.around("settle", call)

    async def get(self, scope: str, stimulation_id: str) -> RunRecord | None:
        return await self.around("get", partial(self.inner.get, scope, stimulation_id))

    async def peek(self, scope: str, stimulation_id: str) -> RunState | None:
        return await self.around("peek", partial(self.inner.peek, scope, stimulation_id))

    async def attempts(self, scope: str, stimulation_id: str) -> list[AttemptRecord]:
        return await self.around("attempts", partial(self.inner.attempts, scope, stimulation_id))

    async def tasks(self, scope: str, stimulation_id: str, attempt_number: int | None = None) -> list[StoredTask]:
        return await self.around("tasks", partial(self.inner.tasks, scope, stimulation_id, attempt_number))

    async def frontier(self, scope: str, stimulation_id: str) -> list[FrontierTask]:
        return await self.around("frontier", partial(self.inner.frontier, scope, stimulation_id))

    async def delete(self, scope: str, stimulation_id: str, *, dead: Collection[str]) -> bool:
        return await self.around("delete", partial(self.inner.delete, scope, stimulation_id, dead=dead))

    async def purge(
        self, scope: str, *, statuses: Collection[RunStatus], older_than: float, keep: int = 0, limit: int = 1000
    ) -> int:
        call = partial(self.inner.purge, scope, statuses=statuses, older_than=older_than, keep=keep, limit=limit)
        return await self.around("purge", call)

    async def list(
        self, scope: str, *, where: RunFilter = EVERY_RUN, limit: int = 100, cursor: str | None = None
    ) -> Page:
        return await self.around("list", partial(self.inner.list, scope, where=where, limit=limit, cursor=cursor))

    async def stats(self, scope: str) -> StoreStats:
        return await self.around("stats", partial(self.inner.stats, scope))

    async def order(self, command: NewCommand) -> CommandRecord:
        return await self.around("order", partial(self.inner.order, command))

    async def take_command(
        self, scope: str, worker_id: str, *, kinds: Collection[CommandKind], dead: Collection[str]
    ) -> CommandRecord | None:
        call = partial(self.inner.take_command, scope, worker_id, kinds=kinds, dead=dead)
        return await self.around("take_command", call)

    async def end_command(self, scope: str, number: int, takes: int, result: CommandResult) -> bool:
        return await self.around("end_command", partial(self.inner.end_command, scope, number, takes, result))

    async def command(self, scope: str, key: str) -> CommandRecord | None:
        return await self.around("command", partial(self.inner.command, scope, key))

    async def commands(
        self, scope: str, *, stimulation_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[CommandRecord]:
        call = partial(self.inner.commands, scope, stimulation_id=stimulation_id, before=before, limit=limit)
        return await self.around("commands", call)

    async def purge_commands(self, scope: str, *, older_than: float, limit: int = 1000) -> int:
        return await self.around(
            "purge_commands", partial(self.inner.purge_commands, scope, older_than=older_than, limit=limit)
        )

    @property
    def is_transactional(self) -> bool:
        return self.inner.is_transactional

    def transaction(self) -> AbstractAsyncContextManager[HopTransaction]:
        return self.inner.transaction()
