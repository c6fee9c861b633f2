"""Runs and deltas for tests of stores: a chain of hops, each with one signal in and one out.

A run that is made here begins with signal 0 and its tasks; each `hop` settles the first task of the frontier, emits one
signal and adds one task for it. `after` tells what a state is once a delta is committed, so that a test can go on.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Final

from cnstra.persist.delta import Delta, Ended
from cnstra.persist.ports import Store
from cnstra.persist.records import (
    ErrorRecord,
    NewRun,
    RunState,
    RunStatus,
    SignalRow,
    TaskRow,
    TaskSettled,
    Volume,
    WorkerRecord,
)

__all__ = [
    "BOOM",
    "COMPLETED",
    "FAILED",
    "FINAL",
    "OPEN",
    "admitted",
    "after",
    "clock_of",
    "empty_delta",
    "enqueued",
    "failure",
    "frontier",
    "hop",
    "lost",
    "new_run",
    "run_to_its_end",
    "settled",
    "signal",
    "task",
    "worker",
]

BOOM: Final = ErrorRecord("ValueError", "boom \udcff", "Traceback: line 1")
"""An error whose message is no valid Unicode, as one of a file name may be."""
COMPLETED: Final = Ended("completed", "completed")
FAILED: Final = Ended("failed", "failed", BOOM)
OPEN: Final[tuple[RunStatus, ...]] = ("pending", "running")
FINAL: Final[tuple[RunStatus, ...]] = ("completed", "failed", "aborted")


def signal(ordinal: int, *, producer: int | None = None) -> SignalRow:
    """Make a signal of a run."""
    return SignalRow(ordinal, "card_created", 2, b'{"number":%d}' % ordinal, producer)


def task(ordinal: int, *, of: int | None = 0) -> TaskRow:
    """Make an activation whose input is the signal *of*."""
    return TaskRow(ordinal, f"card-{ordinal}", "card_created", 1, of)


def new_run(run_id: str = "run", *, scope: str = "", tasks: int = 1, volume: Volume = "full") -> NewRun:
    """Make a run with one entry signal and so many tasks for it; `dataclasses.replace` changes the rest."""
    return NewRun(scope, run_id, b'{"limit":5}', [signal(0)], [task(n) for n in range(tasks)], volume, "first")


async def admitted(store: Store, run: NewRun | None = None, *, worker_id: str | None = "worker") -> RunState:
    """Admit a run, `new_run` by default, and return its state."""
    state = await store.admit(run or new_run(), worker_id)
    assert state is not None
    return state


async def enqueued(store: Store, run_id: str, *, priority: int = 0, due_at: float | None = None) -> RunState:
    """Admit a run that waits for a worker."""
    return await admitted(store, replace(new_run(run_id), priority=priority, due_at=due_at), worker_id=None)


async def clock_of(store: Store) -> float:
    """Return the time by the store's own clock, at the price of one more run, in the scope ``clock``."""
    state = await admitted(store, new_run(str(uuid.uuid4()), scope="clock"))
    return state.run.created_at


def settled(row: TaskRow, *, attempt_number: int = 1, error: ErrorRecord | None = None) -> TaskSettled:
    """Make the history row of an activation that is done, or failed with *error*."""
    return TaskSettled(row.ordinal, attempt_number, row, "failed" if error else "done", error, 12.5, 0.25)


def empty_delta(state: RunState, *, ended: Ended | None = None) -> Delta:
    """Return a delta that follows on *state* and changes nothing but what *ended* says."""
    delta = Delta(
        key=state.key,
        stimulation_id=state.run.stimulation_id,
        attempt_number=state.run.attempt_number,
        fence=state.run.fence,
        sequence=state.sequence + 1,
        next_task=state.next_task,
        next_signal=state.next_signal,
    )
    delta.ended = ended
    return delta


def hop(state: RunState, *, ended: Ended | None = None) -> Delta:
    """Settle the first task of *state*: one signal out and, unless the run ends, one task for it."""
    done = state.tasks[0]
    delta = empty_delta(state, ended=ended)
    delta.removed = [done.ordinal]
    delta.signals = {state.next_signal: signal(state.next_signal, producer=done.ordinal)}
    delta.next_signal += 1
    delta.hop_count = 1
    if ended is None:
        delta.tasks = {state.next_task: task(state.next_task, of=state.next_signal)}
        delta.next_task += 1
    if state.run.volume == "full":
        delta.history = [settled(done, attempt_number=delta.attempt_number)]
    elif done.signal is not None:
        delta.dropped = [done.signal]
    return delta


def failure(state: RunState) -> Delta:
    """Fail the first task of *state*, and the run with it."""
    delta = empty_delta(state, ended=FAILED)
    delta.failures = {state.tasks[0].ordinal: BOOM}
    delta.history = [settled(state.tasks[0], attempt_number=delta.attempt_number, error=BOOM)]
    delta.hop_count = 1
    return delta


def after(state: RunState, delta: Delta) -> RunState:
    """Return *state* as it is once *delta* is committed, as far as `hop` needs it."""
    rows = {row.ordinal: row for row in state.tasks} | delta.tasks
    return replace(
        state,
        sequence=delta.sequence,
        next_task=delta.next_task,
        next_signal=delta.next_signal,
        tasks=tuple(row for ordinal, row in sorted(rows.items()) if ordinal not in delta.removed),
    )


async def run_to_its_end(store: Store, run_id: str, *, ended: Ended = COMPLETED, scope: str = "") -> None:
    """Admit a run of one hop and commit that hop."""
    state = await admitted(store, new_run(run_id, scope=scope))
    assert await store.commit([hop(state, ended=ended)]) == [True]


async def lost(store: Store, *, times: int, max_recoveries: int | None = None) -> list[RunState]:
    """Let the dead worker claim runs so many times, and die of it each time; return what it got last."""
    states: list[RunState] = []
    for _ in range(times):
        states = await store.claim("", "worker", dead=["worker"], limit=9, max_recoveries=max_recoveries)
    return states


def worker(worker_id: str = "worker") -> WorkerRecord:
    """Make the heartbeat row of a worker."""
    return WorkerRecord(worker_id, "host", 42, started_at=7.0)


async def frontier(store: Store, run_id: str) -> list[TaskRow]:
    """Return the frontier of a run of the default scope, without the inputs."""
    return [outstanding.task for outstanding in await store.frontier("", run_id)]
