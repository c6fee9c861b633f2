"""A registry made of a mapping, for graphs whose neurons are all in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cnstra.core.neurons import Neuron
from cnstra.persist.registry import CNSPersistOptionsRegistry
from cnstra.persist.values import MAX_PAYLOAD_BYTES

__all__ = ["NeuronEntry", "create_persist_registry"]


@dataclass(frozen=True, slots=True)
class NeuronEntry:
    """A neuron for `create_persist_registry`, with names of its own for its collaterals.

    Attributes:
        neuron: The neuron.
        collaterals: Names by axon key; a key that is left out is the name itself.
        aliases: Former names of the neuron.
    """

    neuron: Neuron[Any]
    collaterals: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


def create_persist_registry(
    neurons: Mapping[str, Neuron[Any] | NeuronEntry], *, max_payload_bytes: int = MAX_PAYLOAD_BYTES
) -> CNSPersistOptionsRegistry:
    """Make a registry of *neurons* by name, as `CNSPersistOptionsRegistry.register` would one by one.

    Raises:
        NameConflict: If two of them, or their collaterals, are in each other's way.
    """
    registry = CNSPersistOptionsRegistry(max_payload_bytes=max_payload_bytes)
    for name, entry in neurons.items():
        if isinstance(entry, NeuronEntry):
            registry.register(name, entry.neuron, entry.collaterals, aliases=entry.aliases)
        else:
            registry.register(name, entry)
    return registry
