"""What a store keeps of a run, as plain immutable records.

Ordinals count from 0 within one run and are never used twice: tasks and signals each have a sequence of their own.
Times are seconds since the epoch by the store's clock, except `TaskSettled.started_at`, which is the worker's.

Rows that are made on every hop are named tuples: a frozen dataclass takes three times as long to make.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

__all__ = [
    "AttemptRecord",
    "AttemptStatus",
    "Durability",
    "ErrorRecord",
    "FrontierTask",
    "LogLine",
    "NewRun",
    "OpenStatus",
    "Page",
    "RunFilter",
    "RunRecord",
    "RunState",
    "RunStatus",
    "SignalRow",
    "StoreStats",
    "StoredTask",
    "TaskRow",
    "TaskSettled",
    "TaskStatus",
    "Volume",
    "WorkerRecord",
]

RunStatus: TypeAlias = Literal["pending", "running", "completed", "failed", "aborted"]
AttemptStatus: TypeAlias = Literal["running", "completed", "failed", "aborted", "interrupted", "lost"]
"""How an attempt ended; *interrupted*: given back by a worker that shut down; *lost*: its worker died."""
OpenStatus: TypeAlias = Literal["pending", "running"]
TaskStatus: TypeAlias = Literal["done", "failed"]
Durability: TypeAlias = Literal["hop", "interval", "exit"]
Volume: TypeAlias = Literal["progress", "full"]


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """An exception as text: the class, the message, and the formatted traceback (may be empty)."""

    type_name: str
    message: str
    traceback: str = ""


class SignalRow(NamedTuple):
    """One signal of a run, stored once however many tasks point at it.

    Attributes:
        ordinal: Its place in the run's sequence of signals; the entry signals come first.
        collateral_name: Registered name, or the label of a collateral that nobody listens to.
        version: Version of the payload's declared type.
        payload: JSON, UTF-8.
        producer: Ordinal of the task that emitted it; ``None`` for an entry signal.
    """

    ordinal: int
    collateral_name: str
    version: int
    payload: bytes
    producer: int | None = None


class TaskRow(NamedTuple):
    """One activation of the frontier: outstanding, or failed and not yet retried.

    Attributes:
        ordinal: Its place in the run's sequence of tasks.
        neuron_name: Registered name.
        collateral_name: Registered name of the dendrite's collateral.
        dendrite_index: Which of the neuron's dendrites on that collateral.
        signal: Ordinal of the input signal; ``None`` if it was given none.
        failure: What its handler raised; ``None`` while it is outstanding.
    """

    ordinal: int
    neuron_name: str
    collateral_name: str
    dendrite_index: int
    signal: int | None
    failure: ErrorRecord | None = None


class FrontierTask(NamedTuple):
    """An activation of the frontier together with its input."""

    task: TaskRow
    input: SignalRow | None


class LogLine(NamedTuple):
    """What a handler, or what it called, has logged.

    Attributes:
        at: When, by the worker's clock.
        level: Name of the level, such as ``WARNING``.
        logger_name: Of the logger.
        message: The message, with its arguments in it; cut if it is long.
    """

    at: float
    level: str
    logger_name: str
    message: str


class TaskSettled(NamedTuple):
    """One settled activation of one attempt, for the history; its outputs are the signals that it produced.

    Attributes:
        ordinal: Of the activation; an activation that failed and was retried has a record in each attempt.
        attempt_number: The attempt that it settled in.
        task: What was run.
        status: How it ended.
        error: What its handler raised.
        started_at: When its handler was called.
        duration: Seconds until it settled.
        contexts: Neuron name to the JSON value that this hop gave it, ``None`` where it deleted the value; ``None``
            for a hop that changed no context.
        logs: What it logged, in order; there may have been more.
    """

    ordinal: int
    attempt_number: int
    task: TaskRow
    status: TaskStatus
    error: ErrorRecord | None = None
    started_at: float = 0.0
    duration: float = 0.0
    contexts: Mapping[str, bytes | None] | None = None
    logs: Sequence[LogLine] = ()


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is to be admitted, with its entry frontier.

    Attributes:
        scope: Separates graphs in one store; the default scope is the empty string.
        stimulation_id: Unique within the scope.
        options: JSON of what a resume needs to know: limits, modality, metadata, durability, volume.
        entry: The entry signals, ordinals from 0.
        tasks: The entry frontier, ordinals from 0.
        volume: How much history is kept.
        clone_of: The run that this one is a fresh copy of.
        reserved: How many task ordinals to keep for the first attempt: a later one never gives out one of these.
        contexts: Neuron name to the JSON value that the run begins with.
        forked_from: The run that this one branches off from.
        forked_task: The ordinal of the task there whose input this run starts with.
        priority: Among runs that wait, the higher one is claimed first.
        due_at: When a run that waits may be claimed, in seconds since the epoch by the store's clock; ``None``: now.
        limit_key: By which its kind is limited in number and rate, while it waits; ``None``: it is not.
    """

    scope: str
    stimulation_id: str
    options: bytes
    entry: Sequence[SignalRow]
    tasks: Sequence[TaskRow]
    volume: Volume = "full"
    clone_of: str | None = None
    reserved: int = 0
    contexts: Mapping[str, bytes] = field(default_factory=dict)
    forked_from: str | None = None
    forked_task: int | None = None
    priority: int = 0
    due_at: float | None = None
    limit_key: str | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run as a person sees it in a list.

    Attributes:
        entry: The entry signals.
        attempt_number: The number of its latest attempt, counted from 1; 0 if none has started.
        owner: The worker that holds it, or ``None``.
        fence: Grows each time that a worker takes it.
        recoveries: How many of its attempts were lost with their worker.
        hop_count: Activations settled, over all attempts.
        outstanding: How many tasks its frontier has, failed ones included.
        error: Why it failed or was aborted: what it was settled with from outside, else that of its latest attempt.
        clone_of: As in `NewRun`, like the next four.
        abort_requested: The reason why its owner is asked to abort it; ``None`` if it is not.
        starts: How often it was started since it was stored, or was taken by `Store.take`, which counts anew; a start
            that was given back does not count.
        limit_key: As in `NewRun`.
    """

    scope: str
    stimulation_id: str
    status: RunStatus
    attempt_number: int
    entry: Sequence[SignalRow]
    options: bytes
    volume: Volume
    owner: str | None
    fence: int
    recoveries: int
    hop_count: int
    outstanding: int
    created_at: float
    updated_at: float
    ended_at: float | None = None
    error: ErrorRecord | None = None
    clone_of: str | None = None
    forked_from: str | None = None
    forked_task: int | None = None
    priority: int = 0
    due_at: float | None = None
    abort_requested: str | None = None
    starts: int = 0
    limit_key: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One start or resume of a run."""

    attempt_number: int
    status: AttemptStatus
    worker_id: str
    started_at: float
    ended_at: float | None = None
    hop_count: int = 0
    error: ErrorRecord | None = None


