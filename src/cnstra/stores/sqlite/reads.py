"""What is only read of one run: its record, attempts, history, frontier."""

from __future__ import annotations

import sqlite3

from cnstra.persist.records import AttemptRecord, FrontierTask, RunRecord, RunState, SignalRow, StoredTask, TaskSettled
from cnstra.stores.sqlite.lookup import find
from cnstra.stores.sqlite.rows import (
    HISTORY_IDS,
    attempt_of,
    frontier_of,
    inputs_of,
    load_record,
    settled_of,
    signals_of,
    span,
)
from cnstra.stores.sqlite.states import load_state
from cnstra.stores.sqlite.texts import outputs_of

__all__ = ["HISTORY", "attempts", "frontier", "get", "peek", "tasks"]

HISTORY = f"""
    WITH RECURSIVE {HISTORY_IDS}
    SELECT ordinal, attempt_number, neuron_name, collateral_name, dendrite_index, signal, status, error, started_at,
           duration, contexts, logs, outputs
    FROM found CROSS JOIN cnstra_history USING (id) ORDER BY id
"""  # noqa: S608 - a text of ours


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
    inputs = inputs_of(connection, found[0], run_id)
    return [
        FrontierTask(task, None if task.signal is None else inputs.get(task.signal))
        for task in frontier_of(connection, found[0], run_id)
    ]


def tasks(connection: sqlite3.Connection, scope: str, run_id: str, attempt_number: int | None) -> list[StoredTask]:
    """Load the history of a run, or of one of its attempts, in the order in which it was committed."""
    found = find(connection, scope, run_id)
    if found is None:
        return []
    settled: list[TaskSettled] = []
    signals = {signal.ordinal: signal for signal in signals_of(connection, "place BETWEEN ? AND ?", span(found[0]))}
    outputs: list[tuple[SignalRow, ...]] = []
    for *row, emitted in connection.execute(HISTORY, (found[0],)).fetchall():
        settled.append(settled_of(row, run_id))
        outputs.append(outputs_of(emitted, row[0], run_id))
        signals.update({signal.ordinal: signal for signal in outputs[-1]})
    return [
        StoredTask(one, None if one.task.signal is None else signals.get(one.task.signal), emitted)
        for one, emitted in zip(settled, outputs, strict=True)
        if attempt_number in (None, one.attempt_number)
    ]
