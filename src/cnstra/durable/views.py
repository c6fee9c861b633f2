"""What a runner tells of stored runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, overload

from cnstra.durable.commands import version_of
from cnstra.persist.records import (
    ErrorRecord,
    FrontierTask,
    LogLine,
    RunRecord,
    RunStatus,
    SignalRow,
    StoredTask,
    Volume,
)

__all__ = ["RunInfo", "RunPage", "SignalInfo", "TaskInfo"]

_SHOWN: Final = 200
"""Bytes of what cannot be read that are shown."""


@dataclass(frozen=True, slots=True)
class SignalInfo:
    """A stored signal: the collateral's name and the payload as JSON data.

    Attributes:
        collateral_name: Registered name.
        payload: As `json.loads` gives it; the declared type is known only where the graph is. What is no JSON, since
            somebody has changed it, is shown as text that begins with ``unreadable:``.
        version: Version of the declared type that it was written in.
    """

    collateral_name: str
    payload: Any
    version: int = 1


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run.

    Attributes:
        entry: The signals that it was started with.
        attempt_number: Of its latest attempt, from 1.
        owner: The worker that holds it.
        fence: Grows each time that a worker takes the run.
        recoveries: How many of its attempts were lost with their worker.
        hop_count: Activations that settled, over all attempts.
        outstanding: How many tasks are left, failed ones included.
        metadata: What it was started with.
        error: Why it failed or was aborted.
        clone_of: The run that it is a fresh copy of.
        forked_from: The run that it branches off from.
        forked_task: The ordinal of the task there whose input it started with.
        priority: Among runs that wait, the higher one is taken first.
        due_at: When it may be taken, in seconds since the epoch by the store's clock; ``None``: at once.
        abort_requested: The reason why its owner is asked to abort it; ``None`` if it is not.
        starts: How many starts are held against it by its policy of retries: those since it was stored or retried by
            hand, without those that were given back.
        key: By which it is limited together with others; ``None``: it is not.
    """

    stimulation_id: str
    status: RunStatus
    attempt_number: int
    entry: Sequence[SignalInfo]
    scope: str
    volume: Volume
    owner: str | None
    fence: int
    recoveries: int
    hop_count: int
    outstanding: int
    created_at: float
    updated_at: float
    ended_at: float | None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    error: ErrorRecord | None = None
    clone_of: str | None = None
    forked_from: str | None = None
    forked_task: int | None = None
    priority: int = 0
    due_at: float | None = None
    abort_requested: str | None = None
    starts: int = 0
    key: str | None = None

    @property
    def version(self) -> str:
        """What a person has seen of it who decides upon it: changes when it is tried again, or ends."""
        return version_of(self)


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """One activation: of the history (``done``, ``failed``), or of the frontier (``outstanding``, ``failed``).

    Attributes:
        ordinal: Its place in the run's sequence of activations.
        activation_id: The idempotency key that its handler had: `HandlerContext.activation_id`.
        attempt_number: The attempt that it settled in; ``None`` in the frontier.
        collateral_name: Of the dendrite.
        dendrite_index: Which of the neuron's dendrites on that collateral.
        input: What it was given.
        output: What it emitted, in order.
        error: What its handler raised.
        started_at: When its handler was called, in seconds since the epoch.
        duration: Seconds until it settled.
        contexts: Neuron name to the context value, as JSON data, that it gave the neuron; ``None`` where it deleted it.
        logs: What was logged while its handler ran, in order, as the runner's *log_lines* says.
    """

    ordinal: int
    activation_id: str
    neuron_name: str
    collateral_name: str
    status: Literal["outstanding", "done", "failed"]
    input: SignalInfo | None = None
    output: Sequence[SignalInfo] = ()
    error: ErrorRecord | None = None
    attempt_number: int | None = None
    dendrite_index: int = 0
    started_at: float | None = None
    duration: float | None = None
    contexts: Mapping[str, Any] = field(default_factory=dict)
    logs: Sequence[LogLine] = ()


@dataclass(frozen=True, slots=True)
class RunPage(Sequence[RunInfo]):
    """Some runs of a list; `cursor` gets the next ones, and is ``None`` after the last."""

    runs: tuple[RunInfo, ...]
    cursor: str | None = None

    @overload
    def __getitem__(self, index: int) -> RunInfo: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[RunInfo, ...]: ...
    def __getitem__(self, index: int | slice) -> RunInfo | tuple[RunInfo, ...]:
        return self.runs[index]

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[RunInfo]:
        return iter(self.runs)


def run_info(run: RunRecord) -> RunInfo:
    """Return *run* for a person."""
    return RunInfo(
        stimulation_id=run.stimulation_id,
        status=run.status,
        attempt_number=run.attempt_number,
        entry=tuple(signal_info(signal) for signal in run.entry),
        scope=run.scope,
        volume=run.volume,
        owner=run.owner,
        fence=run.fence,
        recoveries=run.recoveries,
        hop_count=run.hop_count,
        outstanding=run.outstanding,
        created_at=run.created_at,
        updated_at=run.updated_at,
        ended_at=run.ended_at,
        metadata=_metadata(run.options),
        error=run.error,
        clone_of=run.clone_of,
        forked_from=run.forked_from,
        forked_task=run.forked_task,
        priority=run.priority,
        due_at=run.due_at,
        abort_requested=run.abort_requested,
        starts=run.starts,
        key=run.limit_key,
    )


def signal_info(signal: SignalRow) -> SignalInfo:
    """Return *signal* for a person."""
    return SignalInfo(signal.collateral_name, _shown(signal.payload), signal.version)


def settled_task(prefix: str, stored: StoredTask) -> TaskInfo:
    """Return an activation of the history for a person."""
    settled = stored.settled
    return TaskInfo(
        ordinal=settled.ordinal,
        activation_id=f"{prefix}{settled.ordinal}",
        neuron_name=settled.task.neuron_name,
        collateral_name=settled.task.collateral_name,
        status=settled.status,
        input=None if stored.input is None else signal_info(stored.input),
        output=tuple(signal_info(signal) for signal in stored.outputs),
        error=settled.error,
        attempt_number=settled.attempt_number,
        dendrite_index=settled.task.dendrite_index,
        started_at=settled.started_at,
        duration=settled.duration,
        contexts={name: None if value is None else _shown(value) for name, value in (settled.contexts or {}).items()},
        logs=tuple(settled.logs),
    )


def frontier_task(prefix: str, outstanding: FrontierTask) -> TaskInfo:
    """Return an activation of the frontier for a person."""
    task = outstanding.task
    return TaskInfo(
        ordinal=task.ordinal,
        activation_id=f"{prefix}{task.ordinal}",
        neuron_name=task.neuron_name,
        collateral_name=task.collateral_name,
        status="outstanding" if task.failure is None else "failed",
        input=None if outstanding.input is None else signal_info(outstanding.input),
        error=task.failure,
        dendrite_index=task.dendrite_index,
    )


def _shown(stored: bytes) -> Any:
    """Return stored JSON as data: one value that cannot be read must not hide all the others."""
    try:
        return json.loads(stored)
    except (ValueError, RecursionError):
        return f"unreadable: {stored[:_SHOWN].decode(errors='replace')}"


def _metadata(options: bytes) -> Mapping[str, Any]:
    stored = _shown(options)
    found = stored.get("metadata") if isinstance(stored, dict) else None
    return found if isinstance(found, dict) else {}
