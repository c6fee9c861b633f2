"""Between records and rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final, get_args

from cnstra.persist.records import (
    AttemptRecord,
    AttemptStatus,
    RunRecord,
    RunStatus,
    SignalRow,
    TaskRow,
    TaskSettled,
    TaskStatus,
    Volume,
)
from cnstra.stores.sqlite.errors import BadRow
from cnstra.stores.sqlite.texts import contexts_of, error_of, logs_of, outputs_of, reason_of

__all__ = [
    "HISTORY_IDS",
    "ORDINAL",
    "RUN_STATUSES",
    "attempt_of",
    "entry_of",
    "frontier_of",
    "inputs_of",
    "load_record",
    "run_of",
    "run_row",
    "settled_of",
    "signals_of",
    "span",
]

ORDINAL: Final = (1 << 32) - 1
"""The bits of a place that are the ordinal; the others are the run's key."""

RUN_STATUSES: Final[tuple[RunStatus, ...]] = get_args(RunStatus)
_ATTEMPT_STATUSES: Final[tuple[AttemptStatus, ...]] = get_args(AttemptStatus)
_TASK_STATUSES: Final[tuple[TaskStatus, ...]] = get_args(TaskStatus)
_VOLUMES: Final[tuple[Volume, ...]] = get_args(Volume)

_RUN = """
    SELECT r.key, r.scope, r.stimulation_id, r.status, r.attempt_number, r.options, r.volume, r.owner, p.fence,
           r.recoveries, p.hop_count, p.outstanding, r.created_at, p.updated_at, r.ended_at, coalesce(r.error, a.error),
           r.clone_of, r.forked_from, r.forked_task, r.rank, r.due_at, r.abort_requested,
           r.starts, r.limit_key, r.entry_count, p.sequence, p.next_task, p.next_signal
    FROM cnstra_runs AS r JOIN cnstra_progress AS p USING (key)
    LEFT JOIN cnstra_attempts AS a ON a.key = r.key AND a.attempt_number = r.attempt_number
    WHERE r.key = ?
"""

HISTORY_IDS = """
    found (id) AS (
        SELECT last_history FROM cnstra_progress WHERE key = ? AND last_history IS NOT NULL
        UNION ALL
        SELECT previous FROM found CROSS JOIN cnstra_history USING (id) WHERE previous IS NOT NULL
    )
"""
"""The rows of history of a run, from the last one back: each names the one before it, since an index by run would cost
every commit a page for each run in it."""

_SIGNALS = "SELECT place, collateral_name, version, payload, producer FROM cnstra_signals WHERE "


def span(key: int, count: int = ORDINAL + 1) -> tuple[int, int]:
    """Return the first and the last place of the ordinals below *count* of a run."""
    first = key << 32
    return first, first + count - 1


def run_row(connection: sqlite3.Connection, key: int) -> tuple[Any, ...] | None:
    """Return the columns of a run: those of its record, then entry_count, sequence, next_task, next_signal."""
    row: tuple[Any, ...] | None = connection.execute(_RUN, (key,)).fetchone()
    return row


def load_record(connection: sqlite3.Connection, key: int) -> RunRecord | None:
    """Load the record of a run."""
    row = run_row(connection, key)
    return None if row is None else run_of(row, entry_of(connection, key, row[-4]))


def run_of(row: Sequence[Any], entry: Sequence[SignalRow]) -> RunRecord:
    """Make the record of a run from `run_row` and its entry signals."""
    run_id = row[2]
    return RunRecord(
        scope=row[1],
        stimulation_id=run_id,
        status=_one_of(RUN_STATUSES, row[3], "status", run_id),
        attempt_number=row[4],
        entry=entry,
        options=row[5],
        volume=_one_of(_VOLUMES, row[6], "volume", run_id),
        owner=row[7],
        fence=row[8],
        recoveries=row[9],
        hop_count=row[10],
        outstanding=row[11],
        created_at=row[12],
        updated_at=row[13],
        ended_at=row[14],
        error=error_of(row[15], run_id),
        clone_of=row[16],
        forked_from=row[17],
        forked_task=row[18],
        priority=-row[19],
        due_at=row[20],
        abort_requested=None if row[21] is None else reason_of(row[21], run_id),
        starts=row[22],
        limit_key=row[23],
    )


