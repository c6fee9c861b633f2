"""Typed, graph-routed orchestration whose runs survive a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnstra.core.abort import AbortController, AbortSignal
from cnstra.core.axons import Axon
from cnstra.core.cns import CNS
from cnstra.core.context import CNSStimulationContextStore, HandlerContext
from cnstra.core.factories import neuron, neuron_factory, with_ctx, with_global
from cnstra.core.gate import StimulationGate
from cnstra.core.modality import AfferentPath, Modality, afferent_path, modality
from cnstra.core.network import Network
from cnstra.core.neurons import Neuron
from cnstra.core.responses import Drain, Response
from cnstra.core.signals import Collateral, Signal, collateral
from cnstra.core.stimulation import Stimulation
from cnstra.core.tasks import ActivationTask, TaskFailure
from cnstra.errors import (
    BindingError,
    CNSError,
    EventLoopRequired,
    Fenced,
    GraphError,
    HandlerReturnError,
    MaxNeuronHopsExceeded,
    NameConflict,
    NeuronTimeout,
    NoHandlerError,
    PayloadError,
    PersistenceError,
    RecordedFailure,
    RunExists,
    RunFinished,
    RunNotFound,
    RunNotReady,
    StimulationAborted,
    StimulationFailed,
    StoreError,
    SubscriberNotFound,
    UnknownName,
)

if TYPE_CHECKING:
    from cnstra.durable import DurableRun, DurableRunner, Limit, RetryPolicy
    from cnstra.persist import CNSPersistOptionsRegistry, NeuronEntry, ProgressSerializer, create_persist_registry
    from cnstra.stores import MemoryStore, SqliteStore, open_store

__version__ = "0.1.0"

__all__ = [
    "CNS",
    "AbortController",
    "AbortSignal",
    "ActivationTask",
    "AfferentPath",
    "Axon",
    "BindingError",
    "CNSError",
    "CNSPersistOptionsRegistry",
    "CNSStimulationContextStore",
    "Collateral",
    "Drain",
    "DurableRun",
    "DurableRunner",
    "EventLoopRequired",
    "Fenced",
    "GraphError",
    "HandlerContext",
    "HandlerReturnError",
    "Limit",
    "MaxNeuronHopsExceeded",
    "MemoryStore",
    "Modality",
    "NameConflict",
    "Network",
    "Neuron",
    "NeuronEntry",
    "NeuronTimeout",
    "NoHandlerError",
    "PayloadError",
    "PersistenceError",
    "ProgressSerializer",
    "RecordedFailure",
    "Response",
    "RetryPolicy",
    "RunExists",
    "RunFinished",
    "RunNotFound",
    "RunNotReady",
    "Signal",
    "SqliteStore",
    "Stimulation",
    "StimulationAborted",
    "StimulationFailed",
    "StimulationGate",
    "StoreError",
    "SubscriberNotFound",
    "TaskFailure",
    "UnknownName",
    "afferent_path",
    "collateral",
    "create_persist_registry",
    "modality",
    "neuron",
    "neuron_factory",
    "open_store",
    "with_ctx",
    "with_global",
]

# What a graph in memory does without is imported when it is first asked for: asyncio alone takes 40 ms, msgspec 15.
_LAZY = {
    "CNSPersistOptionsRegistry": "cnstra.persist",
    "DurableRun": "cnstra.durable",
    "DurableRunner": "cnstra.durable",
    "Limit": "cnstra.durable",
    "MemoryStore": "cnstra.stores",
    "NeuronEntry": "cnstra.persist",
    "ProgressSerializer": "cnstra.persist",
    "RetryPolicy": "cnstra.durable",
    "SqliteStore": "cnstra.stores",
    "create_persist_registry": "cnstra.persist",
    "open_store": "cnstra.stores",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'cnstra' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only for the lazy names

    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
