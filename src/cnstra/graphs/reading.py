"""Reading the model of a graph off a CNS and its registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnstra.core.axons import collaterals_of
from cnstra.core.cns import CNS
from cnstra.core.modality import ModalityResponse
from cnstra.graphs.describing import first_line, handler_name, source_of, type_text
from cnstra.graphs.model import CollateralNode, DendriteNode, Emission, GraphModel, HandlerMode, NeuronNode, group_of
from cnstra.persist.registry import CNSPersistOptionsRegistry

if TYPE_CHECKING:
    from cnstra.core.dendrites import Dendrite
    from cnstra.core.neurons import Neuron
    from cnstra.core.signals import Collateral

__all__ = ["read_graph"]


def read_graph(cns: CNS[Any], registry: CNSPersistOptionsRegistry | None = None) -> GraphModel:
    """Return the model of a graph.

    Args:
        cns: The graph.
        registry: Gives its parts their stored names; without one they have their labels.
    """
    return _Reader(cns, registry or CNSPersistOptionsRegistry()).read()


class _Reader:
    def __init__(self, cns: CNS[Any], registry: CNSPersistOptionsRegistry) -> None:
        self._network = cns.network
        self._registry = registry
        self._neurons = {neuron: f"n{place}" for place, neuron in enumerate(cns.neurons)}
        self._collaterals = {one: f"c{place}" for place, one in enumerate(self._network.collaterals)}

    def read(self) -> GraphModel:
        return GraphModel(
            neurons=tuple(map(self._neuron, self._neurons)),
            collaterals=tuple(map(self._collateral, self._collaterals)),
            cycles=tuple(self._cycles()),
        )

    def _neuron(self, neuron: Neuron[Any]) -> NeuronNode:
        name = self._registry.get_neuron_name(neuron)
        counts: dict[Collateral[Any], int] = {}
        dendrites = []
        for dendrite in neuron.dendrites:
            index = counts[dendrite.collateral] = counts.get(dendrite.collateral, -1) + 1
            dendrites.append(self._dendrite(dendrite, index))
        return NeuronNode(
            id=self._neurons[neuron],
            name=neuron.label if name is None else name,
            registered=name is not None,
            doc=first_line(vars(type(neuron.axon)).get("__doc__")),
            context_type=type_text(neuron.context_type),
            concurrency=neuron.concurrency,
            max_duration=neuron.max_duration,
            emits=tuple(Emission(key, self._collaterals[one]) for key, one in collaterals_of(neuron.axon).items()),
            dendrites=tuple(dendrites),
            group=group_of(name or neuron.name or ""),  # a label that was made up has dots that mean nothing
        )

    def _dendrite(self, dendrite: Dendrite, index: int) -> DendriteNode:
        response = dendrite.response
        mode: HandlerMode = "sync"
        if dendrite.in_thread:
            mode = "thread"
        elif dendrite.is_stoppable:
            mode = "async"
        modalities = response.modalities if isinstance(response, ModalityResponse) else ()
        file, line = source_of(response)
        return DendriteNode(
            collateral=self._collaterals[dendrite.collateral],
            index=index,
            handler=handler_name(response),
            doc=None if modalities else first_line(getattr(response, "__doc__", None)),
            file=file,
            line=line,
            mode=mode,
            transactional=dendrite.transactional,
            modalities=tuple(self._registry.get_modality_name(one) or one.name or "modality" for one in modalities),
        )

    def _collateral(self, collateral: Collateral[Any]) -> CollateralNode:
        name = self._registry.get_collateral_name(collateral)
        subscribers = dict.fromkeys(one.neuron for one in self._network.subscribers(collateral))
        return CollateralNode(
            id=self._collaterals[collateral],
            name=collateral.label if name is None else name,
            registered=name is not None,
            payload_type=type_text(collateral.payload_type),
            version=self._registry.payload_version(collateral),
            emitters=tuple(self._neurons[one] for one in self._network.owners(collateral)),
            subscribers=tuple(self._neurons[one] for one in subscribers),
        )

    def _cycles(self) -> list[tuple[str, ...]]:
        successors = self._network.successors
        return [
            tuple(sorted((self._neurons[one] for one in group), key=lambda id: int(id[1:])))
            for group in self._network.strongly_connected_components()
            if len(group) > 1 or group[0] in successors[group[0]]
        ]
