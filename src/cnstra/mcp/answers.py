"""What the tools answer, as types: a client gets the schema of each, and text that is the same as JSON.

The words are those of the DevTools' API. Points in time are RFC 3339 in UTC, durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from cnstra.inspection.encoding import in_unicode, json_bytes

__all__ = [
    "Activation",
    "ActivationWithPayloads",
    "Answer",
    "CollateralBrief",
    "CollateralList",
    "Contract",
    "Dendrite",
    "ErrorText",
    "Graph",
    "Neuron",
    "NeuronBrief",
    "NeuronList",
    "NeuronStatistics",
    "Path",
    "Place",
    "RunBrief",
    "RunList",
    "RunWhole",
    "Step",
    "Value",
]

_LARGEST: int = 64 * 1024


class Answer(BaseModel):
    """Something that is shown; it is made of what the DevTools show."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Return the answer that has *data*, whatever somebody has stored."""
        return cls.model_validate(in_unicode(dict(data)))


# ---- graphs ----------------------------------------------------------------------------------------------------


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


# ---- runs ------------------------------------------------------------------------------------------------------


class ErrorText(Answer):
    """An exception as it was stored."""

    type_name: str
    message: str
    traceback: str | None = None


class Value(Answer):
    """A stored value as JSON data.

    What is not shown is an object with one key: $redacted (a secret), $cut, $number (as text), $unreadable.
    """

    bytes: Annotated[int, Field(description="Size of the whole value as JSON.")]
    is_cut: bool
    data: Any = None
    note: Annotated[str | None, Field(description="How to get more of a value that is cut.")] = None

    @classmethod
    def shown(cls, shown: Mapping[str, Any] | None, note: str) -> Self | None:
        """Return what a `Shower` shows; cut again if that is still large."""
        if shown is None:
            return None
        data, is_cut = in_unicode(shown["data"]), shown["is_cut"]
        if is_cut and len(text := json_bytes(data)) > _LARGEST:
            data = {"$cut": {"text": text[:2_000].decode(errors="replace"), "characters": len(text)}}
        return cls(bytes=shown["bytes"], is_cut=is_cut, data=data, note=note if is_cut else None)


class RunBrief(Answer):
    """A run as a list shows it."""

    stimulation_id: str
    status: Literal["pending", "running", "completed", "failed", "aborted"]
    version: Annotated[str, Field(description="Changes when it is tried again, or ends; an action may name it.")]
    entry: Annotated[Sequence[str], Field(description="Collaterals of the signals that it was started with.")]
    attempt_number: Annotated[int, Field(description="Of the latest attempt, from 1; 0 if none has started.")]
    hop_count: Annotated[int, Field(description="Activations that settled, over all attempts.")]
    outstanding: Annotated[int, Field(description="Activations that are left, failed ones included.")]
    owner: Annotated[str | None, Field(description="The worker that holds it.")] = None
    recoveries: Annotated[int, Field(description="Attempts that were lost with their worker.")] = 0
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    due_at: Annotated[datetime | None, Field(description="When it may be taken; null: at once.")] = None
    volume: Literal["full", "progress"] = "full"
    error: ErrorText | None = None
    abort_requested: str | None = None
    clone_of: str | None = None
    forked_from: str | None = None
    forked_task: int | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Return a run as `Views.run` shows it."""
        origins = {name: _id(data.get(name)) for name in ("clone_of", "forked_from")}
        version = f"{data['attempt_number']}-{data['status']}"
        return super().of({"version": version, **data, **origins})


class RunList(Answer):
    """Runs, the newest first."""

    runs: Sequence[RunBrief]
    cursor: Annotated[str | None, Field(description="Gets the next page; null after the last one.")] = None
    looked_at: Annotated[int, Field(description="How many runs were looked at; the next page may go on looking.")]


class Activation(Answer):
    """One activation of a neuron, without payloads."""

    ordinal: Annotated[int, Field(description="Its number in the run.")]
    attempt_number: Annotated[int | None, Field(description="The attempt that it settled in; null: it is left.")] = None
    activation_id: Annotated[str, Field(description="The idempotency key that its handler had.")]
    neuron_name: str
    collateral_name: str
    status: Literal["outstanding", "done", "failed"]
    parent: Annotated[int | None, Field(description="Ordinal of the activation that emitted its input.")] = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    duration: float | None = None
    emitted: Annotated[Sequence[str], Field(description="Collaterals that it emitted.")] = ()
    error: ErrorText | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Return an activation as `Views` or `Details` show it."""
        if "emitted" in data:
            return super().of(data)
        return super().of({**data, "emitted": [one["collateral_name"] for one in data.get("outputs", ())]})


class Attempt(Answer):
    """One start or resume of a run."""

    attempt_number: int
    status: str
    worker_id: str
    started_at: datetime
    ended_at: datetime | None = None
    hop_count: int
    error: ErrorText | None = None


class Signal(Answer):
    """A signal, and its payload if it was asked for."""

    collateral_name: str
    version: int
    bytes: int
    payload: Value | None = None


class Context(Answer):
    """What a neuron kept in the run, around one activation."""

    neuron_name: str
    is_changed: bool
    before: Value | None = None
    after: Value | None = None


class ActivationWithPayloads(Activation):
    """One activation with its input, what it emitted, and the contexts around it."""

    input: Signal | None = None
    outputs: Sequence[Signal] = ()
    contexts: Sequence[Context] = ()
    note: str | None = None


class RunWhole(Answer):
    """A run with its attempts and activations."""

    run: RunBrief
    metadata: Value | None = None
    entry_signals: Sequence[Signal]
    attempts: Sequence[Attempt]
    activations: Annotated[Sequence[Activation], Field(description="What has settled; the latest of them.")]
    activations_total: int
    frontier: Annotated[Sequence[Activation], Field(description="What is left, failed activations included.")]
    note: str | None = None


class NeuronStatistics(Answer):
    """A neuron in numbers, as a sample of recent runs has them."""

    name: str
    window: Annotated[float, Field(description="Seconds that were looked back.")]
    done: int
    failed: int
    p50: Annotated[float | None, Field(description="Seconds; half of the activations that are done took no longer.")]
    p95: float | None
    longest: float | None
    runs: Annotated[int, Field(description="Runs that were looked at.")]
    is_complete: Annotated[bool, Field(description="Whether there are no others in that time.")]
    recent: Annotated[Sequence[RecentActivation], Field(description="Its latest activations.")]


class RecentActivation(Answer):
    """An activation, and the run that it is of."""

    stimulation_id: str
    activation: Activation


def _id(link: Any) -> Any:
    return link["stimulation_id"] if isinstance(link, Mapping) else link


NeuronStatistics.model_rebuild()
