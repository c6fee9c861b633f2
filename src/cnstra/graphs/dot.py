"""A graph in the DOT language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator

from cnstra.graphs.model import CollateralNode, GraphModel

__all__ = ["to_dot"]


def to_dot(model: GraphModel) -> str:
    """Return *model* as a digraph.

    A box is a neuron, with a frame around those of one group; an ellipse is a collateral from outside, a dashed one is
    one that nobody listens to.
    """
    lines = ["digraph cns {", "    rankdir=LR;", "    node [shape=box, style=rounded];"]
    for number, (group, neurons) in enumerate(model.groups.items()):
        boxes = [f"    {neuron.id} [label={_quoted(neuron.name)}];" for neuron in neurons]
        if group is None:
            lines += boxes
        else:
            frame = f"    subgraph cluster_{number} {{", f"        label={_quoted(group)};"
            lines += [*frame, *(f"    {box}" for box in boxes), "    }"]
    for collateral in model.collaterals:
        lines += [f"    {line}" for line in _lines_of(collateral)]
    return "\n".join([*lines, "}"]) + "\n"


def _lines_of(collateral: CollateralNode) -> Iterator[str]:
    label = _quoted(collateral.name)
    if collateral.is_entry:
        yield f"{collateral.id} [label={label}, shape=ellipse, style=solid];"
        yield from (f"{collateral.id} -> {target};" for target in collateral.subscribers)
    elif not collateral.subscribers:
        yield f"{collateral.id} [label={label}, shape=ellipse, style=dashed];"
        yield from (f"{source} -> {collateral.id};" for source in collateral.emitters)
    else:
        yield from (
            f"{source} -> {target} [label={label}];"
            for source in collateral.emitters
            for target in collateral.subscribers
        )


def _quoted(text: str) -> str:
    r"""Return *text* as a quoted string; a backslash would begin an escape such as ``\N`` there."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
