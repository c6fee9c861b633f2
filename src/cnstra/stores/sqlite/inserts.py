"""Rows of a run that are only ever inserted: signals, tasks, history."""

from __future__ import annotations

from cnstra.persist.records import SignalRow, TaskRow, TaskSettled
from cnstra.stores.sqlite.rows import error_text
from cnstra.stores.sqlite.statements import ManyRows

__all__ = ["ADD_HISTORY", "ADD_SIGNALS", "ADD_TASKS", "settled_values", "signal_values", "task_values"]

# Every error rolls the whole transaction back, and OR ROLLBACK tells SQLite so: otherwise it copies each page that a statement
# of several rows touches, to be able to undo that statement alone (50 rows in 50 pages: 0.40 against 0.17 ms).
ADD_SIGNALS = ManyRows(
    "INSERT OR ROLLBACK INTO cnstra_signals (place, producer, collateral_name, version, payload) VALUES",
    "(?, ?, ?, ?, ?)",
)
ADD_TASKS = ManyRows(
    "INSERT OR ROLLBACK INTO cnstra_frontier (place, neuron_name, collateral_name, dendrite_index, signal, failure) VALUES",
    "(?, ?, ?, ?, ?, ?)",
)
ADD_HISTORY = ManyRows(
    "INSERT OR ROLLBACK INTO cnstra_history (key, ordinal, attempt_number, neuron_name, collateral_name, dendrite_index, "
    "signal, status, error, started_at, duration) VALUES",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
)


def signal_values(key: int, signal: SignalRow) -> tuple[object, ...]:
    return (key << 32 | signal.ordinal, signal.producer, signal.collateral_name, signal.version, signal.payload)


def task_values(key: int, task: TaskRow) -> tuple[object, ...]:
    return (
        key << 32 | task.ordinal,
        task.neuron_name,
        task.collateral_name,
        task.dendrite_index,
        task.signal,
        error_text(task.failure),
    )


def settled_values(key: int, settled: TaskSettled) -> tuple[object, ...]:
    task = settled.task
    return (
        key,
        settled.ordinal,
        settled.attempt_number,
        task.neuron_name,
        task.collateral_name,
        task.dendrite_index,
        task.signal,
        settled.status,
        error_text(settled.error),
        settled.started_at,
        settled.duration,
    )
