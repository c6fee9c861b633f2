"""Committing deltas, inside a transaction that the caller opens and closes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from cnstra.persist.delta import Delta
from cnstra.stores.sqlite.errors import Stale
from cnstra.stores.sqlite.inserts import (
    ADD_HISTORY,
    ADD_SIGNALS,
    ADD_TASKS,
    settled_values,
    signal_values,
    task_values,
)
from cnstra.stores.sqlite.rows import error_text
from cnstra.stores.sqlite.statements import ManyRows

__all__ = ["commit_all", "commit_fitting"]

# The fence, the sequence and the counters in one go. An upsert, because it takes many rows in one step at half the cost of an
# UPDATE from a list; it never inserts: a run that is gone fails the reference to cnstra_runs.
_ADVANCE = ManyRows(
    "INSERT INTO cnstra_progress (next_task, next_signal, hop_count, outstanding, updated_at, key, fence, sequence) VALUES",
    "(?, ?, ?, ?, ?, ?, ?, ?)",
    "ON CONFLICT (key) DO UPDATE SET next_task = excluded.next_task, next_signal = excluded.next_signal, "
    "hop_count = hop_count + excluded.hop_count, outstanding = outstanding + excluded.outstanding, "
    "updated_at = excluded.updated_at, sequence = sequence + 1 "
    "WHERE fence = excluded.fence AND sequence = excluded.sequence",
    single="UPDATE cnstra_progress SET next_task = ?, next_signal = ?, hop_count = hop_count + ?, "
    "outstanding = outstanding + ?, updated_at = ?, sequence = sequence + 1 WHERE key = ? AND fence = ? AND sequence = ?",
)
_SET_CONTEXTS = ManyRows(
    "INSERT INTO cnstra_contexts (key, neuron_name, value) VALUES",
    "(?, ?, ?)",
    "ON CONFLICT (key, neuron_name) DO UPDATE SET value = excluded.value",
)
_ADD_HOPS = ManyRows(
    "INSERT INTO cnstra_hops (key, neuron_name, hops) VALUES",
    "(?, ?, ?)",
    "ON CONFLICT (key, neuron_name) DO UPDATE SET hops = hops + excluded.hops",
)
_FAIL_TASKS = ManyRows(
    "UPDATE cnstra_frontier SET failure = v.column2 FROM (VALUES", "(?, ?)", ") AS v WHERE place = v.column1"
)
_REMOVE_TASKS = ManyRows("DELETE FROM cnstra_frontier WHERE place IN (", "?", ")")
_DROP_SIGNALS = ManyRows(
    "DELETE FROM cnstra_signals WHERE place IN (",
    "?",
    # A clone starts from the entry signals, whatever the run itself needs.
    ") AND (place & 4294967295) >= (SELECT entry_count FROM cnstra_runs WHERE key = place >> 32)",
)
_END_RUNS = ManyRows(
    "UPDATE cnstra_runs SET owner = NULL, status = v.column2, ended_at = v.column3 FROM (VALUES",
    "(?, ?, ?)",
    ") AS v WHERE key = v.column1",
)
_END_ATTEMPTS = ManyRows(
    "UPDATE cnstra_attempts SET status = v.column3, ended_at = v.column4, error = v.column5, "
    "hop_count = (SELECT p.hop_count FROM cnstra_progress AS p WHERE p.key = v.column1) - hops_before FROM (VALUES",
    "(?, ?, ?, ?, ?)",
    ") AS v WHERE key = v.column1 AND attempt_number = v.column2",
)


def commit_all(connection: sqlite3.Connection, deltas: Sequence[Delta]) -> None:
    """Apply *deltas*, all of them.

    Raises:
        Stale: If one does not fit; the transaction must be rolled back then.
    """
    values = _progress_values(deltas, time.time())
    try:
        fitting = _ADVANCE.execute(connection, values)
    except sqlite3.IntegrityError as error:
        raise Stale from error
    if fitting != len(deltas):
        raise Stale
    _write_rows(connection, deltas)


def commit_fitting(connection: sqlite3.Connection, deltas: Sequence[Delta]) -> list[bool]:
    """Apply those of *deltas* that fit, one by one; tell of each whether it is applied now."""
    now = time.time()
    fitting = []
    outcome = []
    for delta in deltas:
        if _ADVANCE.execute(connection, _progress_values([delta], now)):
            fitting.append(delta)
            outcome.append(True)
        else:
            outcome.append(_is_applied(connection, delta))
    _write_rows(connection, fitting)
    return outcome


def _is_applied(connection: sqlite3.Connection, delta: Delta) -> bool:
    query = "SELECT 1 FROM cnstra_progress WHERE key = ? AND fence = ? AND sequence = ?"
    return connection.execute(query, (delta.key, delta.fence, delta.sequence)).fetchone() is not None


def _progress_values(deltas: Sequence[Delta], now: float) -> list[object]:
    values: list[object] = []
    for delta in deltas:
        grown = len(delta.tasks) - len(delta.removed)
        values += (delta.next_task, delta.next_signal, delta.hop_count, grown, now)
        values += (delta.key, delta.fence, delta.sequence - 1)
    return values


def _write_rows(connection: sqlite3.Connection, deltas: Sequence[Delta]) -> None:
    """Write what belongs to the deltas, a kind at a time: first what is new, then what changes, then what goes.

    That order is right across deltas as well, since an ordinal is never used twice.
    """
    signals: list[object] = []
    tasks: list[object] = []
    history: list[object] = []
    failures: list[object] = []
    removed: list[object] = []
    dropped: list[object] = []
    contexts: dict[tuple[int, str], bytes | None] = {}
    hops: list[object] = []
    for delta in deltas:
        key = delta.key
        first = key << 32
        for signal in delta.signals.values():
            signals += signal_values(key, signal)
        for task in delta.tasks.values():
            tasks += task_values(key, task)
        for settled in delta.history:
            history += settled_values(key, settled)
        for ordinal, error in delta.failures.items():
            failures += (first | ordinal, error_text(error))
        removed += [first | ordinal for ordinal in delta.removed]
        dropped += [first | ordinal for ordinal in delta.dropped]
        for neuron_name, value in delta.contexts.items():
            contexts[key, neuron_name] = value
        for neuron_name, count in delta.hops.items():
            hops += (key, neuron_name, count)
    ADD_SIGNALS.execute(connection, signals)
    ADD_TASKS.execute(connection, tasks)
    ADD_HISTORY.execute(connection, history)
    _SET_CONTEXTS.execute(connection, [value for place, context in contexts.items() for value in (*place, context)])
    _ADD_HOPS.execute(connection, hops)
    _FAIL_TASKS.execute(connection, failures)
    _REMOVE_TASKS.execute(connection, removed)
    _DROP_SIGNALS.execute(connection, dropped)
    _end(connection, deltas)


def _end(connection: sqlite3.Connection, deltas: Sequence[Delta]) -> None:
    now = time.time()
    runs: list[object] = []
    attempts: list[object] = []
    for delta in deltas:
        if (ended := delta.ended) is not None:
            runs += (delta.key, ended.status, None if ended.status == "pending" else now)
            attempts += (delta.key, delta.attempt_number, ended.attempt, now, error_text(ended.error))
    _END_RUNS.execute(connection, runs)
    _END_ATTEMPTS.execute(connection, attempts)
