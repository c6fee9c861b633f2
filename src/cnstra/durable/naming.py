"""The stored names of subscribers, looked up once each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from cnstra.core.signals import Collateral
    from cnstra.core.subscribers import Subscriber
    from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["SubscriberNames", "activation_prefix"]


@final
class SubscriberNames:
    """Neuron name and collateral name of each subscriber of one graph: needed for every task that is stored.

    Attributes:
        registry: Where the names come from.
    """

    def __init__(self, registry: CNSPersistOptionsRegistry) -> None:
        self.registry = registry
        self._known: dict[Subscriber, tuple[str, str]] = {}
        self._writers: dict[Collateral[Any], tuple[str, int, Callable[[Any], bytes]]] = {}

    def of(self, subscriber: Subscriber) -> tuple[str, str]:
        """Return the names of the neuron and of the dendrite's collateral.

        Raises:
            UnknownName: If one of them is not registered.
        """
        found = self._known.get(subscriber)
        if found is None:
            neuron = self.registry.require_neuron_name(subscriber.neuron)
            collateral = self.registry.require_collateral_name(subscriber.dendrite.collateral)
            found = self._known[subscriber] = (neuron, collateral)
        return found

    def writer_of(self, collateral: Collateral[Any]) -> tuple[str, int, Callable[[Any], bytes]] | None:
        """Return name, version and encoder of a collateral; ``None`` if it has no name.

        Looked up once each: what `encode_payload` looks up costs 0.3 us a hop.
        """
        found = self._writers.get(collateral)
        if found is None:
            name = self.registry.get_collateral_name(collateral)
            if name is None:
                return None
            version = self.registry.payload_version(collateral)
            found = self._writers[collateral] = (name, version, self.registry.payload_codec(collateral).encode)
        return found


def activation_prefix(scope: str, stimulation_id: str) -> str:
    """Return what the activation ids of a run begin with; the ordinal of the activation follows."""
    return f"{scope}/{stimulation_id}:" if scope else f"{stimulation_id}:"