@dataclass(frozen=True, slots=True)
class StoredTask:
    """A settled activation together with its input and its outputs."""

    settled: TaskSettled
    input: SignalRow | None
    outputs: Sequence[SignalRow]


@dataclass(frozen=True, slots=True)
class RunState:
    """Everything that a worker needs to take a run up where it stands; made by claiming it.

    Attributes:
        key: The store's own handle of the run, given back in every delta.
        run: The run, owned by the claiming worker: status ``running``, its new fence and attempt number.
        sequence: How many deltas have been committed; the next one is this plus 1.
        next_task: The first task ordinal that no earlier attempt can have given out.
        next_signal: The ordinal of the next signal.
        tasks: The frontier, by ordinal.
        signals: Ordinal to signal, for every signal that the frontier points at.
        contexts: Neuron name to JSON value.
        hops: Neuron name to how often it was activated, where the run counts that.
    """

    key: int
    run: RunRecord
    sequence: int
    next_task: int
    next_signal: int
    tasks: Sequence[TaskRow]
    signals: Mapping[int, SignalRow] = field(default_factory=dict)
    contexts: Mapping[str, bytes] = field(default_factory=dict)
    hops: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """One worker process: a heartbeat, and enough to tell on the same host whether the process still lives.

    Attributes:
        host: Names the machine and its process namespace.
        pid: Process id there.
        lease_until: When its runs may be taken, unless it beats again.
        expired: Whether that time has passed, by the store's clock.
    """

    worker_id: str
    host: str
    pid: int
    started_at: float = 0.0
    lease_until: float = 0.0
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Some runs of a list, and where the next page starts (``None`` after the last one)."""

    runs: Sequence[RunRecord]
    cursor: str | None = None

    def __iter__(self) -> Iterator[RunRecord]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs a list is of; the default is all of them.

    Attributes:
        statuses: Only runs in one of these.
        entry: Only runs that were started with a signal of this collateral; of several entry signals, the first.
        created_after: Only runs that were stored at this time or later, in seconds since the epoch.
        created_before: Only runs that were stored before this time.
        error: Only runs whose latest attempt ended with an error that has this text in its class or message,
            upper and lower case told apart.
        id_prefix: Only runs whose id begins with this text.
    """

    statuses: Collection[RunStatus] | None = None
    entry: str | None = None
    created_after: float | None = None
    created_before: float | None = None
    error: str | None = None
    id_prefix: str | None = None


@dataclass(frozen=True, slots=True)
class StoreStats:
    """A store in numbers.

    Attributes:
        runs: Status to how many runs of the scope are in it; every status is there.
        oldest_open_at: When the oldest run that is not over was stored, in seconds since the epoch; ``None`` if none.
        size: Bytes that the store takes, all scopes together; ``None`` if it cannot tell.
    """

    runs: Mapping[RunStatus, int]
    oldest_open_at: float | None = None
    size: int | None = None
