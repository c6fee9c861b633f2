"""What a resume would miss: every part of a graph that has no name, or whose values cannot be stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from cnstra.core.axons import collaterals_of
from cnstra.core.modality import Modality, ModalityResponse
from cnstra.core.neurons import Neuron
from cnstra.core.signals import Collateral
from cnstra.errors import PayloadError
from cnstra.persist.values import StoredValues

__all__ = ["Graph", "Problem", "problems_of"]


class Graph(Protocol):
    """What is checked: a `CNS`, or anything that has neurons."""

    @property
    def neurons(self) -> Iterable[Neuron[Any]]:
        """The neurons of the graph."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a run of a graph could not be resumed.

    Attributes:
        kind: ``"neuron"``, ``"collateral"`` or ``"modality"``.
        name: Its name in the registry, or its label where it has none.
        problem: What is wrong, and what to do.
    """

    kind: str
    name: str
    problem: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r} {self.problem}"


def problems_of(graph: Graph, values: StoredValues) -> list[Problem]:
    """Return every problem of *graph*, each part once, in the order of its neurons."""
    collaterals: dict[Collateral[Any], None] = {}
    modalities: dict[Modality, None] = {}
    problems: list[Problem] = []
    for neuron in graph.neurons:
        problems.extend(_of_neuron(neuron, values))
        for dendrite in neuron.dendrites:
            collaterals[dendrite.collateral] = None
            if isinstance(dendrite.response, ModalityResponse):
                modalities.update(dict.fromkeys(dendrite.response.modalities))
        collaterals.update(dict.fromkeys(collaterals_of(neuron.axon).values()))
    for collateral in collaterals:
        problems.extend(_of_collateral(collateral, values))
    for modality in modalities:
        if values.get_modality_name(modality) is None:
            label = modality.name or repr(modality)
            problems.append(
                Problem("modality", label, "has no name: say registry.register_modality(<name>, <the modality>)")
            )
    return problems


def _of_neuron(neuron: Neuron[Any], values: StoredValues) -> Iterator[Problem]:
    name = values.get_neuron_name(neuron)
    if name is None:
        yield Problem("neuron", neuron.label, "has no name: say registry.register(<name>, <the neuron>)")
    try:
        values.context_codec(neuron)
    except PayloadError as error:
        yield Problem("neuron", name or neuron.label, f"has a context value that cannot be stored: {error.problem}")


def _of_collateral(collateral: Collateral[Any], values: StoredValues) -> Iterator[Problem]:
    name = values.get_collateral_name(collateral)
    if name is None:
        remedy = "register the neuron that emits it, or say registry.register_collateral(<name>, <the collateral>)"
        yield Problem("collateral", collateral.label, f"has no name: {remedy}")
    try:
        values.payload_codec(collateral)
    except PayloadError as error:
        yield Problem("collateral", name or collateral.label, f"has payloads that cannot be stored: {error.problem}")
