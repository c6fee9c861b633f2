"""One run in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import final

from cnstra.persist.delta import Delta, Ended
from cnstra.persist.records import (
    AttemptRecord,
    AttemptStatus,
    ErrorRecord,
    FrontierTask,
    NewRun,
    RunFilter,
    RunRecord,
    RunState,
    RunStatus,
    SignalRow,
    StoredTask,
    TaskRow,
    TaskSettled,
)

__all__ = ["MemoryRun"]


@final
class MemoryRun:
    """The rows of one run, and the rules by which they change.

    Attributes:
        key: The store's handle of it.
        scope: As in `RunRecord`, like the next four.
        stimulation_id: Unique within the scope.
        status: Where it stands.
        owner: The worker that holds it.
        ended_at: When it ended.
        priority: As in `NewRun`.
        due_at: As in `NewRun`.
        limit_key: As in `NewRun`.
        is_scheduled: Whether it waits for that time, and no claim has seen yet that it has come.
        abort_requested: Why it is asked to abort, if it is.
    """

    def __init__(self, key: int, new: NewRun, now: float) -> None:
        self.key = key
        self.scope = new.scope
        self.stimulation_id = new.stimulation_id
        self.status: RunStatus = "pending"
        self.owner: str | None = None
        self.ended_at: float | None = None
        self.priority = new.priority
        self.due_at = new.due_at
        self.limit_key = new.limit_key
        self.is_scheduled = self.is_waiting(now)
        self.abort_requested: str | None = None
        self._new = new
        self._entry = tuple(new.entry)
        self._tasks = {task.ordinal: task for task in new.tasks}
        self._signals = {signal.ordinal: signal for signal in new.entry}
        self._contexts = dict(new.contexts)
        self._hops: dict[str, int] = {}
        self._history: list[TaskSettled] = []
        self._attempts: list[AttemptRecord] = []
        self._hops_before = 0  # the latest attempt
        self._error: ErrorRecord | None = None  # why it was ended from outside
        self._fence = self._sequence = self._hop_count = self._recoveries = self._starts = 0
        self._losses = 0  # of its worker, since a hop was last committed,
        self._losses_at = 0  # as of this count of hops
        self._next_task = max(self._tasks, default=-1) + 1 + new.reserved
        self._next_signal = max(self._signals, default=-1) + 1
        self._created_at = self._updated_at = now

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return self.status in ("pending", "running")

    def is_waiting(self, now: float) -> bool:
        """Whether its time has not come yet."""
        return self.status == "pending" and self.due_at is not None and self.due_at > now

    def look(self, now: float) -> None:
        """Take note of the time."""
        self.is_scheduled = self.is_scheduled and self.is_waiting(now)

    @property
    def created_at(self) -> float:
        """When it was stored."""
        return self._created_at

    def lose(self, now: float) -> int:
        """Close an attempt that its worker has left open; return how many were lost since the last hop."""
        if self._close("lost", None, now):
            self._recoveries += 1
            self._losses = self._losses + 1 if self._losses_at == self._hop_count else 1
            self._losses_at = self._hop_count
        return self._losses if self._losses_at == self._hop_count else 0

    def start(self, worker_id: str, now: float) -> None:
        """Hand it to a worker, in a new attempt."""
        self.lose(now)
        self.status = "running"
        self.is_scheduled = False
        self.owner = worker_id
        self.ended_at = None
        self._error = None
        self._fence += 1
        self._starts += 1
        self._updated_at = now
        self._hops_before = self._hop_count
        self._attempts.append(AttemptRecord(len(self._attempts) + 1, "running", worker_id, now))

    def put_back(self, fence: int, now: float) -> bool:
        """Undo `start`."""
        if self._fence != fence or self.status != "running":
            return False
        self._attempts.pop()
        self._starts -= 1
        self._end("pending", now)
        return True

    def forgive(self) -> None:
        """Make the failed tasks of the frontier outstanding again, and forget what was held against the run."""
        self._renew_tasks()
        self._losses = 0
        self._starts = 1
        self.abort_requested = None

    def _renew_tasks(self) -> None:
        self._tasks = {ordinal: task._replace(failure=None) for ordinal, task in self._tasks.items()}

    def settle(self, status: RunStatus, now: float, error: ErrorRecord | None = None) -> None:
        """End it from outside; the fence goes up, so that a worker that was taken for dead cannot write any more."""
        self.lose(now)
        self._error = error
        self._fence += 1
        self._end(status, now)

    def apply(self, delta: Delta, now: float) -> bool:
        """Apply *delta* if it follows on; tell whether it is applied now."""
        if delta.fence != self._fence:
            return False
        if delta.sequence != self._sequence + 1:
            return delta.sequence == self._sequence
        self._sequence = delta.sequence
        self._next_task = delta.next_task
        self._next_signal = delta.next_signal
        self._hop_count += delta.hop_count
        self._updated_at = now
        self._history += delta.history
        self._signals |= delta.signals
        for ordinal in delta.dropped:
            self._signals.pop(ordinal, None)
        self._move_frontier(delta)
        self._change_contexts(delta)
        if delta.ended is not None:
            self._finish(delta.ended, now)
        return True

    def _finish(self, ended: Ended, now: float) -> None:
        self._close(ended.attempt, ended.error, now)
        if ended.attempt == "interrupted":
            self._starts -= 1
        if ended.delay is not None:
            self._renew_tasks()
            self.due_at = now + ended.delay
        self._end(ended.status, now)

    def _move_frontier(self, delta: Delta) -> None:
        self._tasks |= delta.tasks
        for ordinal, failure in delta.failures.items():
            self._tasks[ordinal] = self._tasks[ordinal]._replace(failure=failure)
        for ordinal in delta.removed:
            self._tasks.pop(ordinal, None)

    def _change_contexts(self, delta: Delta) -> None:
        for neuron_name, value in delta.contexts.items():
            if value is None:
                self._contexts.pop(neuron_name, None)
            else:
                self._contexts[neuron_name] = value
        for neuron_name, count in delta.hops.items():
            self._hops[neuron_name] = self._hops.get(neuron_name, 0) + count

    def _close(self, status: AttemptStatus, error: ErrorRecord | None, now: float) -> bool:
        """Close the latest attempt, unless it was closed; tell whether that was so."""
        if not self._attempts or self._attempts[-1].status != "running":
            return False
        hop_count = self._hop_count - self._hops_before
        self._attempts[-1] = replace(self._attempts[-1], status=status, ended_at=now, hop_count=hop_count, error=error)
        return True

    def _end(self, status: RunStatus, now: float) -> None:
        self.status = status
        self.owner = None
        self.is_scheduled = self.is_waiting(now)
        self.ended_at = None if status == "pending" else now
        if status != "pending":
            self.abort_requested = None
        self._updated_at = now

    def is_selected(self, where: RunFilter) -> bool:
        """Tell whether a list with that filter shows it."""
        if where.statuses is not None and self.status not in where.statuses:
            return False
        if where.entry is not None and (not self._entry or self._entry[0].collateral_name != where.entry):
            return False
        if where.created_after is not None and self._created_at < where.created_after:
            return False
        if where.created_before is not None and self._created_at >= where.created_before:
            return False
        if where.id_prefix is not None and not self.stimulation_id.startswith(where.id_prefix):
            return False
        error = self.error
        return where.error is None or (
            error is not None and (where.error in error.type_name or where.error in error.message)
        )

    @property
    def error(self) -> ErrorRecord | None:
        """Why it failed or was aborted."""
        return self._error or (self._attempts[-1].error if self._attempts else None)

    def record(self) -> RunRecord:
        """Return it as a person sees it in a list."""
        return RunRecord(
            scope=self.scope,
            stimulation_id=self.stimulation_id,
            status=self.status,
            attempt_number=len(self._attempts),
            entry=self._entry,
            options=self._new.options,
            volume=self._new.volume,
            owner=self.owner,
            fence=self._fence,
            recoveries=self._recoveries,
            hop_count=self._hop_count,
            outstanding=len(self._tasks),
            created_at=self._created_at,
            updated_at=self._updated_at,
            ended_at=self.ended_at,
            error=self.error,
            clone_of=self._new.clone_of,
            forked_from=self._new.forked_from,
            forked_task=self._new.forked_task,
            priority=self.priority,
            due_at=self.due_at,
            abort_requested=self.abort_requested,
            starts=self._starts,
            limit_key=self.limit_key,
        )

    def state(self) -> RunState:
        """Return what a worker needs to go on with it."""
        tasks = self._ordered()
        return RunState(
            key=self.key,
            run=self.record(),
            sequence=self._sequence,
            next_task=self._next_task,
            next_signal=self._next_signal,
            tasks=tuple(tasks),
            signals={task.signal: self._signals[task.signal] for task in tasks if task.signal in self._signals},
            contexts=dict(self._contexts),
            hops=dict(self._hops),
        )

    def frontier(self) -> list[FrontierTask]:
        """Return what is outstanding or failed, by ordinal, with its input."""
        return [
            FrontierTask(task, None if task.signal is None else self._signals.get(task.signal))
            for task in self._ordered()
        ]

    def _ordered(self) -> list[TaskRow]:
        return [task for _, task in sorted(self._tasks.items())]

    def attempts(self) -> list[AttemptRecord]:
        """Return the attempts; the running one with what it has done so far."""
        attempts = list(self._attempts)
        if attempts and attempts[-1].status == "running":
            attempts[-1] = replace(attempts[-1], hop_count=self._hop_count - self._hops_before)
        return attempts

    def history(self, attempt_number: int | None) -> list[StoredTask]:
        """Return the settled tasks, of one attempt or of all, with their signals."""
        outputs: dict[int | None, list[SignalRow]] = {}
        for _, signal in sorted(self._signals.items()):
            outputs.setdefault(signal.producer, []).append(signal)
        return [
            StoredTask(
                settled,
                None if settled.task.signal is None else self._signals.get(settled.task.signal),
                tuple(outputs.get(settled.ordinal, ())) if settled.status == "done" else (),
            )
            for settled in self._history
            if attempt_number in (None, settled.attempt_number)
        ]
