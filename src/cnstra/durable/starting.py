"""What a runner does to begin runs: here and now, or elsewhere and later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

from cnstra.core.options import StimulationOptions
from cnstra.durable.admission import Admission, Entry
from cnstra.durable.arguments import Moment, checked_id, moment, one_of, seconds, whole
from cnstra.durable.changing import HeldRuns
from cnstra.durable.identity import new_stimulation_id
from cnstra.durable.policy import RetryPolicy, policy_data
from cnstra.durable.run_options import RunOptions, named_route
from cnstra.errors import GraphError, RunExists, RunNotReady
from cnstra.persist.limits import check_key
from cnstra.persist.records import Durability, Volume

if TYPE_CHECKING:
    from cnstra.core.abort import AbortSignal
    from cnstra.core.modality import AfferentPath, Modality
    from cnstra.core.responses import DrainListener, ResponseListener
    from cnstra.core.signals import Signal
    from cnstra.durable.handles import DurableRun
    from cnstra.durable.launching import Graph
    from cnstra.durable.worker import Worker
    from cnstra.persist.records import NewRun, RunState

__all__ = ["NewRuns", "id_of"]

_PRIORITIES: Final = (-(2**31), 2**31 - 1)


class NewRuns(HeldRuns):
    """What a runner does to begin runs from signals.

    Args:
        worker: Has the store.
        graph: What runs are made of.
        scope: Which graph's runs.
        durability: Of runs that do not say.
        volume: Of runs that do not say.
        retry: Of runs that are enqueued and do not say.
    """

    def __init__(
        self,
        worker: Worker,
        graph: Graph,
        scope: str,
        durability: Durability,
        volume: Volume,
        *,
        retry: RetryPolicy | None,
    ) -> None:
        super().__init__(worker, graph, scope)
        self._policy = _policy(retry)
        self._durability: Durability = one_of(durability, Durability, "durability")
        self._volume: Volume = one_of(volume, Volume, "volume")
        self._admission = Admission(graph.cns, graph.names, scope)

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
            stimulation_context: An object for all handlers. If it is left out, and for a resume, the runner's factory
                makes it.
            metadata: JSON data that is stored with the run: ``ctx.metadata``.
            on_response: As in `CNS.stimulate`; not stored.
            on_drain: As in `CNS.stimulate`; not stored.
            abort_signal: As in `CNS.stimulate`; not stored.

        Raises:
            UnknownName: If something that the run can reach has no name in the registry.
            PayloadError: If the payload or the metadata cannot be stored unchanged.
            RunExists: If there is a run of this id, and *on_conflict* is ``"raise"``.
            StoreError: If the run could not be stored, or the lease of this worker is lost at the moment.
        """
        self._worker.require_lease()
        one_of(on_conflict, Literal["return", "raise", "retry"], "on_conflict")
        entry = self._admission.entry(signal)
        options = self._options(
            durability=durability,
            concurrency=concurrency,
            max_neuron_hops=max_neuron_hops,
            modality=modality,
            afferent_path=afferent_path,
            metadata=metadata,
        )
        live = StimulationOptions(
            on_response=on_response,
            on_drain=on_drain,
            abort_signal=abort_signal,
            concurrency=concurrency,
            max_neuron_hops=max_neuron_hops,
            modality=modality,
            afferent_path=afferent_path,
            stimulation_context=stimulation_context,
            metadata=options.metadata,
        )
        new = self._admission.new_run(entry, id_of(stimulation_id), options, self._volume_of(volume))
        run = await self._admit(new, lambda state: self._worker.launcher.start(state, entry, options, live))
        return run or await self._existing(new.stimulation_id, on_conflict)

    async def enqueue(
        self,
        signal: Signal[Any] | Sequence[Signal[Any]],
        *,
        stimulation_id: str | None = None,
        run_at: Moment | None = None,
        delay: float | None = None,
        priority: int = 0,
        key: str | None = None,
        retry: RetryPolicy | Literal[False] | None = None,
        on_conflict: Literal["return", "raise"] = "return",
        durability: Durability | None = None,
        volume: Volume | None = None,
        concurrency: int | None = None,
        max_neuron_hops: int | None = None,
        modality: Modality | None = None,
        afferent_path: AfferentPath | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> DurableRun:
        """Store a run for any worker of this scope to pick up, this one included; when this returns, it is on disk.

        Args:
            signal: What to start with: one signal or several.
            stimulation_id: Unique within the scope; made (UUIDv7) if it is left out.
            run_at: Not before then: a `datetime` with a time zone, or seconds since the epoch, by the store's clock.
            delay: Not before so many seconds from now; instead of *run_at*.
            priority: Among runs that wait, those of a higher priority are picked up first, and then the oldest.
            key: By which it is limited together with others, as the runner's *limits* say; it waits until they let it
                start.
            retry: When it is tried again if it fails; the runner's policy unless given, and ``False`` for never. It is
                stored with the run, so that every worker goes by it.
            on_conflict: What to do if a run of this id is stored: give that run back, or raise.
            durability: As in `stimulate`, like all that follows.
            volume: Instead of the runner's.
            concurrency: How many bodies of this run may be active at once.
            max_neuron_hops: How often each neuron may be activated.
            modality: Which modality the run carries.
            afferent_path: Which path of that modality.
            metadata: JSON data that is stored with the run.

        Raises:
            GraphError: If *run_at*, *delay*, *priority*, *key* or *retry* make no sense.
            UnknownName: If something that the run can reach has no name in the registry.
            PayloadError: If the payload or the metadata cannot be stored unchanged.
            RunExists: If there is a run of this id, and *on_conflict* is ``"raise"``.
            StoreError: If the run could not be stored.
        """
        self._worker.require_open()
        one_of(on_conflict, Literal["return", "raise"], "on_conflict")
        waiting = self._waiting_run(
            priority=priority,
            key=key,
            retry=retry,
            durability=durability,
            volume=volume,
            concurrency=concurrency,
            max_neuron_hops=max_neuron_hops,
            modality=modality,
            afferent_path=afferent_path,
            metadata=metadata,
        )
        new = replace(waiting(self._admission.entry(signal), id_of(stimulation_id)), due_at=self._due_at(run_at, delay))
        if await self.store.admit(new, None) is None:
            return await self._existing(new.stimulation_id, on_conflict)
        self._worker.poke()
        return self._worker.outcomes.handle(new.stimulation_id, 0)

    def _waiting_run(
        self,
        *,
        priority: int,
        key: str | None,
        retry: RetryPolicy | Literal[False] | None,
        volume: Volume | None,
        **others: Any,
    ) -> Callable[[Entry, str], NewRun]:
        """Check the options of a run that is enqueued; return what makes it of its entry and its id."""
        options = self._options(**others)
        policy = self._policy if retry is None else _policy(retry or None)
        if policy is not None:
            options = replace(options, retry=policy_data(policy))
        if key is not None:
            check_key(key)
        chosen, rank = self._volume_of(volume), whole(priority, "priority", *_PRIORITIES)

        def make(entry: Entry, stimulation_id: str) -> NewRun:
            new = self._admission.new_run(entry, stimulation_id, options, chosen)
            return replace(new, priority=rank, limit_key=key)

        return make

    def _options(
        self,
        *,
        durability: Durability | None,
        concurrency: int | None = None,
        max_neuron_hops: int | None = None,
        modality: Modality | None = None,
        afferent_path: AfferentPath | None = None,
        metadata: Mapping[str, Any] | None,
    ) -> RunOptions:
        StimulationOptions(  # which refuses what makes no sense
            concurrency=concurrency, max_neuron_hops=max_neuron_hops, modality=modality, afferent_path=afferent_path
        )
        return RunOptions(
            one_of(durability or self._durability, Durability, "durability"),
            concurrency,
            max_neuron_hops,
            *named_route(self._graph.names.registry, modality, afferent_path),
            dict(metadata or {}),
        )

    def _volume_of(self, volume: Volume | None) -> Volume:
        chosen: Volume = one_of(volume or self._volume, Volume, "volume")
        return chosen

    def _due_at(self, run_at: Moment | None, delay: float | None) -> float | None:
        if delay is None:
            return moment(run_at, "run_at")
        if run_at is not None:
            raise GraphError("give run_at or delay, not both")
        return self._worker.presence.now() + seconds(delay, "delay", least=0)

    async def _admit(self, new: NewRun, start: Callable[[RunState], DurableRun | None]) -> DurableRun | None:
        """Store a run and start it; ``None`` if its id is taken."""
        async with self._worker.ownership.admitting(new.stimulation_id) as admission:
            with self._worker.wary():
                state = await self.store.admit(new, self._worker.worker_id)
            if state is None:
                return None
            run = None if admission.is_overtaken else start(state)
            return run or self._worker.outcomes.handle(new.stimulation_id, state.run.attempt_number)

    async def _existing(self, stimulation_id: str, on_conflict: str) -> DurableRun:
        info = await self._require(stimulation_id)
        if on_conflict == "raise":
            raise RunExists(stimulation_id, info.status)
        if on_conflict == "retry" and info.status in {"failed", "aborted"}:
            try:
                return await self.retry(stimulation_id)
            except RunNotReady:  # perhaps since somebody else was faster
                info = await self._require(stimulation_id)
                if info.status in {"failed", "aborted"}:
                    raise
        return self._worker.outcomes.handle(stimulation_id, info.attempt_number)


def _policy(given: RetryPolicy | None) -> RetryPolicy | None:
    if given is not None and not isinstance(given, RetryPolicy):
        raise GraphError(f"retry is a RetryPolicy, not {given!r}")
    return given


def id_of(stimulation_id: str | None) -> str:
    """Return *stimulation_id*, or a new one if there is none.

    Raises:
        GraphError: If a store cannot keep it.
    """
    return new_stimulation_id() if stimulation_id is None else checked_id(stimulation_id)