def entry_of(connection: sqlite3.Connection, key: int, entry_count: int) -> tuple[SignalRow, ...]:
    """Load the entry signals of a run."""
    return tuple(signals_of(connection, "place BETWEEN ? AND ? ORDER BY place", span(key, entry_count)))


def inputs_of(connection: sqlite3.Connection, key: int, run_id: str) -> dict[int, SignalRow]:
    """Load the signals that the frontier of a run points at, by ordinal."""
    places = span(key)
    signals = signals_of(
        connection,
        "place IN (SELECT ? + signal FROM cnstra_frontier WHERE place BETWEEN ? AND ? AND signal IS NOT NULL)",
        (places[0], *places),
    )
    inputs = {signal.ordinal: signal for signal in signals}
    wanted: dict[int, set[int]] = {}
    query = "SELECT source, signal FROM cnstra_frontier WHERE place BETWEEN ? AND ? AND source IS NOT NULL"
    for source, ordinal in connection.execute(query, places).fetchall():
        wanted.setdefault(source, set()).add(ordinal)
    for source, ordinals in wanted.items():
        row = connection.execute("SELECT ordinal, outputs FROM cnstra_history WHERE id = ?", (source,)).fetchone()
        if row is not None:
            inputs.update({one.ordinal: one for one in outputs_of(row[1], row[0], run_id) if one.ordinal in ordinals})
    return inputs


def signals_of(connection: sqlite3.Connection, condition: str, values: Sequence[object]) -> list[SignalRow]:
    """Load the signals that *condition*, a text of ours, selects."""
    rows = connection.execute(_SIGNALS + condition, values).fetchall()
    return [SignalRow._make((row[0] & ORDINAL, *row[1:])) for row in rows]


def frontier_of(connection: sqlite3.Connection, key: int, run_id: str) -> tuple[TaskRow, ...]:
    """Load the frontier of a run, by ordinal."""
    query = """
        SELECT place, neuron_name, collateral_name, dendrite_index, signal, failure FROM cnstra_frontier
        WHERE place BETWEEN ? AND ? ORDER BY place
    """
    rows = connection.execute(query, span(key)).fetchall()
    return tuple(TaskRow._make((row[0] & ORDINAL, *row[1:5], error_of(row[5], run_id))) for row in rows)


def attempt_of(row: Sequence[Any], run_id: str) -> AttemptRecord:
    """Make an attempt's record from its columns, in the order of the record."""
    number, status, worker_id, started_at, ended_at, hop_count, error = row
    status = _one_of(_ATTEMPT_STATUSES, status, "status of an attempt", run_id)
    return AttemptRecord(number, status, worker_id, started_at, ended_at, hop_count, error_of(error, run_id))


def settled_of(row: Sequence[Any], run_id: str) -> TaskSettled:
    """Make a settled activation from its columns, in the order of the table."""
    (
        ordinal,
        attempt_number,
        neuron_name,
        collateral_name,
        dendrite_index,
        signal,
        status,
        error,
        started_at,
        duration,
        contexts,
        logs,
    ) = row
    failure = error_of(error, run_id)
    return TaskSettled(
        ordinal=ordinal,
        attempt_number=attempt_number,
        task=TaskRow(ordinal, neuron_name, collateral_name, dendrite_index, signal),
        status=_one_of(_TASK_STATUSES, status, "status of a task", run_id),
        error=failure,
        started_at=started_at,
        duration=duration,
        contexts=contexts_of(contexts, run_id),
        logs=logs_of(logs, run_id),
    )


def _one_of(known: Sequence[Any], value: object, what: str, run_id: str) -> Any:
    if value not in known:
        raise BadRow(
            f"run {run_id!r} has the {what} {value!r}, which this version does not know; delete or repair the run"
        )
    return value
