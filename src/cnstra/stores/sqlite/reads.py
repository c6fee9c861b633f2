"""What is only read of one run: its record, attempts, history, frontier."""

from __future__ import annotations

import sqlite3

from cnstra.persist.records import AttemptRecord, FrontierTask, RunRecord, RunState, SignalRow, StoredTask
from cnstra.stores.sqlite.lookup import find
from cnstra.stores.sqlite.rows import (
    ORDINAL,
    attempt_of,
    frontier_of,
    inputs_of,
    load_record,
    settled_of,
    signals_of,
    span,
)
from cnstra.stores.sqlite.states import load_state

__all__ = ["attempts", "frontier", "get", "peek", "tasks"]


def get(connection: sqlite3.Connection, scope: str, run_id: str) -> RunRecord | None:
    """Load one run."""
    found = find(connection, scope, run_id)
    return None if found is None else load_record(connection, found[0])


def peek(connection: sqlite3.Connection, scope: str, run_id: str) -> RunState | None:
    """Load everything that a worker needs of a run, and leave it where it is."""
    found = find(connection, scope, run_id)
    return None if found is None else load_state(connection, found[0])


def attempts(connection: sqlite3.Connection, scope: str, run_id: str) -> list[AttemptRecord]:
    """Load the attempts of a run."""
    query = """
        SELECT a.attempt_number, a.status, a.worker_id, a.started_at, a.ended_at,
               coalesce(a.hop_count, p.hop_count - a.hops_before), a.error
        FROM cnstra_runs AS r JOIN cnstra_progress AS p USING (key) JOIN cnstra_attempts AS a USING (key)
        WHERE r.scope = ? AND r.stimulation_id = ? ORDER BY a.attempt_number
    """
    return [attempt_of(row, run_id) for row in connection.execute(query, (scope, run_id)).fetchall()]


def frontier(connection: sqlite3.Connection, scope: str, run_id: str) -> list[FrontierTask]:
    """Load the frontier of a run, with the inputs."""
    found = find(connection, scope, run_id)
    if found is None:
        return []
    inputs = inputs_of(connection, found[0])
    return [
        FrontierTask(task, None if task.signal is None else inputs.get(task.signal))
        for task in frontier_of(connection, found[0], run_id)
    ]


def tasks(connection: sqlite3.Connection, scope: str, run_id: str, attempt_number: int | None) -> list[StoredTask]:
    """Load the history of a run, or of one of its attempts, in the order in which it was committed."""
    found = find(connection, scope, run_id)
    if found is None:
        return []
    query = """
        SELECT ordinal, attempt_number, neuron_name, collateral_name, dendrite_index, signal, status, error, started_at,
               duration, contexts
        FROM cnstra_history WHERE key = ? ORDER BY id
    """
    settled = [settled_of(row, run_id) for row in connection.execute(query, (found[0],)).fetchall()]
    signals: dict[int, SignalRow] = {}
    outputs: dict[int | None, list[SignalRow]] = {}
    for signal in signals_of(connection, "place BETWEEN ? AND ? ORDER BY place", span(found[0])):
        signals[signal.ordinal & ORDINAL] = signal
        outputs.setdefault(signal.producer, []).append(signal)
    return [
        StoredTask(
            one,
            None if one.task.signal is None else signals.get(one.task.signal),
            tuple(outputs.get(one.ordinal, ())) if one.status == "done" else (),
        )
        for one in settled
        if attempt_number in (None, one.attempt_number)
    ]
