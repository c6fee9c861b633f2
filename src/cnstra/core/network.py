"""How the neurons of a CNS are connected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cnstra.core.axons import collaterals_of
from cnstra.core.graphs import components, reachable
from cnstra.core.subscribers import Subscriber

if TYPE_CHECKING:
    from cnstra.core.neurons import Neuron
    from cnstra.core.signals import Collateral

__all__ = ["Network"]


class Network:
    """The connections of one CNS, read off the axons and dendrites of its neurons (`CNS.network`).

    A handler may emit a collateral that is not in its neuron's axon; such an edge is not seen here.
    """

    def __init__(
        self,
        neurons: Sequence[Neuron[Any]],
        table: Mapping[Collateral[Any], Subscriber | tuple[Subscriber, ...] | None],
    ) -> None:
        self._neurons = neurons
        self._table = table
        self._owners: dict[Collateral[Any], list[Neuron[Any]]] = {}
        for neuron in neurons:
            for collateral in collaterals_of(neuron.axon).values():
                self._owners.setdefault(collateral, []).append(neuron)
        self._components: list[list[Neuron[Any]]] | None = None
        self._component_index: dict[Neuron[Any], int] = {}
        self._edges: Sequence[frozenset[int]] | None = None
        self._successors: dict[Neuron[Any], list[Neuron[Any]]] | None = None

    @property
    def neurons(self) -> Sequence[Neuron[Any]]:
        """The neurons, in the order of the CNS."""
        return self._neurons

    @property
    def collaterals(self) -> Sequence[Collateral[Any]]:
        """Every collateral that a neuron emits or listens on, in the order in which the neurons mention them."""
        return tuple(self._table)

    @property
    def entry_collaterals(self) -> Sequence[Collateral[Any]]:
        """Collaterals that no neuron owns: they come from outside."""
        return tuple(collateral for collateral in self._table if collateral not in self._owners)

    def subscribers(self, collateral: Collateral[Any]) -> tuple[Subscriber, ...]:
        """Return who is activated by *collateral*, in order; each has a ``neuron`` and a ``dendrite``."""
        target = self._table.get(collateral)
        return (target,) if isinstance(target, Subscriber) else target or ()

    def owner(self, collateral: Collateral[Any]) -> Neuron[Any] | None:
        """Return the first neuron that has *collateral* in its axon, or ``None``."""
        owners = self._owners.get(collateral)
        return owners[0] if owners else None

    def owners(self, collateral: Collateral[Any]) -> Sequence[Neuron[Any]]:
        """Return every neuron that has *collateral* in its axon, in order."""
        return tuple(self._owners.get(collateral, ()))

    @property
    def successors(self) -> Mapping[Neuron[Any], Sequence[Neuron[Any]]]:
        """Neuron to the neurons that its axon reaches in one hop, each once, in order."""
        if self._successors is None:
            self._successors = {neuron: self._successors_of(neuron) for neuron in self._neurons}
        return self._successors

    def _successors_of(self, neuron: Neuron[Any]) -> list[Neuron[Any]]:
        found: dict[Neuron[Any], None] = {}
        for collateral in collaterals_of(neuron.axon).values():
            for subscriber in self.subscribers(collateral):
                found[subscriber.neuron] = None
        return list(found)

    def strongly_connected_components(self) -> Sequence[Sequence[Neuron[Any]]]:
        """Return the sets of neurons that can reach each other, upstream ones first; most have one member."""
        if self._components is None:
            self._components = components(self.successors)
            self._components.reverse()
            self._component_index = {neuron: index for index, group in enumerate(self._components) for neuron in group}
        return self._components

    def component_index(self, neuron: Neuron[Any]) -> int:
        """Return the place of *neuron*'s component in `strongly_connected_components`."""
        self.strongly_connected_components()
        return self._component_index[neuron]

    @property
    def _component_edges(self) -> Sequence[frozenset[int]]:
        """For each component the other components that it reaches in one hop, by their places."""
        if self._edges is None:
            self._edges = [
                frozenset(
                    self._component_index[target] for neuron in group for target in self.successors[neuron]
                ).difference([place])
                for place, group in enumerate(self.strongly_connected_components())
            ]
        return self._edges

    def reachable(self, start: Iterable[Neuron[Any]] | Collateral[Any]) -> set[Neuron[Any]]:
        """Return every neuron that a signal on a collateral, or an activation of any of some neurons, can arrive at."""
        if isinstance(start, Iterable):
            return reachable(self.successors, start)
        return reachable(self.successors, [subscriber.neuron for subscriber in self.subscribers(start)])

    def to_mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart: a box for a neuron, a stadium for a collateral from outside."""
        ids = {neuron: f"n{index}" for index, neuron in enumerate(self._neurons)}
        lines = ["flowchart LR"]
        lines += [f'    {ids[neuron]}["{_quoted(neuron.label)}"]' for neuron in self._neurons]
        for number, collateral in enumerate(self.entry_collaterals):
            lines.append(f'    e{number}(["{_quoted(collateral.label)}"])')
            lines += [f"    e{number} --> {ids[target]}" for target in self._targets(collateral)]
        for collateral, owners in self._owners.items():
            label = _quoted(collateral.label)
            targets = self._targets(collateral)
            lines += [f'    {ids[owner]} -->|"{label}"| {ids[target]}' for owner in owners for target in targets]
        return "\n".join(lines) + "\n"

    def _targets(self, collateral: Collateral[Any]) -> list[Neuron[Any]]:
        return list(dict.fromkeys(subscriber.neuron for subscriber in self.subscribers(collateral)))


def _quoted(label: str) -> str:
    return label.replace('"', "#quot;").replace("\n", " ")
