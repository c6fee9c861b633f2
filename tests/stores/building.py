"""Runs and deltas for the tests of the stores: a chain of hops, each with one signal in and one out."""

from __future__ import annotations

from dataclasses import replace

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

BOOM = ErrorRecord("ValueError", "boom \udcff", "Traceback: line 1")
COMPLETED = Ended("completed", "completed")
FAILED = Ended("failed", "failed", BOOM)
FINAL: tuple[RunStatus, ...] = ("completed", "failed", "aborted")


def signal(ordinal: int, *, producer: int | None = None) -> SignalRow:
    return SignalRow(ordinal, "card_created", 2, b'{"number":%d}' % ordinal, producer)


def task(ordinal: int, *, of: int | None = 0) -> TaskRow:
    return TaskRow(ordinal, f"card-{ordinal}", "card_created", 1, of)


def new_run(run_id: str = "run", *, scope: str = "", tasks: int = 1, volume: Volume = "full") -> NewRun:
    return NewRun(scope, run_id, b'{"limit":5}', [signal(0)], [task(n) for n in range(tasks)], volume, "first")


async def admitted(store: Store, run: NewRun | None = None, *, worker_id: str | None = "worker") -> RunState:
    state = await store.admit(run or new_run(), worker_id)
    assert state is not None
    return state


def settled(row: TaskRow, *, attempt_number: int = 1, error: ErrorRecord | None = None) -> TaskSettled:
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
    state = await admitted(store, new_run(run_id, scope=scope))
    assert await store.commit([hop(state, ended=ended)]) == [True]


def worker(worker_id: str = "worker") -> WorkerRecord:
    return WorkerRecord(worker_id, "host", 42, started_at=7.0)


async def frontier(store: Store, run_id: str) -> list[TaskRow]:
    """Return the frontier of a run of the default scope, without the inputs."""
    return [outstanding.task for outstanding in await store.frontier("", run_id)]
