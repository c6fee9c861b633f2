"""A graph as text that other programs draw."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["to_dot", "to_mermaid"]


def to_mermaid(graph: Mapping[str, Any]) -> str:
    """Return a graph of the API as a Mermaid flowchart: a box for a neuron, a stadium for what comes from outside."""
    ids = _ids(graph)
    lines = ["flowchart LR"]
    lines += [f'    {ids[one["name"]]}["{_quoted(one["name"])}"]' for one in graph["neurons"]]
    for number, (name, targets) in enumerate(_entries(graph).items()):
        lines.append(f'    e{number}(["{_quoted(name)}"])')
        lines += [f"    e{number} --> {ids[target]}" for target in targets]
    lines += [f'    {ids[source]} -->|"{_quoted(name)}"| {ids[target]}' for source, name, target in _connections(graph)]
    return "\n".join(lines) + "\n"


def to_dot(graph: Mapping[str, Any]) -> str:
    """Return a graph of the API in the language of Graphviz."""
    ids = _ids(graph)
    lines = ["digraph cns {", "    rankdir=LR;", "    node [shape=box];"]
    lines += [f"    {ids[one['name']]} [label={_string(one['name'])}];" for one in graph["neurons"]]
    for number, (name, targets) in enumerate(_entries(graph).items()):
        lines.append(f"    e{number} [shape=oval, label={_string(name)}];")
        lines += [f"    e{number} -> {ids[target]};" for target in targets]
    for source, name, target in _connections(graph):
        lines.append(f"    {ids[source]} -> {ids[target]} [label={_string(name)}];")
    return "\n".join([*lines, "}"]) + "\n"


def _ids(graph: Mapping[str, Any]) -> dict[str, str]:
    return {one["name"]: f"n{number}" for number, one in enumerate(graph["neurons"])}


def _entries(graph: Mapping[str, Any]) -> dict[str, dict[str, None]]:
    """Return what comes from outside, and where each of it goes."""
    found: dict[str, dict[str, None]] = {}
    for edge in graph["edges"]:
        if edge["source"] is None and edge["target"] is not None:
            found.setdefault(edge["collateral"], {})[edge["target"]] = None
    return found


def _connections(graph: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    edges = [
        (edge["source"], edge["collateral"], edge["target"])
        for edge in graph["edges"]
        if edge["source"] is not None and edge["target"] is not None
    ]
    return list(dict.fromkeys(edges))


def _quoted(text: str) -> str:
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace("\n", " ")


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
