"""The life of a worker: its lease, its recovery of dead workers' runs, and its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, final

from cnstra.durable.committer import Committer
from cnstra.durable.heartbeat import Pulse
from cnstra.durable.live import LiveRuns
from cnstra.durable.orphans import Orphans
from cnstra.durable.ownership import Ownership
from cnstra.durable.recorder import SHUTDOWN, RunRecorder
from cnstra.durable.retention import Retention, RetentionPolicy
from cnstra.durable.surroundings import REAL, Surroundings
from cnstra.durable.termination import Termination
from cnstra.errors import CNSError, StimulationAborted, StoreError

if TYPE_CHECKING:
    from cnstra.persist.ports import Store
    from cnstra.persist.records import RunState

__all__ = ["Worker"]

logger = logging.getLogger("cnstra")

_CLAIM = 64
_ALL = 1 << 31
_RETENTION_EVERY = 3600.0
_MAX_PENDING = 1000


@final
class Worker:
    """One worker of one store: holds the lease, claims runs, and gives them back.

    Args:
        store: The store; opened by `open`, closed by `close`.
        scope: Which graph's runs.
        resume: Starts a claimed run.
        worker_id: The worker's name; made when it is opened, if it is ``None``.
        max_staleness: See `DurableRunner`.
        lease: See `DurableRunner`.
        retention: See `DurableRunner`.
        grace: See `DurableRunner`.
        handle_sigterm: See `DurableRunner`.
        surroundings: Where it is.

    Attributes:
        accepts: Whether it is open and takes work.
        ownership: The locks for whoever starts a run or takes one.
    """

    def __init__(
        self,
        store: Store,
        scope: str,
        resume: Callable[[RunState], Any],
        *,
        worker_id: str | None,
        max_staleness: float,
        lease: float,
        retention: RetentionPolicy,
        grace: float,
        handle_sigterm: bool,
        surroundings: Surroundings = REAL,
    ) -> None:
        self.store = store
        self.worker_id = worker_id or ""  # one that is made is made by `open`: the process may be forked before that
        self._is_named = worker_id is not None
        self._scope = scope
        self._resume = resume
        self._max_staleness = max_staleness
        self._lease = lease
        self._interval = lease / 3
        self._retention = Retention(retention)
        self._grace = grace
        self._handle_sigterm = handle_sigterm
        self._surroundings = surroundings
        self.accepts = False
        self.ownership = Ownership()
        self.live = LiveRuns()
        self._closing: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._pulse: Pulse | None = None
        self._termination: Termination | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def require_open(self) -> None:
        """Refuse to work before `open` and after `close`.

        Raises:
            CNSError: If the worker is not open.
        """
        if not self.accepts:
            raise CNSError("this runner is not open: use it inside `async with DurableRunner(...) as runner`")

    # ---- opening and recovery --------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the store, take the lease, recover, and keep watch."""
        if self.accepts or self._closing is not None:
            raise CNSError("this runner was opened before; make another one")
        self._loop = asyncio.get_running_loop()
        if not self._is_named:
            self.worker_id = self._surroundings.host.new_worker_id()
        self._orphans = Orphans(self.store, self._scope, self.worker_id, self.live, self.ownership)
        self._record = self._surroundings.host.record(self.worker_id)
        await self.store.open()
        try:
            self.committer = Committer(
                self.store,
                max_staleness=self._max_staleness,
                max_pending=_MAX_PENDING,
                run_finished=self._run_finished,
                random=self._surroundings.random,
            )
            dead = await self.dead(itself=False)
            self._pulse = self._surroundings.pulse(
                self.store,
                self.worker_id,
                lease=self._lease,
                interval=self._interval,
                wanted=self._has_loop,
                lost=self._lose_from_thread,
            )
            await self.store.add_worker(self._record, self._lease)
            is_back = self._surroundings.host.enter(self.worker_id, self) and self._is_named
            self._pulse.start()
            self._termination = Termination(self.close)
            if self._handle_sigterm:
                self._termination.install()
            self.accepts = True
            if is_back:  # all in one claim, since a second one would take what the first one has taken
                await self._recover({self.worker_id}, _ALL)
            await self._recover(dead)
        except BaseException:
            await self.close()
            raise
        self._watcher = self._loop.create_task(self._watch(), name="cnstra-watch")

    async def dead(self, *, itself: bool) -> set[str]:
        """Return the workers that are known to be gone before their lease ends.

        Args:
            itself: Name this worker, too: it asks for runs that it does not run.
        """
        gone = self._surroundings.host.dead(await self.store.workers())
        return gone | {self.worker_id} if itself else gone - {self.worker_id}

    async def _recover(self, dead: set[str], limit: int = _CLAIM) -> None:
        while self.accepts:
            async with self.ownership.claims:
                with self.wary():
                    states = await self.store.claim(self._scope, self.worker_id, dead=dead, limit=limit)
                for state in states:
                    if self.accepts:  # else it was closed meanwhile, and they are free as soon as it has signed off
                        self._resume(state)
            if len(states) < limit:
                return

    async def _watch(self) -> None:
        cleaned_at = float("-inf")
        while True:
            try:
                if self._now() - cleaned_at >= _RETENTION_EVERY:
                    cleaned_at = self._now()
                    await self._retention.apply(self.store, self._scope)
                await asyncio.sleep(self._interval)
                await self._orphans.give_back()
                await self._recover(await self.dead(itself=False))
            except StoreError as error:
                logger.warning("cannot look for runs to recover: %s", error)
            except Exception:
                logger.exception("cannot look for runs to recover")

    def wary(self) -> AbstractContextManager[None]:
        """Wrap what may give a run to this worker without its knowing, since the answer is lost."""
        return self._orphans.wary()

    def _run_finished(self, recorder: RunRecorder) -> None:
        self.live.drop(recorder)
        if recorder.broken:
            self._orphans.suspect()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # ---- losing the lease ------------------------------------------------------------------------------------

    def _lose_from_thread(self, error: StoreError) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._lose, error)

    def _lose(self, error: StoreError) -> None:
        """Stop every run before another worker may take it."""
        if self._closing is not None:
            return
        logger.error("worker %s could not renew its lease and stops its runs: %s", self.worker_id, error)
        for run, recorder in self.live:
            recorder.broken = True
            if run.stimulation is not None:
                run.stimulation.halt(
                    StoreError(f"run {run.stimulation_id!r} was stopped: the lease of its worker could not be renewed")
                )
        self._closing = asyncio.get_running_loop().create_task(self._close())

    def is_alive(self) -> bool:
        """Whether it is open, in an event loop that is."""
        return self.accepts and self._has_loop()

    def _has_loop(self) -> bool:
        return self._loop is not None and not self._loop.is_closed()

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
        self.accepts = False
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait([self._watcher])
        await self._stop_runs()
        try:
            await self.committer.drain()
            if self._pulse is not None:
                self._pulse.stop()
                await self._pulse.wait_stopped()
            await self._sign_off()
        except StoreError as error:
            logger.warning("worker %s could not sign off: %s", self.worker_id, error)
        finally:
            if self._pulse is not None:
                self._pulse.stop()
            self._surroundings.host.leave(self.worker_id, self)
            if self._termination is not None and self._termination.requested is None:
                self._termination.remove()
            await self.store.close()

    async def _sign_off(self) -> None:
        """Remove the worker's row, unless it is that of a successor with the same name."""
        for row in await self.store.workers():
            if replace(row, lease_until=0.0, expired=False) == self._record:
                await self.store.remove_worker(self.worker_id)

    async def _stop_runs(self) -> None:
        for run, _ in self.live:
            if run.stimulation is not None:
                run.stimulation.abort(SHUTDOWN)
        try:
            async with asyncio.timeout(self._grace):
                await self.live.wait_until_idle()
        except TimeoutError:
            await self._cut_short()

    async def _cut_short(self) -> None:
        """Give back runs whose handlers did not settle in time; those handlers are cancelled, and run again later."""
        bodies: list[asyncio.Task[Any]] = []
        for run, recorder in self.live:
            recorder.release()
            if run.stimulation is not None:
                bodies += run.stimulation.bodies()
                run.stimulation.halt(StimulationAborted(SHUTDOWN))
        for body in bodies:
            body.cancel()
        if bodies:
            await asyncio.wait(bodies, timeout=1.0)
