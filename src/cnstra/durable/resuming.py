"""From what a store holds of a run back to a run in memory."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, final

from cnstra.core.context import CNSStimulationContextStore
from cnstra.core.options import StimulationOptions
from cnstra.core.signals import Signal
from cnstra.core.stimulation import Stimulation
from cnstra.core.subscribers import Activation
from cnstra.durable.failures import error_of
from cnstra.durable.gathering import Sink
from cnstra.durable.recorder import RunRecorder
from cnstra.durable.retries import Retries
from cnstra.durable.run_options import RunOptions
from cnstra.errors import UnknownName
from cnstra.persist.records import RunState, TaskRow

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.core.neurons import Neuron
    from cnstra.durable.contexts import CallersContext
    from cnstra.durable.naming import SubscriberNames

__all__ = ["Revival", "Reviver"]


@final
class Revival:
    """A run that is ready to start from its frontier."""

    __slots__ = ("_failed", "_hops", "activations", "recorder", "stimulation")

    def __init__(
        self,
        stimulation: Stimulation,
        recorder: RunRecorder,
        activations: list[Activation],
        failed: list[tuple[Activation, Exception]],
        hops: dict[Neuron[Any], int],
    ) -> None:
        self.stimulation = stimulation
        self.recorder = recorder
        self.activations = activations
        self._failed = failed
        self._hops = hops

    def start(self) -> None:
        """Let it run."""
        run = self.stimulation
        run.prepare()
        run.restore(self._failed, self._hops)
        run.cns.start_tasks(run, self.activations)


@final
class Reviver:
    """Rebuilds runs of one graph.

    Args:
        callers: Makes the caller's object anew for each resumed run.
        random: For the jitter of retries.
        log_lines: How many lines are kept of what an activation logs.
    """

    def __init__(
        self,
        cns: CNS[Any],
        names: SubscriberNames,
        sink: Sink,
        callers: CallersContext,
        random: Random,
        *,
        log_lines: int,
    ) -> None:
        self._cns = cns
        self._names = names
        self._registry = names.registry
        self._sink = sink
        self._callers = callers
        self._random = random
        self._log_lines = log_lines

    def revive(self, state: RunState) -> Revival:
        """Return the run of *state*, ready to start.

        Raises:
            UnknownName: If the graph at hand does not have something that the frontier names.
            PayloadError: If a stored value cannot be read as its declared type.
        """
        options = RunOptions.decode(state.run.options)
        signals = {
            ordinal: self._signal(row.collateral_name, row.version, row.payload)
            for ordinal, row in state.signals.items()
        }
        run = Stimulation(self._cns, self._options(options, state))
        retries = Retries(state.run, options, self._random)
        recorder = RunRecorder(
            self._names, self._sink, state, options.durability, retries=retries, log_lines=self._log_lines
        )
        activations: list[Activation] = []
        failed: list[tuple[Activation, Exception]] = []
        for row in state.tasks:
            activation = self._activation(row, signals)
            activation.record = recorder.handle(row)
            if row.failure is None:
                activations.append(activation)
            else:
                failed.append((activation, error_of(row.failure, row)))
        recorder.stimulation = run
        run.attach(recorder)
        if options.max_neuron_hops is not None:
            recorder.count_hops()
        hops = {self._registry.require_neuron(name): count for name, count in state.hops.items()}
        for activation, _ in failed:
            hops[activation.subscriber.neuron] = hops.get(activation.subscriber.neuron, 0) + 1
        return Revival(run, recorder, activations, failed, hops)

    def _options(self, options: RunOptions, state: RunState) -> StimulationOptions:
        context = CNSStimulationContextStore(self._registry)
        for name, value in state.contexts.items():
            neuron = self._registry.require_neuron(name)
            context.set(neuron, self._registry.decode_context(neuron, value))
        modality, path = options.route(self._registry)
        return StimulationOptions(
            ctx=context,
            concurrency=options.concurrency,
            max_neuron_hops=options.max_neuron_hops,
            modality=modality,
            afferent_path=path,
            metadata=options.metadata,
            attempt_number=state.run.attempt_number,
            stimulation_context=self._callers.of(state.run.stimulation_id, options.metadata, state.run.attempt_number),
        )

    def _signal(self, collateral_name: str, version: int, payload: bytes) -> Signal[Any]:
        collateral = self._registry.require_collateral(collateral_name)
        return Signal(collateral, self._registry.decode_payload(collateral, version, payload))

    def _activation(self, row: TaskRow, signals: dict[int, Signal[Any]]) -> Activation:
        neuron = self._registry.require_neuron(row.neuron_name)
        collateral = self._registry.require_collateral(row.collateral_name)
        subscriber = self._cns.find_subscriber(neuron, collateral, row.dendrite_index)
        if subscriber is None:
            hint = f"neuron {row.neuron_name!r} has no dendrite number {row.dendrite_index} on it in this CNS"
            raise UnknownName("dendrite", row.collateral_name, hint)
        return Activation(subscriber, None if row.signal is None else signals[row.signal])
