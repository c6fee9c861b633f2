"""Stable names for the objects of a graph, and values that are stored under them."""

from __future__ import annotations

from cnstra.persist.checking import Problem
from cnstra.persist.factory import NeuronEntry, create_persist_registry
from cnstra.persist.registry import CNSPersistOptionsRegistry
from cnstra.persist.serializer import Progress, ProgressSerializer

__all__ = [
    "CNSPersistOptionsRegistry",
    "NeuronEntry",
    "Problem",
    "Progress",
    "ProgressSerializer",
    "create_persist_registry",
]
