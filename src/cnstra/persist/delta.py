"""What has changed in one run since its last commit: the unit that a store applies whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field

from cnstra.persist.records import AttemptStatus, ErrorRecord, RunStatus, SignalRow, TaskRow, TaskSettled

__all__ = ["Delta", "Ended"]


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt, and the run with it, ended; the run loses its owner.

    Attributes:
        status: Of the run: ``pending`` if it was given back, else a final status.
        attempt: Of the attempt.
        error: Why it failed or was aborted.
    """

    status: RunStatus
    attempt: AttemptStatus
    error: ErrorRecord | None = None


@dataclass(slots=True)
class Delta:
    """The changes of one run, in order, under one fence.

    A store applies it if the run's fence equals `fence` and its sequence is `sequence` - 1. If the sequence is
    `sequence` already (the answer to an earlier try was lost), applying it again changes nothing and succeeds.
    Otherwise it is refused.

    A task that is added and removed within one delta is in neither; the same holds for signals of volume ``progress``.

    Attributes:
        key: The store's handle of the run.
        tasks: Frontier rows to insert.
        removed: Ordinals of frontier rows to delete.
        failures: Ordinals of frontier rows that failed, and why.
        signals: Signals to insert.
        dropped: Ordinals of signals to delete.
        contexts: Neuron name to its new JSON value; ``None`` deletes it.
        hops: Neuron name to how many activations to add to its count.
        history: Settled activations to append (volume ``full``).
        hop_count: Activations that settled.
        next_task: The run's next task ordinal after this delta.
        next_signal: The run's next signal ordinal after this delta.
        ended: Set in the last delta of an attempt.
    """

    key: int
    stimulation_id: str
    attempt_number: int
    fence: int
    sequence: int
    next_task: int
    next_signal: int
    tasks: dict[int, TaskRow] = field(default_factory=dict)
    removed: list[int] = field(default_factory=list)
    failures: dict[int, ErrorRecord] = field(default_factory=dict)
    signals: dict[int, SignalRow] = field(default_factory=dict)
    dropped: list[int] = field(default_factory=list)
    contexts: dict[str, bytes | None] = field(default_factory=dict)
    hops: dict[str, int] = field(default_factory=dict)
    history: list[TaskSettled] = field(default_factory=list)
    hop_count: int = 0
    ended: Ended | None = None
