"""What has changed in one run since its last commit: the unit that a store applies whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass

from cnstra.persist.records import AttemptStatus, ErrorRecord, RunStatus, SignalRow, TaskRow, TaskSettled

__all__ = ["Delta", "Ended"]


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt, and the run with it, ended; the run loses its owner.

    Attributes:
        status: Of the run: ``pending`` if it was given back or is to be tried again, else a final status.
        attempt: Of the attempt; one that was ``interrupted`` does not count as a start.
        error: Why it failed or was aborted.
        delay: For a run that is to be tried again: after how many seconds, by the store's clock. The failed tasks of
            its frontier are outstanding again then, those that failed in this very delta too, and its `due_at` moves.
    """

    status: RunStatus
    attempt: AttemptStatus
    error: ErrorRecord | None = None
    delay: float | None = None


class Delta:
    """The changes of one run, in order, under one fence.

    A store applies it if the run's fence equals `fence` and its sequence is `sequence` - 1. If the sequence is
    `sequence` already (the answer to an earlier try was lost), applying it again changes nothing and succeeds.
    Otherwise it is refused.

    A task that is added and removed within one delta is in neither; the same holds for signals of volume ``progress``.
    One is made on every hop, which is why it is no dataclass: that would take three times as long to make.

    Attributes:
        key: The store's handle of the run.
        stimulation_id: The run, for errors.
        attempt_number: The attempt that made the changes.
        fence: Of the worker that made them.
        sequence: Its place among the run's deltas, from 1.
        next_task: The run's next task ordinal after this delta.
        next_signal: The run's next signal ordinal after this delta.
        tasks: Frontier rows to insert.
        removed: Ordinals of frontier rows to delete.
        failures: Ordinals of frontier rows that failed, and why.
        signals: Signals to insert.
        dropped: Ordinals of signals to delete.
        contexts: Neuron name to its new JSON value; ``None`` deletes it.
        hops: Neuron name to how many activations to add to its count.
        history: Settled activations to append (volume ``full``).
        hop_count: Activations that settled.
        ended: Set in the last delta of an attempt.
    """

    __slots__ = (
        "attempt_number",
        "contexts",
        "dropped",
        "ended",
        "failures",
        "fence",
        "history",
        "hop_count",
        "hops",
        "key",
        "next_signal",
        "next_task",
        "removed",
        "sequence",
        "signals",
        "stimulation_id",
        "tasks",
    )

    def __init__(  # noqa: PLR0917 - keywords cost 0.3 us a hop here
        self,
        key: int,
        stimulation_id: str,
        attempt_number: int,
        fence: int,
        sequence: int,
        next_task: int,
        next_signal: int,
    ) -> None:
        self.key = key
        self.stimulation_id = stimulation_id
        self.attempt_number = attempt_number
        self.fence = fence
        self.sequence = sequence
        self.next_task = next_task
        self.next_signal = next_signal
        self.tasks: dict[int, TaskRow] = {}
        self.removed: list[int] = []
        self.failures: dict[int, ErrorRecord] = {}
        self.signals: dict[int, SignalRow] = {}
        self.dropped: list[int] = []
        self.contexts: dict[str, bytes | None] = {}
        self.hops: dict[str, int] = {}
        self.history: list[TaskSettled] = []
        self.hop_count = 0
        self.ended: Ended | None = None
