"""What the tools about a graph answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from cnstra.mcp.answers import Answer

__all__ = [
    "CollateralBrief",
    "CollateralList",
    "Contract",
    "Dendrite",
    "Graph",
    "Neuron",
    "NeuronBrief",
    "NeuronList",
    "Path",
    "Place",
    "Step",
]


class Place(Answer):
    """A class or function in the source of the application."""

    name: str
    module: str
    doc: str | None = None
    file: str | None = None
    line: int | None = None


class Contract(Answer):
    """What is declared of payloads or context values."""

    type_name: str
    json_schema: Annotated[Any, Field(alias="schema", description="JSON Schema; true if anything is allowed.")]
    source: Place | None = None


class NeuronBrief(Answer):
    """A neuron as a list shows it."""

    name: str
    doc: str | None = None
    group: Annotated[str | None, Field(description="What it belongs to, if many names begin alike.")] = None
    is_registered: Annotated[bool, Field(description="Whether it has a stable name, so that runs can be resumed.")]
    listens: Annotated[Sequence[str], Field(description="Collaterals whose signals activate it.")]
    emits: Annotated[Sequence[str], Field(description="Collaterals that it may emit.")]


class NeuronList(Answer):
    """Neurons."""

    source: Annotated[
        Literal["declared", "observed"],
        Field(description="declared: from the code; observed: as far as recent runs in the store show it."),
    ]
    neurons: Sequence[NeuronBrief]
    total: Annotated[int, Field(description="How many there are, of which these are some.")]
    next: Annotated[int | None, Field(description="start of the next page; null after the last one.")] = None


class Dendrite(Answer):
    """A handler, and the collateral that it is bound to."""

    collateral_name: str
    index: int
    mode: Literal["sync", "async", "thread"]
    is_transactional: bool
    modalities: Sequence[str]
    handler: Place | None = None


class Neuron(NeuronBrief):
    """A neuron with its contract."""

    cycle: Annotated[int | None, Field(description="Number of the cycle that it is in.")] = None
    concurrency: Annotated[int | None, Field(description="How many handlers run at once; null: no limit.")] = None
    max_duration: Annotated[float | None, Field(description="Seconds after which a handler is cancelled.")] = None
    axon: Place | None = None
    context: Annotated[Contract | None, Field(description="What it keeps in a run.")] = None
    dendrites: Sequence[Dendrite] = ()
    payloads: Annotated[Mapping[str, Contract], Field(description="Of the collaterals that it listens to or emits.")]


class CollateralBrief(Answer):
    """A typed channel."""

    name: str
    type_name: Annotated[str | None, Field(description="Declared type of its payloads.")] = None
    version: int = 1
    is_registered: bool = True
    is_entry: Annotated[bool, Field(description="Whether no neuron emits it: its signals come from outside.")]
    emitters: Sequence[str]
    subscribers: Sequence[str]


class CollateralList(Answer):
    """Collaterals."""

    source: Literal["declared", "observed"]
    collaterals: Sequence[CollateralBrief]
    total: int
    next: int | None = None


class Graph(Answer):
    """A graph, or the part of it that is near something."""

    format: Literal["json", "mermaid", "dot", "markdown"]
    source: Literal["declared", "observed"]
    is_complete: Annotated[bool, Field(description="Of an observed graph: whether every recent run was looked at.")]
    text: Annotated[str | None, Field(description="The graph in that format; null for json.")] = None
    graph: Annotated[Any, Field(description="For json: neurons, collaterals and edges.")] = None
    note: str | None = None


class Step(Answer):
    """One part on a way through the graph."""

    kind: Literal["neuron", "collateral"]
    name: str


class Path(Answer):
    """A shortest way by which signals get from one part to another."""

    is_reachable: bool
    steps: Sequence[Step]
