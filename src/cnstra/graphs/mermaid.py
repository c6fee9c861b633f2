"""A graph as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cnstra.graphs.model import CollateralNode, GraphModel

__all__ = ["to_mermaid"]

_PLAIN: Final = frozenset(" _-.,:/()+*=")
"""Beside letters and digits, the characters that mean nothing to Mermaid inside quotes, nor to the HTML it makes."""


def to_mermaid(model: GraphModel) -> str:
    """Return *model* as a flowchart.

    A box is a neuron, with a frame around those of one group; a stadium is a collateral from outside, a circle one that
    nobody listens to.
    """
    lines = ["flowchart LR"]
    for number, (group, neurons) in enumerate(model.groups.items()):
        boxes = [f'    {neuron.id}["{_label(neuron.name)}"]' for neuron in neurons]
        if group is None:
            lines += boxes
        else:
            lines += [f'    subgraph g{number}["{_label(group)}"]', *(f"    {box}" for box in boxes), "    end"]
    for collateral in model.collaterals:
        lines += [f"    {line}" for line in _lines_of(collateral)]
    return "\n".join(lines) + "\n"


def _lines_of(collateral: CollateralNode) -> Iterator[str]:
    label = _label(collateral.name)
    if collateral.is_entry:
        yield f'{collateral.id}(["{label}"])'
        yield from (f"{collateral.id} --> {target}" for target in collateral.subscribers)
    elif not collateral.subscribers:
        yield f'{collateral.id}(("{label}"))'
        yield from (f"{source} --> {collateral.id}" for source in collateral.emitters)
    else:
        yield from (
            f'{source} -->|"{label}"| {target}' for source in collateral.emitters for target in collateral.subscribers
        )


def _label(text: str) -> str:
    """Return *text* for a place in quotes; everything that could mean something else is a character code."""
    return "".join(_spelled(character) for character in text) or " "


def _spelled(character: str) -> str:
    if character.isalnum() or character in _PLAIN:
        return character
    return " " if not character.isprintable() else f"#{ord(character)};"
