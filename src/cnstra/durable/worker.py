"""The life of a worker: it opens, holds a lease, loses it and comes back, and closes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any, Final, final

from cnstra.durable.colleagues import Colleagues
from cnstra.durable.committer import Committer
from cnstra.durable.launching import Graph, Launcher
from cnstra.durable.live import LiveRuns
from cnstra.durable.log_capture import CAPTURE
from cnstra.durable.orphans import Orphans
from cnstra.durable.outcomes import Outcomes
from cnstra.durable.ownership import Ownership
from cnstra.durable.presence import Presence
from cnstra.durable.recovery import Recovery
from cnstra.durable.retention import Retention
from cnstra.durable.settings import Settings
from cnstra.durable.stopping import end, give_back, stop
from cnstra.durable.surroundings import REAL, Surroundings
from cnstra.durable.suspects import Suspects
from cnstra.durable.termination import Termination
from cnstra.durable.tidying import Tidying
from cnstra.durable.watching import Watch
from cnstra.errors import CNSError, StoreError

if TYPE_CHECKING:
    from cnstra.durable.recorder import RunRecorder
    from cnstra.persist.ports import Store

__all__ = ["Worker"]

logger = logging.getLogger("cnstra")

_MAX_PENDING: Final = 1000


@final
class Worker:
    """One worker of one store: holds the lease, claims runs, and gives them back.

    Args:
        store: The store; opened by `open`, closed by `close`.
        scope: Which graph's runs.
        graph: What they are made of.
        worker_id: The worker's name; made when it is opened, if it is ``None``.
        settings: How it works.
        surroundings: Where it is.

    Attributes:
        live: The runs that are under way here.
        ownership: The locks for whoever starts a run or takes one.
        launcher: Starts runs; there once the worker is open, like the next two.
        committer: Writes what they do.
        outcomes: Waits for runs that live elsewhere.
    """

    def __init__(
        self,
        store: Store,
        scope: str,
        graph: Graph,
        *,
        worker_id: str | None,
        settings: Settings,
        surroundings: Surroundings = REAL,
    ) -> None:
        self.store = store
        self.worker_id = worker_id or ""  # one that is made is made by `open`: the process may be forked before that
        self.live = LiveRuns()
        self.ownership = Ownership()
        self._is_named = worker_id is not None
        self._scope = scope
        self._graph = graph
        self._settings = settings
        self._surroundings = surroundings
        self._is_open = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Task[None] | None = None
        self._termination: Termination | None = None
        self._watch: Watch | None = None
        self._more_chores: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}
        self._looked: list[Callable[[], None]] = []
        self._chores: list[asyncio.Task[None]] = []

    # ---- opening ---------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the store, take the lease, recover, and keep watch."""
        if self._loop is not None:
            raise CNSError("this runner was opened before; make another one")
        loop = asyncio.get_running_loop()
        if not self._is_named:
            self.worker_id = self._surroundings.host.new_worker_id()
        await self.store.open()
        self._loop = loop
        if self._settings.log_lines:
            CAPTURE.begin()
        try:
            self._assemble()
            await self._arrive()
        except BaseException:
            await self.close()
            raise

    def _assemble(self) -> None:
        """Make the parts that need an event loop."""
        store, scope, settings = self.store, self._scope, self._settings
        random = self._surroundings.random
        self.committer = Committer(
            store,
            max_staleness=settings.max_staleness,
            max_pending=_MAX_PENDING,
            run_finished=self._run_finished,
            random=random,
        )
        self.outcomes = Outcomes(store, scope, self.live, random)
        self.launcher = Launcher(
            self._graph,
            self.committer,
            self.live,
            lambda: self.accepts,
            outcome=self.outcomes.wait,
            random=random,
            log_lines=settings.log_lines,
        )
        self.presence = Presence(
            store,
            self._surroundings.host.record(self.worker_id),
            lease=settings.lease,
            interval=settings.between_beats,
            make_pulse=self._surroundings.pulse,
            lost=self._lose,
        )
        self.colleagues = Colleagues(
            store,
            self.worker_id,
            self._surroundings.host,
            patience=settings.between_looks,
            seen=self.presence.learn,
        )
        self._orphans = Orphans(
            store,
            scope,
            self.worker_id,
            self.live,
            self.ownership,
            patience=settings.between_looks,
            stop=stop,
        )
        self._recovery = Recovery(
            store=store,
            scope=scope,
            worker_id=self.worker_id,
            launcher=self.launcher,
            live=self.live,
            ownership=self.ownership,
            orphans=self._orphans,
            wary=self.wary,
            colleagues=self.colleagues,
            suspects=Suspects(store, scope, self.live, patience=settings.lease),
            max_active_runs=settings.max_active_runs,
            max_recoveries=settings.max_recoveries,
            limits=settings.limits,
            accepts=lambda: self.accepts,
        )

    async def _arrive(self) -> None:
        await self.presence.take()
        is_first = self._surroundings.host.enter(self.worker_id, self)
        self._termination = Termination(self.close)
        if self._settings.handle_sigterm:
            self._termination.install()
        self._is_open = True
        await self.colleagues.look()
        if is_first and self._is_named:
            await self._recovery.claim_own()
            self._orphans.suspect()  # a claim of the last worker of this name may still come through
        await self._recovery.claim(most=self._settings.max_active_runs)
        self._start_chores()

    def _start_chores(self) -> None:
        settings, random = self._settings, self._surroundings.random
        self._watch = Watch(
            store=self.store,
            scope=self._scope,
            worker_id=self.worker_id,
            presence=self.presence,
            recovery=self._recovery,
            orphans=self._orphans,
            live=self.live,
            come_back=self._come_back,
            poll=settings.between_looks,
            lease=settings.lease,
            random=random,
            looked=self._tell_of_a_look,
        )
        tidying = Tidying(
            self.store,
            self._scope,
            retention=Retention(settings.retention),
            bury=self._bury,
            random=random,
            keeps_commands=settings.keeps_commands,
        )
        chores = {"cnstra-watch": self._watch.keep(), "cnstra-tidy": tidying.keep()}
        chores |= {name: keep() for name, keep in self._more_chores.items()}
        self._chores = [asyncio.create_task(chore, name=name) for name, chore in chores.items()]

    def add_chore(
        self, name: str, keep: Callable[[], Coroutine[Any, Any, None]], *, looked: Callable[[], None] | None = None
    ) -> None:
        """Have something done beside the runs, from the end of `open` until the worker closes.

        Args:
            name: Of its task.
            keep: Does it until it is cancelled.
            looked: Called each time that the worker has looked at the store, which it does whenever that may have news.
        """
        self._more_chores[name] = keep
        if looked is not None:
            self._looked.append(looked)

    def _tell_of_a_look(self) -> None:
        for tell in self._looked:
            tell()

    @property
    def random(self) -> Random:
        """For the pauses between tries."""
        return self._surroundings.random

    @property
    def was_opened(self) -> bool:
        """Whether it is open, or was."""
        return self._loop is not None

    # ---- while it is open ------------------------------------------------------------------------------------

    @property
    def accepts(self) -> bool:
        """Whether it is open, and holds its lease, so that runs may start."""
        return self._is_open and self.presence.problem is None

    def is_alive(self) -> bool:
        """Whether it is open, in an event loop that is."""
        return self._is_open and self.presence.has_loop()

    def require_open(self) -> None:
        """Refuse to work before `open` and after `close`.

        Raises:
            CNSError: If the worker is not open.
        """
        if not self._is_open:
            raise CNSError("this runner is not open: use it inside `async with DurableRunner(...) as runner`")

    def require_lease(self) -> None:
        """Refuse to start runs that others might take at once.

        Raises:
            CNSError: If the worker is not open.
            StoreError: If its lease is lost, and not taken anew yet.
        """
        self.require_open()
        if self.presence.problem is not None:
            raise StoreError(f"the lease of worker {self.worker_id} is lost, until the store answers again") from (
                self.presence.problem
            )

    @contextmanager
    def wary(self) -> Iterator[None]:
        """Wrap what may give a run to this worker without its knowing, since the answer is lost, or comes too late.

        Raises:
            StoreError: If the lease was lost meanwhile: what was given then may be another worker's by now.
        """
        losses = self.presence.losses
        with self._orphans.wary():
            yield
            if losses != self.presence.losses:
                raise StoreError(f"worker {self.worker_id} has lost its lease before the store answered")

    def poke(self) -> None:
        """Look for runs at once."""
        if self._watch is not None:
            self._watch.poke()

    def _run_finished(self, recorder: RunRecorder) -> None:
        self.live.drop(recorder)
        if recorder.broken:
            self._orphans.suspect()
        if self._watch is not None:
            self._watch.run_ended()

    async def _bury(self) -> None:
        await self.colleagues.bury(self.presence.now())

    def _lose(self, error: StoreError) -> None:
        """Stop every run before another worker may take it."""
        logger.error("worker %s could not renew its lease and stops its runs: %s", self.worker_id, error)
        for run, recorder in self.live:
            problem = StoreError(
                f"run {run.stimulation_id!r} was stopped: the lease of its worker could not be renewed"
            )
            stop(recorder, problem)
        self.poke()

    async def _come_back(self) -> None:
        await self.presence.take()
        self._orphans.suspect()
        logger.warning("worker %s holds a lease again, and goes on", self.worker_id)

    # ---- closing ---------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Give back what is not over, and leave; every further call waits for the same end."""
        if self._loop is None:
            return
        if self._closing is None:
            self._closing = self._loop.create_task(self._close(), name="cnstra-close")
        await asyncio.shield(self._closing)
        requested = None if self._termination is None else self._termination.requested
        if requested is not None and requested is not asyncio.current_task():
            await requested  # which ends the process

    async def _close(self) -> None:
        self._is_open = False
        await end(self._chores)
        await give_back(self.live, self._settings.grace)
        try:
            await self.committer.drain()
            await self.presence.leave()
        except StoreError as error:
            logger.warning("worker %s could not sign off: %s", self.worker_id, error)
        finally:
            if self._settings.log_lines:
                CAPTURE.end()
            self.presence.stop()
            self._surroundings.host.leave(self.worker_id, self)
            if self._termination is not None and self._termination.requested is None:
                self._termination.remove()
            await self.store.close()
