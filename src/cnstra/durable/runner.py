"""The durable runner: runs that are stored hop by hop, and taken up again by whoever opens the store next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, final

from cnstra.core.cns import CNS
from cnstra.durable.contexts import CallersContext, ContextFactory
from cnstra.durable.launching import Graph
from cnstra.durable.naming import SubscriberNames
from cnstra.durable.ordering import CommandedRuns
from cnstra.durable.policy import RetryPolicy
from cnstra.durable.retention import DEFAULT_RETENTION, Keep, Retention, RetentionPolicy
from cnstra.durable.settings import DEFAULT_LOG_LINES, DEFAULT_MAX_ACTIVE_RUNS, DEFAULT_MAX_RECOVERIES, Settings
from cnstra.durable.surroundings import REAL, Surroundings
from cnstra.durable.transacting import require_transactions
from cnstra.durable.worker import Worker
from cnstra.errors import GraphError
from cnstra.persist.limits import Limit, Limits
from cnstra.persist.records import Durability, RunStatus, Volume
from cnstra.persist.registry import CNSPersistOptionsRegistry
from cnstra.stores import open_store

if TYPE_CHECKING:
    from cnstra.durable.handles import DurableRun
    from cnstra.persist.ports import Store

__all__ = ["DurableRunner"]


@final
class DurableRunner(CommandedRuns):
    """Runs a graph so that every run survives the process.

    ```python
    async with DurableRunner(cns, registry, store="sqlite:///runs.db") as runner:
        run = await runner.stimulate(import_started.create_signal(ImportStarted("7")), stimulation_id="import-7")
        await run
    ```

    Opening it resumes what a dead process has left in the store, each run from its frontier; while it is open it
    looks out for more, and for runs that others enqueue. Closing it lets active handlers settle within *grace* seconds
    and gives the rest back.

    Args:
        cns: The graph.
        registry: The stable names of its neurons and collaterals.
        store: A URL such as ``sqlite:///runs.db``, a path, or a store.
        worker_id: Names this worker in the store; two that are open at once must not share a name.
        scope: Separates graphs that share a store.
        durability: ``hop``: no successor starts before its parent's commit is on disk. ``interval``: commits follow
            at most *max_staleness* seconds behind. ``exit``: the start and the end are stored, and the frontier if
            the run fails.
        volume: ``full`` keeps a history row for each activation, ``progress`` only what a resume needs.
        max_staleness: Seconds; for ``interval``.
        lease: For how many seconds after its last heartbeat a worker keeps its runs.
        heartbeat: Seconds between two heartbeats, at most half of *lease*; a third of it unless given.
        max_active_runs: Above so many runs under way, none is recovered or picked up. With 0 it takes no run at all, so
            that it can enqueue and look; `stimulate` and `retry` start runs here all the same.
        max_recoveries: A run whose workers died so many times in a row and once more, before one hop of it was
            committed, is failed as poison; ``None`` recovers it for ever.
        poll: Seconds between two looks at a store that cannot tell of changes; a third of *lease*, but at most 5,
            unless given.
        retention: How long completed runs are kept, in seconds, or a `Keep` with an age and a count; or either by
            final status; ``None`` keeps everything.
        grace: Seconds that handlers get to settle when the runner closes.
        retry: When runs that are enqueued are tried again if they fail, unless `enqueue` says otherwise; by default
            they are not.
        limits: How many runs of a key may be under way, and how many may start in a while: a `Limit` by key, or by
            pattern with a star at the end. Over all workers, which are to have the same limits.
        stimulation_context: ``f(stimulation_id, metadata)``, or with a third parameter for the number of the attempt,
            makes the caller's object for runs that are resumed, or are started without one.
        handle_sigterm: Close on SIGTERM, if the program has no handler of its own, and end then.
        log_lines: How many lines are stored of what a handler logs while it runs, with the history row of the
            activation: the first half and the last. It is for volume ``full``; 0 keeps none.
        obeys: Carry out the commands that people give, as `order` and the DevTools store them.

    Raises:
        GraphError: If an option makes no sense.
    """

    def __init__(
        self,
        cns: CNS[Any],
        registry: CNSPersistOptionsRegistry,
        store: Store | str | Path,
        *,
        worker_id: str | None = None,
        scope: str | None = None,
        durability: Durability = "hop",
        volume: Volume = "full",
        max_staleness: float = 2.0,
        lease: float = 15.0,
        heartbeat: float | None = None,
        max_active_runs: int = DEFAULT_MAX_ACTIVE_RUNS,
        max_recoveries: int | None = DEFAULT_MAX_RECOVERIES,
        poll: float | None = None,
        retention: RetentionPolicy = DEFAULT_RETENTION,
        grace: float = 10.0,
        retry: RetryPolicy | None = None,
        limits: Mapping[str, Limit] | None = None,
        stimulation_context: ContextFactory | None = None,
        handle_sigterm: bool = True,
        log_lines: int = DEFAULT_LOG_LINES,
        obeys: bool = True,
        _surroundings: Surroundings = REAL,
    ) -> None:
        if not isinstance(cns, CNS) or not isinstance(registry, CNSPersistOptionsRegistry):
            raise GraphError(f"DurableRunner takes a CNS, then a registry, not {cns!r} and {registry!r}")
        settings = Settings(
            lease=lease,
            heartbeat=heartbeat,
            poll=poll,
            max_staleness=max_staleness,
            grace=grace,
            max_active_runs=max_active_runs,
            max_recoveries=max_recoveries,
            retention=retention,
            handle_sigterm=handle_sigterm,
            limits=Limits(limits),
            keeps_commands=retention is None or not obeys,
            log_lines=log_lines,
        )
        self.cns = cns
        self.registry = registry
        graph = Graph(cns, SubscriberNames(registry), CallersContext(stimulation_context))
        worker = Worker(
            open_store(store),
            scope or "",
            graph,
            worker_id=worker_id,
            settings=settings,
            surroundings=_surroundings,
        )
        self._obeys = obeys
        self._retention = Retention(retention)
        self._log_lines = log_lines
        super().__init__(worker, graph, scope or "", durability, volume, retry=retry)

    @property
    def worker_id(self) -> str:
        """The name of this worker in the store; one that was not given is made when the runner is opened."""
        return self._worker.worker_id

    @property
    def retention(self) -> Mapping[RunStatus, Keep]:
        """What it keeps of the runs that are over, by status; everything of a status that is not there."""
        return self._retention.rules

    @property
    def active_runs(self) -> list[DurableRun]:
        """The runs that are under way here, the longest first."""
        return [run for run, _ in self._worker.live]

    def use_context(self, factory: ContextFactory) -> None:
        """Have *factory* make the caller's object, as *stimulation_context* does, unless the runner has that already.

        It is for a layer on top of a runner that was made by somebody else; call it before the runner is opened, since
        the runs that are resumed then have none otherwise.

        Raises:
            GraphError: If *factory* cannot be called.
        """
        self._graph.callers.use_by_default(factory)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Open the store, resume what a dead worker has left, and keep looking out for more.

        Raises:
            GraphError: If a dendrite is transactional, and the store has no transactions.
            StoreError: If the store cannot be opened.
        """
        require_transactions(self.cns, self.store)
        if self._schedules:
            self._worker.add_chore("cnstra-schedules", self._keep_time)
        if self._obeys:
            self._obey()
        await self._worker.open()

    async def close(self) -> None:
        """Stop: active handlers may settle, what they did is committed, and runs that are not over are given back."""
        await self._worker.close()

    def observer(self, store: Store | str | Path | None = None, *, obeys: bool = False) -> DurableRunner:
        """Return a runner of the same graph, store and scope that takes no runs and drops none; it is not open.

        It fires no schedules. It looks at runs, and may enqueue, abort and delete them, as a worker of another name.

        Args:
            store: Instead of this runner's own.
            obeys: Have it carry out commands.
        """
        return DurableRunner(
            self.cns,
            self.registry,
            self.store if store is None else store,
            scope=self.scope,
            durability=self._durability,
            volume=self._volume,
            max_active_runs=0,
            retention=None,
            retry=self._policy,
            stimulation_context=self._graph.callers.factory,
            handle_sigterm=False,
            log_lines=self._log_lines,
            obeys=obeys,
        )

    async def wait_until_idle(self) -> None:
        """Return when no run is under way here, those included that were resumed when this runner was opened."""
        await self._worker.live.wait_until_idle()
