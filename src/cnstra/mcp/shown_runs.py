"""What the tools about runs answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from cnstra.mcp.answers import Answer, Value

__all__ = [
    "Activation",
    "ActivationWithPayloads",
    "Attempt",
    "Context",
    "ErrorText",
    "LogLine",
    "NeuronStatistics",
    "RecentActivation",
    "RunBrief",
    "RunList",
    "RunWhole",
    "Signal",
]


class ErrorText(Answer):
    """An exception as it was stored."""

    type_name: str
    message: str
    traceback: str | None = None


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


class LogLine(Answer):
    """What a handler, or what it called, has logged."""

    at: datetime
    level: str
    logger_name: str
    message: str


class ActivationWithPayloads(Activation):
    """One activation with what it logged, its input, what it emitted, and the contexts around it."""

    logs: Annotated[Sequence[LogLine], Field(description="The latest hundred lines.")] = ()
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
