"""Looking at stored runs, and dropping old ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, get_args

from cnstra.durable.arguments import Moment, moment, seconds, several_of, whole
from cnstra.durable.checkup import CheckReport, check_runs
from cnstra.durable.fitness import Fitness
from cnstra.durable.naming import activation_prefix
from cnstra.durable.numbers import RunnerStats
from cnstra.durable.retention import FINAL_STATUSES, purge
from cnstra.durable.views import RunInfo, RunPage, TaskInfo, frontier_task, run_info, settled_task
from cnstra.errors import RunNotFound
from cnstra.persist.records import AttemptRecord, RunFilter, RunStatus, WorkerRecord

if TYPE_CHECKING:
    from cnstra.durable.launching import Graph
    from cnstra.durable.worker import Worker
    from cnstra.persist.ports import Store

__all__ = ["StoredRuns"]


class StoredRuns:
    """What a runner tells of the runs in its store.

    Args:
        worker: Has the store.
        graph: What runs are made of.
        scope: Which graph's runs.
    """

    def __init__(self, worker: Worker, graph: Graph, scope: str) -> None:
        self._worker = worker
        self._graph = graph
        self.scope = scope

    @property
    def store(self) -> Store:
        """The store."""
        return self._worker.store

    # ---- one run ---------------------------------------------------------------------------------------------

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

    async def _require(self, stimulation_id: str) -> RunInfo:
        info = await self.get(stimulation_id)
        if info is None:
            raise RunNotFound(stimulation_id)
        return info

    # ---- many runs -------------------------------------------------------------------------------------------

    async def list(
        self,
        *,
        status: RunStatus | Collection[RunStatus] | None = None,
        entry: str | None = None,
        created_after: Moment | None = None,
        created_before: Moment | None = None,
        error: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> RunPage:
        """Return stored runs, the newest first.

        Args:
            status: Only runs in this status, or in one of these.
            entry: Only runs that were started with a signal of the collateral of this name.
            created_after: Only runs that were stored then or later: a `datetime` with a time zone, or seconds since
                the epoch.
            created_before: Only runs that were stored before then.
            error: Only runs whose latest attempt ended with an error that has this text in its class or message.
            limit: How many at most.
            cursor: The cursor of the page before.

        Returns:
            A page; its `cursor` gets the next one.
        """
        self._worker.require_open()
        where = RunFilter(
            statuses=None if status is None else several_of(status, get_args(RunStatus), "status"),
            entry=entry,
            created_after=moment(created_after, "created_after"),
            created_before=moment(created_before, "created_before"),
            error=error,
        )
        page = await self.store.list(self.scope, where=where, limit=whole(limit, "limit", 0), cursor=cursor)
        return RunPage(tuple(run_info(run) for run in page.runs), page.cursor)

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
        statuses = several_of(status, FINAL_STATUSES, "status")
        age = seconds(older_than, "older_than", least=0)
        return await purge(self.store, self.scope, statuses, age, whole(keep, "keep", 0))

    async def check(self, *, limit: int | None = None) -> CheckReport:
        """Find the stored runs that this code could not resume, or retry, before a deploy finds them.

        Nothing is changed. `CNSPersistOptionsRegistry.check` looks at the graph alone.

        Args:
            limit: How many runs to look at, the newest first; ``None`` for all.

        Returns:
            A report, made for `print`.
        """
        self._worker.require_open()
        if limit is not None:
            whole(limit, "limit", 1)
        return await check_runs(self.store, self.scope, Fitness(self._graph.cns, self._graph.names.registry), limit)

    # ---- the store and its workers ---------------------------------------------------------------------------

    async def workers(self) -> Sequence[WorkerRecord]:
        """Return the workers of the store, of all scopes; those whose lease has ended are marked."""
        self._worker.require_open()
        return await self.store.workers()

    async def stats(self) -> RunnerStats:
        """Return the runs of this scope, the store and this worker in numbers."""
        self._worker.require_open()
        stored = await self.store.stats(self.scope)
        workers = await self.store.workers()
        expired = sum(worker.expired for worker in workers)
        oldest = stored.oldest_open_at
        return RunnerStats(
            runs=stored.runs,
            oldest_open_at=oldest,
            oldest_open_age=None if oldest is None else max(0.0, self._worker.presence.now() - oldest),
            size=stored.size,
            workers=len(workers) - expired,
            expired_workers=expired,
            active_runs=len(self._worker.live),
            commit_lag=self._worker.committer.lag,
        )
