"""Checking and encoding a run before it is stored: what could not be resumed is refused here, not at the crash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, final

from cnstra.core.axons import collaterals_of
from cnstra.core.signals import Signal
from cnstra.core.subscribers import Activation
from cnstra.durable.forking import UNCHANGED, Branch, checked
from cnstra.durable.recorder import RESERVED
from cnstra.durable.run_options import RunOptions
from cnstra.errors import GraphError
from cnstra.persist.records import NewRun, SignalRow, TaskRow, Volume

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.core.signals import Collateral
    from cnstra.durable.naming import SubscriberNames

__all__ = ["Admission", "Entry"]


@final
class Entry:
    """The entry signals of a run and their activations, alive and as rows."""

    __slots__ = ("groups", "rows", "signals", "tasks")

    def __init__(self, signals: Sequence[Signal[Any]]) -> None:
        self.signals = signals
        self.groups: list[list[Activation]] = []
        self.rows: list[SignalRow] = []
        self.tasks: list[TaskRow] = []

    @property
    def activations(self) -> list[Activation]:
        """The activations, in the order of their rows."""
        return [activation for group in self.groups for activation in group]


@final
class Admission:
    """Makes new runs of one graph.

    What a run can reach is looked up once for each entry collateral.
    """

    def __init__(self, cns: CNS[Any], names: SubscriberNames, scope: str) -> None:
        self._cns = cns
        self._names = names
        self._registry = names.registry
        self._scope = scope
        self._checked: set[Collateral[Any]] = set()

    def entry(self, signals: Signal[Any] | Sequence[Signal[Any]]) -> Entry:
        """Name and encode the entry signals, and make their activations.

        Raises:
            GraphError: If *signals* are no signals.
            UnknownName: If something that the run can reach has no name.
            PayloadError: If a payload cannot be stored unchanged, or a type that the run can reach never can be.
        """
        several = (signals,) if isinstance(signals, Signal) else tuple(signals)
        entry = Entry(several)
        for number, signal in enumerate(several):
            if not isinstance(signal, Signal):
                raise GraphError(f"a run starts with signals, not with {signal!r}; make one with create_signal()")
            self._require_names(signal.collateral)
            self._add(entry, number, signal)
        return entry

    def new_run(self, entry: Entry, stimulation_id: str, options: RunOptions, volume: Volume) -> NewRun:
        """Return what the store admits."""
        return self._new_run(stimulation_id, options, volume, entry.rows, entry.tasks)

    def new_branch(
        self, branch: Branch, stimulation_id: str, options: RunOptions, volume: Volume, payload: Any = UNCHANGED
    ) -> NewRun:
        """Return what the store admits of a run that starts with one activation, and remembers that it did.

        Args:
            branch: Where it starts.
            stimulation_id: The new run.
            options: Those of the run that it branches off from.
            volume: How much history is kept.
            payload: Instead of the one that the activation had.

        Raises:
            UnknownName: If something that the run can reach has no name.
            PayloadError: If a payload cannot be stored unchanged, or a type that the run can reach never can be.
        """
        branch = checked(branch, self._cns, self._names, payload)
        self._require_names(self._registry.require_collateral(branch.task.collateral_name))
        contexts = {name: value.decode() for name, value in branch.contexts.items()}
        remembered = replace(options, contexts=contexts, entry_task=branch.task)
        rows = () if branch.input is None else (branch.input,)
        task = TaskRow(0, *branch.task, signal=None if branch.input is None else 0)
        return replace(self._new_run(stimulation_id, remembered, volume, rows, (task,)), contexts=branch.contexts)

    def _new_run(
        self,
        stimulation_id: str,
        options: RunOptions,
        volume: Volume,
        entry: Sequence[SignalRow],
        tasks: Sequence[TaskRow],
    ) -> NewRun:
        return NewRun(
            scope=self._scope,
            stimulation_id=stimulation_id,
            options=options.encode(),
            entry=tuple(entry),
            tasks=tuple(tasks),
            volume=volume,
            reserved=0 if options.durability == "hop" else RESERVED,
        )

    def _add(self, entry: Entry, number: int, signal: Signal[Any]) -> None:
        collateral = self._registry.require_collateral_name(signal.collateral)
        version, payload = self._registry.encode_payload(signal.collateral, signal.payload)
        entry.rows.append(SignalRow(number, collateral, version, payload))
        group = []
        for subscriber in self._cns.network.subscribers(signal.collateral):
            neuron, _ = self._names.of(subscriber)
            entry.tasks.append(TaskRow(len(entry.tasks), neuron, collateral, subscriber.index, number))
            group.append(Activation(subscriber, signal))
        entry.groups.append(group)

    def _require_names(self, collateral: Collateral[Any]) -> None:
        if collateral in self._checked:
            return
        self._registry.require_collateral_name(collateral)
        for neuron in self._cns.network.reachable(collateral):
            self._registry.require_neuron_name(neuron)
            self._registry.context_codec(neuron)
            for emitted in collaterals_of(neuron.axon).values():
                if self._cns.network.subscribers(emitted):
                    self._registry.require_collateral_name(emitted)
                    self._registry.payload_codec(emitted)
        self._checked.add(collateral)
