"""A graph as data: its neurons, its collaterals with their contracts, and how they are connected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, final

from cnstra.core.axons import collaterals_of
from cnstra.core.cns import CNS
from cnstra.core.modality import ModalityResponse
from cnstra.core.neurons import Neuron
from cnstra.core.signals import Collateral
from cnstra.devtools.contracts import contract_of, place_of
from cnstra.devtools.declared import DeclaredSecrets, secrets_of
from cnstra.devtools.refs import ref_of
from cnstra.devtools.views import Data
from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["GraphModel", "brief_collateral", "brief_neuron"]

T = TypeVar("T")


@final
class GraphModel:
    """The graph that runs are made of; built once, since a graph does not change.

    Neurons and collaterals go by their registered names; one that has none goes by its label, and is marked.

    Args:
        cns: The graph.
        registry: The names that runs are stored by.
    """

    def __init__(self, cns: CNS[Any], registry: CNSPersistOptionsRegistry | None) -> None:
        self._cns = cns
        self._registry = registry
        self._neuron_names: Mapping[Neuron[Any], str] = _distinct({one: self._name_of(one) for one in cns.neurons})
        self._collateral_names: Mapping[Collateral[Any], str] = _distinct(
            {one: self._name_of(one) for one in cns.network.collaterals}
        )
        self.neurons: Mapping[str, Data] = {name: self._neuron(one) for one, name in self._neuron_names.items()}
        self.collaterals: Mapping[str, Data] = {
            name: self._collateral(one) for one, name in self._collateral_names.items()
        }
        self.edges: Sequence[Data] = self._edges()

    @property
    def secrets(self) -> DeclaredSecrets:
        """What the declared types of payloads and contexts say is secret."""
        return DeclaredSecrets(
            {name: secrets_of(one["contract"]["schema"]) for name, one in self.collaterals.items()},
            {name: secrets_of(one["context"]["schema"]) for name, one in self.neurons.items() if one["context"]},
        )

    def overview(self) -> Data:
        """Return the whole graph, without schemas and documentation."""
        neurons = [brief_neuron(one) for one in self.neurons.values()]
        collaterals = [brief_collateral(one) for one in self.collaterals.values()]
        shape = {"source": "declared", "neurons": neurons, "collaterals": collaterals, "edges": self.edges}
        version = hashlib.blake2b(json.dumps(shape, sort_keys=True).encode(), digest_size=8).hexdigest()
        return {**shape, "version": version, "is_complete": True}

    def _name_of(self, part: Neuron[Any] | Collateral[Any]) -> str:
        return self._registered(part) or part.label

    def _registered(self, part: Neuron[Any] | Collateral[Any]) -> str | None:
        if self._registry is None:
            return None
        if isinstance(part, Neuron):
            return self._registry.get_neuron_name(part)
        return self._registry.get_collateral_name(part)

    def _neuron(self, neuron: Neuron[Any]) -> Data:
        name = self._neuron_names[neuron]
        emits = [self._collateral_names[one] for one in collaterals_of(neuron.axon).values()]
        axon = type(neuron.axon)
        return {
            "name": name,
            "ref": ref_of(name),
            "is_registered": self._registered(neuron) is not None,
            "label": neuron.label,
            "concurrency": neuron.concurrency,
            "max_duration": neuron.max_duration,
            "component": self._cns.network.component_index(neuron),
            "emits": emits,
            "listens": list(dict.fromkeys(self._collateral_names[one.collateral] for one in neuron.dendrites)),
            "axon": place_of(axon) if axon.__module__ != "cnstra.core.axons" else None,
            "context": None if neuron.context_type is None else contract_of(neuron.context_type),
            "dendrites": self._dendrites(neuron),
        }

    def _dendrites(self, neuron: Neuron[Any]) -> list[Data]:
        counts: dict[Collateral[Any], int] = {}
        shown: list[Data] = []
        for dendrite in neuron.dendrites:
            index = counts[dendrite.collateral] = counts.get(dendrite.collateral, -1) + 1
            response = dendrite.response
            shown.append(
                {
                    "collateral_name": self._collateral_names[dendrite.collateral],
                    "index": index,
                    "is_asynchronous": dendrite.is_asynchronous,
                    "in_thread": dendrite.in_thread,
                    "is_transactional": dendrite.transactional,
                    "modalities": [str(one.name or one) for one in response.modalities]
                    if isinstance(response, ModalityResponse)
                    else [],
                    "handler": place_of(response),
                }
            )
        return shown

    def _collateral(self, collateral: Collateral[Any]) -> Data:
        name = self._collateral_names[collateral]
        network = self._cns.network
        listeners = [self._neuron_names[one.neuron] for one in network.subscribers(collateral)]
        return {
            "name": name,
            "ref": ref_of(name),
            "is_registered": self._registered(collateral) is not None,
            "label": collateral.label,
            "version": 1 if self._registry is None else self._registry.payload_version(collateral),
            "is_entry": collateral in network.entry_collaterals,
            "owners": [self._neuron_names[one] for one in network.owners(collateral)],
            "listeners": list(dict.fromkeys(listeners)),
            "contract": contract_of(collateral.payload_type),
        }

    def _edges(self) -> list[Data]:
        network = self._cns.network
        edges: list[Data] = []
        for collateral, name in self._collateral_names.items():
            sources = [self._neuron_names[one] for one in network.owners(collateral)]
            targets = [(self._neuron_names[one.neuron], one.index) for one in network.subscribers(collateral)]
            edges += [
                {"source": source, "collateral": name, "target": target, "dendrite_index": index}
                for source in sources or (None,)
                for target, index in targets or ((None, 0),)
            ]
        return edges


def _distinct(names: Mapping[T, str]) -> Mapping[T, str]:
    """Return names that are all different: labels, which stand in for names, may be the same."""
    taken: set[str] = set()
    found = {}
    for part, name in names.items():
        number, distinct = 1, name
        while distinct in taken:
            number += 1
            distinct = f"{name} ({number})"
        taken.add(distinct)
        found[part] = distinct
    return found


def brief_neuron(neuron: Data) -> Data:
    """Return a neuron without its dendrites and its context's contract."""
    return {name: neuron[name] for name in ("name", "ref", "is_registered", "label", "component", "emits", "listens")}


def brief_collateral(collateral: Data) -> Data:
    """Return a collateral without its contract's schema."""
    names = ("name", "ref", "is_registered", "label", "version", "is_entry", "owners", "listeners")
    return {**{name: collateral[name] for name in names}, "type_name": collateral["contract"]["type_name"]}
