"""What a graph consists of, as plain immutable data with no object of the application in it.

Ids are short and tell nothing: ``n0`` is the first neuron of the CNS, ``c0`` the first collateral that the neurons
mention. Names may be any text, and two parts may share one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["CollateralNode", "DendriteNode", "Emission", "GraphModel", "HandlerMode", "NeuronNode", "group_of"]

HandlerMode: TypeAlias = Literal["sync", "async", "thread"]


def group_of(name: str) -> str | None:
    """Return the group of a neuron: ``billing`` of ``billing.charge`` and ``billing/charge``, else ``None``."""
    last = max(name.rfind("."), name.rfind("/"))
    group, own = name[: max(last, 0)].rstrip("./"), name[last + 1 :]
    return group if group and own else None


@dataclass(frozen=True, slots=True)
class Emission:
    """A collateral that a neuron may emit.

    Attributes:
        key: What its axon calls it.
        collateral: Id of the collateral.
    """

    key: str
    collateral: str


@dataclass(frozen=True, slots=True)
class DendriteNode:
    """A handler and the collateral that it is bound to.

    Attributes:
        collateral: Id of the collateral.
        index: Which of the neuron's dendrites on that collateral.
        handler: Module and qualified name of the function.
        doc: First line of its docstring.
        file: Where its source is, if that can be told.
        line: The first line there.
        mode: How it runs; *sync* also where the function is not known to return an awaitable.
        transactional: Whether what it writes commits with its hop.
        modalities: Names of the modalities that pick its variant.
    """

    collateral: str
    index: int
    handler: str
    doc: str | None
    file: str | None
    line: int | None
    mode: HandlerMode
    transactional: bool
    modalities: Sequence[str]


@dataclass(frozen=True, slots=True)
class NeuronNode:
    """A neuron.

    Attributes:
        id: ``n0`` and so on, in the order of the CNS.
        name: Its name in the registry, else its label.
        registered: Whether it has a name in the registry.
        doc: First line of the docstring of its axon's class.
        context_type: The declared type of its context value, as text.
        concurrency: How many of its bodies may run at once; ``None`` is no limit.
        max_duration: Seconds that a handler may take; ``None`` is no limit.
        emits: Its axon, in order.
        dendrites: Its dendrites, in order.
        group: What it belongs to, by its name: what is before the last ``.`` or ``/`` there; ``None`` if it has no such
            name.
    """

    id: str
    name: str
    registered: bool
    doc: str | None
    context_type: str | None
    concurrency: int | None
    max_duration: float | None
    emits: Sequence[Emission]
    dendrites: Sequence[DendriteNode]
    group: str | None = None


@dataclass(frozen=True, slots=True)
class CollateralNode:
    """A collateral.

    Attributes:
        id: ``c0`` and so on, in the order in which the neurons mention them.
        name: Its name in the registry, else its label.
        registered: Whether it has a name in the registry.
        payload_type: The declared type of its payloads, as text; ``None`` if any payload is allowed.
        version: Version that its payloads are written in.
        emitters: Ids of the neurons that may emit it.
        subscribers: Ids of the neurons that it activates, each once, in the order in which they are activated.
    """

    id: str
    name: str
    registered: bool
    payload_type: str | None
    version: int
    emitters: Sequence[str]
    subscribers: Sequence[str]

    @property
    def is_entry(self) -> bool:
        """Whether no neuron emits it, so that it comes from outside."""
        return not self.emitters


@dataclass(frozen=True, slots=True)
class GraphModel:
    """A graph.

    Attributes:
        neurons: In the order of the CNS.
        collaterals: In the order in which the neurons mention them.
        cycles: Sets of neurons that can reach each other, and single ones that reach themselves, by id.
    """

    neurons: Sequence[NeuronNode]
    collaterals: Sequence[CollateralNode]
    cycles: Sequence[Sequence[str]]

    @property
    def groups(self) -> Mapping[str | None, Sequence[NeuronNode]]:
        """The neurons by their groups, in the order in which these appear; those of no group are ``None``'s."""
        groups: dict[str | None, list[NeuronNode]] = {}
        for neuron in self.neurons:
            groups.setdefault(neuron.group, []).append(neuron)
        return groups

    def neuron(self, id: str) -> NeuronNode:
        """Return the neuron of an id that is in this model."""
        return self.neurons[int(id[1:])]

    def collateral(self, id: str) -> CollateralNode:
        """Return the collateral of an id that is in this model."""
        return self.collaterals[int(id[1:])]
