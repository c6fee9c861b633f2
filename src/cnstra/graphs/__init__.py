"""A graph as data, and as text for people, documents and assistants."""

from __future__ import annotations

from cnstra.graphs.dot import to_dot
from cnstra.graphs.markdown import dump_graph, to_markdown
from cnstra.graphs.mermaid import to_mermaid
from cnstra.graphs.model import CollateralNode, DendriteNode, Emission, GraphModel, NeuronNode, group_of
from cnstra.graphs.reading import read_graph
from cnstra.graphs.wire import to_json

__all__ = [
    "CollateralNode",
    "DendriteNode",
    "Emission",
    "GraphModel",
    "NeuronNode",
    "dump_graph",
    "group_of",
    "read_graph",
    "to_dot",
    "to_json",
    "to_markdown",
    "to_mermaid",
]
