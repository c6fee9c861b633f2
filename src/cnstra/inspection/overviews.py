"""A graph as the API shows it whole: parts by name, and how they are connected."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from cnstra.graphs import CollateralNode, GraphModel, NeuronNode
from cnstra.inspection.encoding import json_bytes
from cnstra.inspection.refs import ref_of
from cnstra.inspection.views import Data

__all__ = ["GraphSource", "Names", "distinct_names", "overview", "show_collateral", "show_neuron"]

GraphSource: TypeAlias = Literal["declared", "observed"]
Names: TypeAlias = Mapping[str, str]
"""Id in the model to name in the API."""


def overview(model: GraphModel, names: Names, source: GraphSource, *, is_complete: bool = True) -> Data:
    """Return a graph without contracts and documentation."""
    return {
        "source": source,
        "version": _version(model),
        "is_complete": is_complete,
        "neurons": [show_neuron(model, neuron, names) for neuron in model.neurons],
        "collaterals": [show_collateral(collateral, names) for collateral in model.collaterals],
        "edges": [edge for collateral in model.collaterals for edge in _edges(collateral, names)],
    }


def show_neuron(model: GraphModel, neuron: NeuronNode, names: Names) -> Data:
    """Return a neuron as lists show it."""
    cycles = [number for number, members in enumerate(model.cycles) if neuron.id in members]
    name = names[neuron.id]
    return {
        "name": name,
        "ref": ref_of(name),
        "is_registered": neuron.registered,
        "doc": neuron.doc,
        "group": neuron.group,
        "cycle": cycles[0] if cycles else None,
        "emits": [names[one.collateral] for one in neuron.emits],
        "listens": list(dict.fromkeys(names[one.collateral] for one in neuron.dendrites)),
    }


def show_collateral(collateral: CollateralNode, names: Names) -> Data:
    """Return a collateral as lists show it."""
    name = names[collateral.id]
    return {
        "name": name,
        "ref": ref_of(name),
        "is_registered": collateral.registered,
        "version": collateral.version,
        "is_entry": collateral.is_entry,
        "emitters": [names[one] for one in collateral.emitters],
        "subscribers": [names[one] for one in collateral.subscribers],
        "type_name": collateral.payload_type,
    }


def distinct_names(model: GraphModel) -> Names:
    """Return a name for each part, different from those of all others of its kind: labels may be the same."""
    return {**_distinct(model.neurons), **_distinct(model.collaterals)}


def _distinct(parts: Sequence[NeuronNode] | Sequence[CollateralNode]) -> Names:
    # What is stored has registered names, so these come first.
    taken: dict[str, str] = {}
    ordered: list[NeuronNode | CollateralNode] = sorted(parts, key=lambda part: not part.registered)
    for part in ordered:
        number, name = 1, part.name
        while name in taken:
            number += 1
            name = f"{part.name} ({number})"
        taken[name] = part.id
    return {id: name for name, id in taken.items()}


def _version(model: GraphModel) -> str:
    return hashlib.blake2b(json_bytes(msgspec.to_builtins(model)), digest_size=8).hexdigest()


def _edges(collateral: CollateralNode, names: Names) -> Iterator[Data]:
    for source in collateral.emitters or (None,):
        for target in collateral.subscribers or (None,):
            yield {
                "source": None if source is None else names[source],
                "collateral": names[collateral.id],
                "target": None if target is None else names[target],
            }
