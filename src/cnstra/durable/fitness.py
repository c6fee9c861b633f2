"""Whether the code at hand can go on with a stored run, and if not, what is in the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from cnstra.durable.run_options import RunOptions
from cnstra.errors import PayloadError, UnknownName

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.core.signals import Collateral
    from cnstra.persist.records import RunState, SignalRow, TaskRow
    from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["Fitness", "Misfit"]


@final
@dataclass(frozen=True, slots=True, order=True)
class Misfit:
    """One reason why this code cannot go on with a run.

    Attributes:
        kind: ``"neuron"``, ``"collateral"``, ``"dendrite"``, ``"modality"``, ``"afferent path"``, ``"payload"``,
            ``"context"``, ``"options"`` or ``"run"``.
        name: What it is about.
        problem: What is wrong, and what to do.
        is_for_newer_code: Whether other code, which is perhaps deployed already, may well go on with it: a name is
            unknown here, or newer code wrote a payload.
    """

    kind: str
    name: str
    problem: str
    is_for_newer_code: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}: {self.problem}"


@final
class Fitness:
    """Compares stored runs with one graph and its names, without starting them."""

    def __init__(self, cns: CNS[Any], registry: CNSPersistOptionsRegistry) -> None:
        self._cns = cns
        self._registry = registry

    def misfits(self, state: RunState) -> list[Misfit]:
        """Return everything that is in the way, each once, those first that newer code may well know."""
        found = {*self._of_options(state), *self._of_contexts(state), *self._of_hops(state)}
        for row in state.signals.values():
            found.update(self._of_signal(row))
        for task in state.tasks:
            found.update(self._of_task(task))
        return sorted(found, key=lambda one: (not one.is_for_newer_code, one))

    def _of_options(self, state: RunState) -> Iterator[Misfit]:
        try:
            RunOptions.decode(state.run.options).route(self._registry)
        except UnknownName as error:
            yield _unknown(error)
        except Exception as error:  # noqa: BLE001 - whatever stands there in place of the options
            yield Misfit("options", state.run.stimulation_id, f"they cannot be read ({type(error).__name__}: {error})")

    def _of_contexts(self, state: RunState) -> Iterator[Misfit]:
        for name, value in state.contexts.items():
            try:
                self._registry.decode_context(self._registry.require_neuron(name), value)
            except UnknownName as error:
                yield _unknown(error)
            except PayloadError as error:
                yield Misfit("context", name, f"{error.problem} (at {error.path})")

    def _of_hops(self, state: RunState) -> Iterator[Misfit]:
        for name in state.hops:
            try:
                self._registry.require_neuron(name)
            except UnknownName as error:
                yield _unknown(error)

    def _of_signal(self, row: SignalRow) -> Iterator[Misfit]:
        try:
            collateral = self._registry.require_collateral(row.collateral_name)
        except UnknownName as error:
            yield _unknown(error)
            return
        try:
            self._registry.decode_payload(collateral, row.version, row.payload)
        except PayloadError as error:
            is_newer = self._is_newer(collateral, row.version)
            yield Misfit("payload", row.collateral_name, f"{error.problem} (at {error.path})", is_newer)

    def _is_newer(self, collateral: Collateral[Any], version: object) -> bool:
        return isinstance(version, int) and version > self._registry.payload_version(collateral)

    def _of_task(self, task: TaskRow) -> Iterator[Misfit]:
        try:
            neuron = self._registry.require_neuron(task.neuron_name)
            collateral = self._registry.require_collateral(task.collateral_name)
        except UnknownName as error:
            yield _unknown(error)
            return
        if self._cns.find_subscriber(neuron, collateral, task.dendrite_index) is None:
            problem = f"neuron {task.neuron_name!r} has no dendrite number {task.dendrite_index} on it in this CNS"
            yield Misfit("dendrite", task.collateral_name, problem, is_for_newer_code=True)


def _unknown(error: UnknownName) -> Misfit:
    return Misfit(error.kind, error.name, f"not registered; {error.hint}", is_for_newer_code=True)
