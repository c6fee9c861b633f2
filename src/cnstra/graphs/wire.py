"""A graph as JSON."""

from __future__ import annotations

import msgspec

from cnstra.graphs.model import GraphModel

__all__ = ["to_json"]


def to_json(model: GraphModel, *, indent: int = 2) -> str:
    """Return *model* as JSON text; lone surrogates in names become question marks.

    Args:
        model: The graph.
        indent: Spaces for each level; 0 puts everything on one line.
    """
    text = msgspec.json.encode(_without_surrogates(msgspec.to_builtins(model)))
    return msgspec.json.format(text, indent=indent or -1).decode()


def _without_surrogates(data: object) -> object:
    if isinstance(data, str):
        return data.encode("utf-8", "replace").decode("utf-8")
    if isinstance(data, dict):
        return {key: _without_surrogates(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_without_surrogates(value) for value in data]
    return data
