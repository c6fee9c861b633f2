"""The graph that DevTools were given, with the contracts of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from cnstra.core.cns import CNS
from cnstra.core.neurons import Neuron
from cnstra.core.signals import Collateral
from cnstra.errors import PayloadError
from cnstra.graphs import CollateralNode, NeuronNode, read_graph
from cnstra.inspection.contracts import contract_of, place_of
from cnstra.inspection.declared import DeclaredSecrets, secrets_of
from cnstra.inspection.overviews import distinct_names, overview, show_collateral, show_neuron
from cnstra.inspection.views import Data
from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["DeclaredGraph"]


@final
class DeclaredGraph:
    """The graph that runs are made of; read once, since a graph does not change.

    Args:
        cns: The graph.
        registry: The names that runs are stored by; without it parts have their labels.

    Attributes:
        model: Its parts.
        neurons: The neurons by name, with their contracts.
        collaterals: The collaterals by name, with their contracts.
    """

    def __init__(self, cns: CNS[Any], registry: CNSPersistOptionsRegistry | None) -> None:
        self.model = read_graph(cns, registry)
        self._registry = CNSPersistOptionsRegistry() if registry is None else registry
        self._names = distinct_names(self.model)
        neurons = [self._neuron(*pair) for pair in zip(self.model.neurons, cns.neurons, strict=True)]
        pairs = zip(self.model.collaterals, cns.network.collaterals, strict=True)
        collaterals = [self._collateral(*pair) for pair in pairs]
        names = [one["name"] for one in collaterals]
        self._declared = dict(zip(names, cns.network.collaterals, strict=True))
        self.neurons: Mapping[str, Data] = {one["name"]: one for one in neurons}
        self.collaterals: Mapping[str, Data] = {one["name"]: one for one in collaterals}

    @property
    def secrets(self) -> DeclaredSecrets:
        """What the declared types of payloads and contexts say is secret."""
        return DeclaredSecrets(
            {name: secrets_of(one["contract"]["schema"]) for name, one in self.collaterals.items()},
            {name: secrets_of(one["context"]["schema"]) for name, one in self.neurons.items() if one["context"]},
        )

    def overview(self) -> Data:
        """Return the whole graph, without contracts."""
        return overview(self.model, self._names, "declared")

    def brief_neurons(self) -> list[Data]:
        """Return the neurons as lists show them."""
        return [show_neuron(self.model, one, self._names) for one in self.model.neurons]

    def brief_collaterals(self) -> list[Data]:
        """Return the collaterals as lists show them."""
        return [show_collateral(one, self._names) for one in self.model.collaterals]

    def payload_problem(self, name: str, payload: bytes) -> PayloadError | None:
        """Return why JSON is no payload of the collateral of this name; ``None`` if it is one."""
        collateral = self._declared[name]
        try:
            self._registry.decode_payload(collateral, self._registry.payload_version(collateral), payload)
        except PayloadError as error:
            return error
        return None

    def _neuron(self, node: NeuronNode, neuron: Neuron[Any]) -> Data:
        axon = type(neuron.axon)
        return {
            **show_neuron(self.model, node, self._names),
            "concurrency": node.concurrency,
            "max_duration": node.max_duration,
            "axon": None if axon.__module__ == "cnstra.core.axons" else place_of(axon),
            "context": None if neuron.context_type is None else contract_of(neuron.context_type),
            "dendrites": [
                {
                    "collateral_name": self._names[one.collateral],
                    "index": one.index,
                    "mode": one.mode,
                    "is_transactional": one.transactional,
                    "modalities": one.modalities,
                    "handler": place_of(dendrite.response),
                }
                for one, dendrite in zip(node.dendrites, neuron.dendrites, strict=True)
            ],
        }

    def _collateral(self, node: CollateralNode, collateral: Collateral[Any]) -> Data:
        return {**show_collateral(node, self._names), "contract": contract_of(collateral.payload_type)}
