"""Walking a graph: what is near one of its parts, and by which way one part leads to another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal, final

from cnstra.graphs import CollateralNode, GraphModel, NeuronNode
from cnstra.inspection.overviews import Names
from cnstra.inspection.problems import NotShown

__all__ = ["Step", "neighbourhood", "shortest_path"]


@final
@dataclass(frozen=True, slots=True)
class Step:
    """A part of a graph on the way from one to another."""

    kind: Literal["neuron", "collateral"]
    name: str


def neighbourhood(model: GraphModel, names: Names, around: str, depth: int) -> GraphModel:
    """Return the part of a graph that is near a neuron or a collateral.

    Args:
        model: The graph.
        names: Id to name.
        around: The name of the part in the middle.
        depth: Over how many neurons, with and against the signals; of a collateral its own neurons are at 0.

    Raises:
        NotShown: If there is no such part.
    """
    middle = _part(model, names, around)
    kept = {middle.id} if isinstance(middle, NeuronNode) else {*middle.emitters, *middle.subscribers}
    for _ in range(depth):
        kept |= {one for id in kept for one in _beside(model, id)}
    mentioned = {one for id in kept for one in _collaterals(model.neuron(id))}
    return _without_others(model, kept, mentioned)


def shortest_path(model: GraphModel, names: Names, source: str, target: str) -> Sequence[Step] | None:
    """Return a shortest way that signals take from one part to another; ``None`` if there is none.

    From a part to itself it is a shortest way around, if there is one.

    Raises:
        NotShown: If there is no such part.
    """
    start, end = _part(model, names, source), _part(model, names, target)
    came_from: dict[str, str] = {}
    queue = deque([start.id])
    while queue:
        id = queue.popleft()
        for following in _after(model, id):
            if following in came_from:
                continue
            came_from[following] = id
            if following == end.id:
                return [_step(names, one) for one in _traced(came_from, start.id, end.id)]
            queue.append(following)
    return None


def _part(model: GraphModel, names: Names, name: str) -> NeuronNode | CollateralNode:
    parts: Sequence[NeuronNode | CollateralNode] = [*model.neurons, *model.collaterals]
    for part in parts:
        if names[part.id] == name:
            return part
    near = get_close_matches(name, names.values(), n=3)
    hint = f"; there is {', '.join(map(repr, near))}" if near else ""
    raise NotShown("no_part", f"the graph has no neuron and no collateral {name!r}{hint}")


def _collaterals(neuron: NeuronNode) -> Iterable[str]:
    return [*(one.collateral for one in neuron.emits), *(one.collateral for one in neuron.dendrites)]


def _beside(model: GraphModel, neuron_id: str) -> Iterable[str]:
    neuron = model.neuron(neuron_id)
    after = [one for emitted in neuron.emits for one in model.collateral(emitted.collateral).subscribers]
    return after + [one for dendrite in neuron.dendrites for one in model.collateral(dendrite.collateral).emitters]


def _after(model: GraphModel, id: str) -> Iterable[str]:
    if id.startswith("n"):
        return dict.fromkeys(one.collateral for one in model.neuron(id).emits)
    return model.collateral(id).subscribers


def _traced(came_from: dict[str, str], start: str, end: str) -> Sequence[str]:
    way = [end, came_from[end]]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]


def _step(names: Names, id: str) -> Step:
    return Step("neuron" if id.startswith("n") else "collateral", names[id])


def _without_others(model: GraphModel, neurons: set[str], collaterals: set[str]) -> GraphModel:
    """Return a graph of these parts alone, with ids of its own: they tell the place of a part in its model."""
    new = _numbered("n", (one.id for one in model.neurons if one.id in neurons))
    channel = _numbered("c", (one.id for one in model.collaterals if one.id in collaterals))

    def members(ids: Iterable[str]) -> Sequence[str]:
        return [new[one] for one in ids if one in new]

    return GraphModel(
        neurons=[
            replace(
                one,
                id=new[one.id],
                emits=[replace(emitted, collateral=channel[emitted.collateral]) for emitted in one.emits],
                dendrites=[replace(dendrite, collateral=channel[dendrite.collateral]) for dendrite in one.dendrites],
            )
            for one in model.neurons
            if one.id in new
        ],
        collaterals=[
            replace(one, id=channel[one.id], emitters=members(one.emitters), subscribers=members(one.subscribers))
            for one in model.collaterals
            if one.id in channel
        ],
        cycles=[members(cycle) for cycle in model.cycles if set(cycle) <= neurons],
    )


def _numbered(prefix: str, ids: Iterable[str]) -> dict[str, str]:
    return {id: f"{prefix}{number}" for number, id in enumerate(ids)}
