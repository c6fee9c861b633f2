"""Looking at stored runs, and dropping them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, get_args

from cnstra.durable.naming import activation_prefix
from cnstra.durable.retention import FINAL_STATUSES, purge
from cnstra.durable.views import RunInfo, RunPage, TaskInfo, frontier_task, run_info, settled_task
from cnstra.errors import GraphError, RunNotFound
from cnstra.persist.records import AttemptRecord, RunFilter, RunStatus

if TYPE_CHECKING:
    from cnstra.durable.worker import Worker
    from cnstra.persist.ports import Store

__all__ = ["StoredRuns"]


class StoredRuns:
    """What a runner tells of the runs in its store.

    Args:
        worker: Has the store.
        scope: Which graph's runs.
    """

    def __init__(self, worker: Worker, scope: str) -> None:
        self._worker = worker
        self.scope = scope

    @property
    def store(self) -> Store:
        """The store."""
        return self._worker.store

    async def get(self, stimulation_id: str) -> RunInfo | None:
        """Return a stored run, or ``None``."""
        self._worker.require_open()
        record = await self.store.get(self.scope, stimulation_id)
        return None if record is None else run_info(record)

    async def attempts(self, stimulation_id: str) -> Sequence[AttemptRecord]:
        """Return the attempts of a run, the first one first."""
        self._worker.require_open()
        return await self.store.attempts(self.scope, stimulation_id)

    async def tasks(self, stimulation_id: str, attempt_number: int | None = None) -> Sequence[TaskInfo]:
        """Return the settled activations of a run, or of one attempt, in order; volume ``full`` only."""
        self._worker.require_open()
        prefix = activation_prefix(self.scope, stimulation_id)
        return [
            settled_task(prefix, task) for task in await self.store.tasks(self.scope, stimulation_id, attempt_number)
        ]

    async def frontier(self, stimulation_id: str) -> Sequence[TaskInfo]:
        """Return what is left of a run: outstanding and failed activations."""
        self._worker.require_open()
        prefix = activation_prefix(self.scope, stimulation_id)
        return [frontier_task(prefix, task) for task in await self.store.frontier(self.scope, stimulation_id)]

    async def purge(
        self, *, older_than: float = 0.0, status: RunStatus | Collection[RunStatus] = "completed", keep: int = 0
    ) -> int:
        """Drop runs that have ended.

        Args:
            older_than: Only those that ended more than so many seconds ago.
            status: Which final statuses.
            keep: Leave so many of the latest.

        Returns:
            How many runs were dropped.
        """
        self._worker.require_open()
        return await purge(self.store, self.scope, _statuses(status, FINAL_STATUSES), older_than, keep)

    async def _require(self, stimulation_id: str) -> RunInfo:
        info = await self.get(stimulation_id)
        if info is None:
            raise RunNotFound(stimulation_id)
        return info

    async def list(
        self,
        *,
        status: RunStatus | Collection[RunStatus] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> RunPage:
        """Return stored runs, the newest first; pass the page's `cursor` to get the next one."""
        self._worker.require_open()
        statuses = None if status is None else _statuses(status, get_args(RunStatus))
        page = await self.store.list(self.scope, where=RunFilter(statuses), limit=limit, cursor=cursor)
        return RunPage(tuple(run_info(run) for run in page.runs), page.cursor)


def _statuses(given: Any, allowed: Sequence[RunStatus]) -> tuple[RunStatus, ...]:
    several = (given,) if isinstance(given, str) else tuple(given)
    for status in several:
        if status not in allowed:
            raise GraphError(f"status is one of {', '.join(allowed)}, not {status!r}")
    return several
