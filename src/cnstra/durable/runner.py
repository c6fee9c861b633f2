"""The durable runner: runs that are stored hop by hop, and taken up again by whoever opens the store next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, final, get_args

from cnstra.core.cns import CNS
from cnstra.core.options import StimulationOptions
from cnstra.core.stimulation import Stimulation
from cnstra.durable.admission import Admission, Entry
from cnstra.durable.handles import DurableRun, outcome_in_store
from cnstra.durable.identity import new_stimulation_id
from cnstra.durable.naming import SubscriberNames
from cnstra.durable.recorder import RunRecorder
from cnstra.durable.resuming import Reviver
from cnstra.durable.retention import DEFAULT_RETENTION, FINAL_STATUSES, RetentionPolicy
from cnstra.durable.run_options import RunOptions, named_route
from cnstra.durable.stored import StoredRuns
from cnstra.durable.surroundings import REAL, Surroundings
from cnstra.durable.transacting import require_transactions
from cnstra.durable.views import RunInfo, run_info
from cnstra.durable.worker import Worker
from cnstra.errors import GraphError, RunExists, RunNotFound, RunNotReady
from cnstra.persist.records import Durability, RunStatus, Volume
from cnstra.persist.registry import CNSPersistOptionsRegistry
from cnstra.stores import open_store

if TYPE_CHECKING:
    from cnstra.core.abort import AbortSignal
    from cnstra.core.modality import AfferentPath, Modality
    from cnstra.core.responses import DrainListener, ResponseListener
    from cnstra.core.signals import Signal
    from cnstra.persist.ports import Store
    from cnstra.persist.records import NewRun, RunState

__all__ = ["DurableRunner"]

logger = logging.getLogger("cnstra")


@final
class DurableRunner(StoredRuns):
    """Runs a graph so that every run survives the process.

    ```python
    async with DurableRunner(cns, registry, store="sqlite:///runs.db") as runner:
        run = await runner.stimulate(import_started.create_signal(ImportStarted("7")), stimulation_id="import-7")
        await run
    ```

    Opening it resumes what a dead process has left in the store, each run from its frontier; while it is open it
    looks out for more. Closing it lets active handlers settle within *grace* seconds and gives the rest back.

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
        retention: Seconds that completed runs are kept, or seconds by final status; ``None`` keeps everything.
        grace: Seconds that handlers get to settle when the runner closes.
        stimulation_context: ``f(stimulation_id, metadata)`` makes the caller's object for runs that are resumed.
        handle_sigterm: Close on SIGTERM, if the program has no handler of its own, and end then.
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
        retention: RetentionPolicy = DEFAULT_RETENTION,
        grace: float = 10.0,
        stimulation_context: Callable[[str, Any], Any] | None = None,
        handle_sigterm: bool = True,
        _surroundings: Surroundings = REAL,
    ) -> None:
        if not isinstance(cns, CNS) or not isinstance(registry, CNSPersistOptionsRegistry):
            raise GraphError(f"DurableRunner takes a CNS, then a registry, not {cns!r} and {registry!r}")
        for name, seconds in (("max_staleness", max_staleness), ("lease", lease), ("grace", grace)):
            if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds <= 0:
                raise GraphError(f"{name} must be a number of seconds above 0, not {seconds!r}")
        self.cns = cns
        self.registry = registry
        self._durability: Durability = _one_of(durability, Durability, "durability")
        self._volume: Volume = _one_of(volume, Volume, "volume")
        self._make_context = stimulation_context
        self._names = SubscriberNames(registry)
        self._admission = Admission(cns, self._names, scope or "")
        worker = Worker(
            open_store(store),
            scope or "",
            self._resume,
            worker_id=worker_id,
            max_staleness=max_staleness,
            lease=lease,
            retention=retention,
            grace=grace,
            handle_sigterm=handle_sigterm,
            surroundings=_surroundings,
        )
        super().__init__(worker, scope or "")

    @property
    def worker_id(self) -> str:
        """The name of this worker in the store; one that was not given is made when the runner is opened."""
        return self._worker.worker_id

    # ---- life ------------------------------------------------------------------------------------------------

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
        await self._worker.open()

    async def close(self) -> None:
        """Stop: active handlers may settle, what they did is committed, and runs that are not over are given back."""
        await self._worker.close()

    async def wait_until_idle(self) -> None:
        """Return when no run is under way here, those included that were resumed when this runner was opened."""
        await self._worker.live.wait_until_idle()

    @property
    def active_runs(self) -> list[DurableRun]:
        """The runs that are under way here, the longest first."""
        return [run for run, _ in self._worker.live]

    # ---- starting runs ---------------------------------------------------------------------------------------

    async def stimulate(
        self,
        signal: Signal[Any] | Sequence[Signal[Any]],
        *,
        stimulation_id: str | None = None,
        on_conflict: Literal["return", "raise", "retry"] = "return",
        durability: Durability | None = None,
        volume: Volume | None = None,
        concurrency: int | None = None,
        max_neuron_hops: int | None = None,
        modality: Modality | None = None,
        afferent_path: AfferentPath | None = None,
        stimulation_context: Any = None,
        metadata: Mapping[str, Any] | None = None,
        on_response: ResponseListener | None = None,
        on_drain: DrainListener | None = None,
        abort_signal: AbortSignal | None = None,
    ) -> DurableRun:
        """Store a run, then start it; when this returns, the run is on disk and its synchronous part has begun.

        Args:
            signal: What to start with: one signal or several.
            stimulation_id: Unique within the scope; made (UUIDv7) if it is left out.
            on_conflict: What to do if a run of this id is stored: give that run back, raise, or retry it if it has
                failed or was aborted (else give it back).
            durability: Instead of the runner's.
            volume: Instead of the runner's.
            concurrency: How many bodies of this run may be active at once; also after a resume.
            max_neuron_hops: How often each neuron may be activated; counted on after a resume.
            modality: Which modality the run carries; registered, for a resume.
            afferent_path: Which path of that modality.
            stimulation_context: An object for all handlers; a resume makes it anew with the runner's factory.
            metadata: JSON data that is stored with the run: ``ctx.metadata``.
            on_response: As in `CNS.stimulate`; not stored.
            on_drain: As in `CNS.stimulate`; not stored.
            abort_signal: As in `CNS.stimulate`; not stored.

        Raises:
            UnknownName: If something that the run can reach has no name in the registry.
            PayloadError: If the payload or the metadata cannot be stored unchanged.
            RunExists: If there is a run of this id, and *on_conflict* is ``"raise"``.
            StoreError: If the run could not be stored.
        """
        self._worker.require_open()
        _one_of(on_conflict, Literal["return", "raise", "retry"], "on_conflict")
        entry = self._admission.entry(signal)
        modality_name, path_name = named_route(self.registry, modality, afferent_path)
        data = dict(metadata or {})
        live = StimulationOptions(
            on_response=on_response,
            on_drain=on_drain,
            abort_signal=abort_signal,
            concurrency=concurrency,
            max_neuron_hops=max_neuron_hops,
            modality=modality,
            afferent_path=afferent_path,
            stimulation_context=stimulation_context,
            metadata=data,
        )
        stored = RunOptions(
            _one_of(durability or self._durability, Durability, "durability"),
            concurrency,
            max_neuron_hops,
            modality_name,
            path_name,
            data,
        )
        run_id = new_stimulation_id() if stimulation_id is None else _checked_id(stimulation_id)
        chosen = _one_of(volume or self._volume, Volume, "volume")
        run = await self._admit(self._admission.new_run(entry, run_id, stored, chosen), entry, stored, live)
        return run if run is not None else await self._existing(run_id, on_conflict)

    async def _admit(
        self,
        new: NewRun,
        entry: Entry,
        stored: RunOptions,
        live: StimulationOptions,
    ) -> DurableRun | None:
        """Store a run and start it; ``None`` if its id is taken."""
        async with self._worker.ownership.of(new.stimulation_id):
            with self._worker.wary():
                state = await self.store.admit(new, self.worker_id)
            return None if state is None else self._start(state, entry, stored, live)

    def _start(self, state: RunState, entry: Entry, stored: RunOptions, live: StimulationOptions) -> DurableRun:
        stimulation = Stimulation(self.cns, live)
        recorder = RunRecorder(self._names, self._worker.committer, state, stored.durability, fresh=True)
        if (
            not self._worker.accepts
        ):  # it was closed meanwhile; the run is stored, and whoever opens the store next starts it
            recorder.release()
            return self._stored(state.run.stimulation_id, state.run.attempt_number)
        for activation, row in zip(entry.activations, entry.tasks, strict=True):
            activation.record = recorder.handle(row)
        run = self._under_way(stimulation, recorder)
        if stored.max_neuron_hops is not None:
            recorder.count_hops()
        self.cns.start(stimulation, entry.signals, entry.groups)
        return run

    async def _existing(self, stimulation_id: str, on_conflict: str) -> DurableRun:
        info = await self.get(stimulation_id)
        if info is None:
            raise RunNotFound(stimulation_id)
        if on_conflict == "raise":
            raise RunExists(stimulation_id, info.status)
        if on_conflict == "retry" and info.status in {"failed", "aborted"}:
            try:
                return await self.retry(stimulation_id)
            except RunNotReady:  # perhaps since somebody else was faster
                info = await self._require(stimulation_id)
                if info.status in {"failed", "aborted"}:
                    raise
        return self._handle(info)

    def _handle(self, info: RunInfo) -> DurableRun:
        """Return the handle of a run that is stored, which may be under way here."""
        live = self._worker.live.get(info.stimulation_id)
        return self._stored(info.stimulation_id, info.attempt_number) if live is None else live

    def _stored(self, stimulation_id: str, attempt_number: int) -> DurableRun:
        """Return a handle that asks the store."""

        async def outcome() -> None:
            await outcome_in_store(self.store, self.scope, stimulation_id, run_info)

        return DurableRun(stimulation_id, attempt_number, None, outcome)

    def _under_way(self, stimulation: Stimulation, recorder: RunRecorder) -> DurableRun:
        recorder.stimulation = stimulation
        stimulation.attach(recorder)
        run = DurableRun(recorder.stimulation_id, recorder.attempt_number, stimulation)
        self._worker.live.add(run, recorder)
        return run

    def _resume(self, state: RunState) -> DurableRun | None:
        """Start a claimed run where it stands; one that this graph cannot resume fails, and keeps its frontier."""
        try:
            return self._revive(state)
        except Exception:  # a run that cannot be read must not keep the others from resuming
            logger.exception("run %s cannot be resumed by this code; it is kept as failed", state.run.stimulation_id)
            return None

    def _revive(self, state: RunState) -> DurableRun:
        reviver = Reviver(self.cns, self._names, self._worker.committer, self._make_context)
        try:
            revival = reviver.revive(state)
        except Exception as error:
            RunRecorder(self._names, self._worker.committer, state, "hop").give_up(error)
            raise
        run = self._under_way(revival.stimulation, revival.recorder)
        revival.start()
        return run

    # ---- runs that are stored --------------------------------------------------------------------------------

    async def wait(self, stimulation_id: str) -> None:
        """Wait for the end of a stored run, wherever it runs, and raise as awaiting it does.

        Raises:
            RunNotFound: If there is no such run.
        """
        await self._handle(await self._require(stimulation_id))

    async def retry(self, stimulation_id: str) -> DurableRun:
        """Start a new attempt of a failed or aborted run from its frontier: what was done is not done again.

        Raises:
            RunNotFound: If there is no such run.
            RunNotReady: If it runs, has completed, or has nothing left to do.
        """
        self._worker.require_open()
        async with self._worker.ownership.taking(stimulation_id):
            return await self._retry(await self._require(stimulation_id))

    async def _retry(self, info: RunInfo) -> DurableRun:
        stimulation_id = info.stimulation_id
        if await self._is_under_way(info):
            raise RunNotReady(stimulation_id, info.status, "it is under way here; await it, or abort it first")
        if info.status == "completed":
            raise RunNotReady(stimulation_id, info.status, "there is nothing to retry; use clone() for a fresh run")
        if info.status == "failed" and not info.outstanding:
            raise RunNotReady(
                stimulation_id, info.status, "only a listener failed, no task is left; use clone() for a fresh run"
            )
        statuses: Collection[RunStatus] = ("failed", "aborted", "pending", "running")
        dead = await self._worker.dead(itself=True)
        with self._worker.wary():
            state = await self.store.take(self.scope, stimulation_id, self.worker_id, statuses=statuses, dead=dead)
        if state is None:
            info = await self._require(stimulation_id)
            raise RunNotReady(
                stimulation_id, info.status, f"worker {info.owner} holds it; wait for it, or abort it there"
            )
        self._worker.require_open()
        try:
            return self._revive(state)
        except Exception as error:
            await self._worker.committer.drain()
            raise RunNotReady(stimulation_id, "failed", f"this code cannot resume it: {error}") from error

    async def _is_under_way(self, info: RunInfo) -> bool:
        live = self._worker.live.get(info.stimulation_id)
        if live is None or live.stimulation is None:
            return False
        if info.status in FINAL_STATUSES:  # its last write is done, and it is about to hear of that
            await live.stimulation.wait_quietly()
            return False
        return True

    async def clone(self, stimulation_id: str, *, new_id: str | None = None) -> DurableRun:
        """Start a fresh run from the entry signals of a stored one, with the same options.

        Args:
            stimulation_id: The run to copy.
            new_id: The id of the new run; made if it is left out.

        Raises:
            RunNotFound: If there is no such run.
            RunExists: If there is a run of *new_id*.
        """
        self._worker.require_open()
        record = await self.store.get(self.scope, stimulation_id)
        if record is None:
            raise RunNotFound(stimulation_id)
        options = RunOptions.decode(record.options)
        modality, path = options.route(self.registry)
        entry = self._admission.entry(
            [self._signal(row.collateral_name, row.version, row.payload) for row in record.entry]
        )
        clone_id = new_stimulation_id() if new_id is None else _checked_id(new_id)
        live = StimulationOptions(
            concurrency=options.concurrency,
            max_neuron_hops=options.max_neuron_hops,
            modality=modality,
            afferent_path=path,
            metadata=options.metadata,
            stimulation_context=None if self._make_context is None else self._make_context(clone_id, options.metadata),
        )
        new = self._admission.new_run(entry, clone_id, options, record.volume, clone_of=stimulation_id)
        run = await self._admit(new, entry, options, live)
        if run is None:
            raise RunExists(clone_id, (await self._require(clone_id)).status)
        return run

    def _signal(self, name: str, version: int, payload: bytes) -> Signal[Any]:
        collateral = self.registry.require_collateral(name)
        return collateral.create_signal(self.registry.decode_payload(collateral, version, payload))

    async def abort(self, stimulation_id: str, reason: object = None) -> None:
        """Stop a run; its frontier is kept, and `retry` goes on from there.

        Returns when the run has ended, which handlers that are active now may delay; a handler that aborts its own
        run is not waited for. A run that has ended already stays as it is.

        Raises:
            RunNotFound: If there is no such run.
            RunNotReady: If another worker holds it.
        """
        self._worker.require_open()
        if self._worker.live.get(stimulation_id) is None:
            async with self._worker.ownership.taking(stimulation_id):
                if self._worker.live.get(stimulation_id) is None:
                    await self._abort_stored(stimulation_id)
        live = self._worker.live.get(stimulation_id)
        if live is not None and live.stimulation is not None:
            live.stimulation.abort(reason)
            if not live.stimulation.is_driven_by(asyncio.current_task()):
                await live.stimulation.wait_quietly()

    async def _abort_stored(self, stimulation_id: str) -> None:
        info = await self._require(stimulation_id)
        dead = await self._worker.dead(itself=True)
        if info.status in FINAL_STATUSES or await self.store.settle(self.scope, stimulation_id, "aborted", dead=dead):
            return
        raise RunNotReady(stimulation_id, info.status, f"worker {info.owner} holds it; abort it there")

    async def delete(self, stimulation_id: str) -> None:
        """Drop a run and everything of it.

        Raises:
            RunNotFound: If there is no such run.
            RunNotReady: If it is under way; abort it first.
        """
        async with self._worker.ownership.taking(stimulation_id):
            info = await self._require(stimulation_id)
            if await self._is_under_way(info):
                raise RunNotReady(stimulation_id, info.status, "it is under way here; abort it first")
            dead = await self._worker.dead(itself=True)
            if not await self.store.delete(self.scope, stimulation_id, dead=dead):
                raise RunNotReady(stimulation_id, info.status, f"worker {info.owner} holds it; abort it there first")


def _one_of(value: Any, literal: Any, what: str) -> Any:
    if value not in get_args(literal):
        raise GraphError(f"{what} is one of {', '.join(map(repr, get_args(literal)))}, not {value!r}")
    return value


def _checked_id(stimulation_id: str) -> str:
    if not isinstance(stimulation_id, str) or not stimulation_id or "\0" in stimulation_id:
        raise GraphError(f"a stimulation_id is a string that is not empty, not {stimulation_id!r}")
    return stimulation_id
