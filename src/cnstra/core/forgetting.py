"""Dropping context values that nothing in a run can reach any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnstra.core.context import ContextStore
    from cnstra.core.network import Network
    from cnstra.core.neurons import Neuron

__all__ = ["ContextCleaner"]


class ContextCleaner:
    """Counts what is outstanding in each strongly connected component, and what can flow into it.

    A component is alive while it has an activation that is not settled (waiting, running or failed), or a predecessor
    that is alive. When it dies, the values of its neurons are dropped, and its successors have one living predecessor
    less: the cost of a whole run is that of walking the part of its graph that can be reached once.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._groups = network.strongly_connected_components()
        self._successors = network._component_edges
        self._outstanding: Counter[int] = Counter()
        self._sources: Counter[int] = Counter()  # how many predecessors are alive

    def enter(self, neuron: Neuron[Any]) -> None:
        """An activation of *neuron* has come into being."""
        if neuron not in self._network.successors:
            return  # a task of another graph, which will fail
        index = self._network.component_index(neuron)
        was_alive = self._is_alive(index)
        self._outstanding[index] += 1
        if not was_alive:
            self._revive(index)

    def leave(self, neuron: Neuron[Any], store: ContextStore) -> Sequence[Neuron[Any]]:
        """An activation of *neuron* has settled; drop what is out of reach now, and return whose values those were."""
        index = self._network.component_index(neuron)
        self._outstanding[index] -= 1
        if self._is_alive(index):
            return ()
        dead = self._bury(index)
        forgotten = [one for group in dead for one in self._groups[group] if store.get(one) is not None]
        for one in forgotten:
            store.delete(one)
        return forgotten

    def _is_alive(self, index: int) -> bool:
        return self._outstanding[index] > 0 or self._sources[index] > 0

    def _revive(self, index: int) -> None:
        revived = [index]
        while revived:
            for successor in self._successors[revived.pop()]:
                if not self._is_alive(successor):
                    revived.append(successor)
                self._sources[successor] += 1

    def _bury(self, index: int) -> list[int]:
        dead = [index]
        for group in dead:  # grows while it is walked
            for successor in self._successors[group]:
                self._sources[successor] -= 1
                if not self._is_alive(successor):
                    dead.append(successor)
        return dead
