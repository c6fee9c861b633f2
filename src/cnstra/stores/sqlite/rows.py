"""Between records and rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Final, get_args

from cnstra.persist.records import (
    AttemptRecord,
    AttemptStatus,
    ErrorRecord,
    RunRecord,
    RunStatus,
    SignalRow,
    TaskRow,
    TaskSettled,
    TaskStatus,
    Volume,
)
from cnstra.stores.sqlite.errors import BadRow

__all__ = [
    "ORDINAL",
    "RUN_STATUSES",
    "attempt_of",
    "entry_of",
    "error_text",
    "frontier_of",
    "inputs_of",
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
           r.recoveries, p.hop_count, p.outstanding, r.created_at, p.updated_at, r.ended_at, a.error, r.clone_of,
           r.entry_count, p.sequence, p.next_task, p.next_signal
    FROM cnstra_runs AS r JOIN cnstra_progress AS p USING (key)
    LEFT JOIN cnstra_attempts AS a ON a.key = r.key AND a.attempt_number = r.attempt_number
    WHERE r.key = ?
"""

_SIGNALS = "SELECT place, collateral_name, version, payload, producer FROM cnstra_signals WHERE "


def span(key: int, count: int = ORDINAL + 1) -> tuple[int, int]:
    """Return the first and the last place of the ordinals below *count* of a run."""
    first = key << 32
    return first, first + count - 1


def error_text(error: ErrorRecord | None) -> str | None:
    """Return an error as JSON; in ASCII, since a message may hold what is no valid Unicode."""
    return None if error is None else json.dumps([error.type_name, error.message, error.traceback])


def run_row(connection: sqlite3.Connection, key: int) -> tuple[Any, ...] | None:
    """Return the columns of a run: those of its record, then entry_count, sequence, next_task, next_signal."""
    row: tuple[Any, ...] | None = connection.execute(_RUN, (key,)).fetchone()
    return row


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
        error=_error_of(row[15], run_id),
        clone_of=row[16],
    )


def entry_of(connection: sqlite3.Connection, key: int, entry_count: int) -> tuple[SignalRow, ...]:
    """Load the entry signals of a run."""
    return tuple(signals_of(connection, "place BETWEEN ? AND ? ORDER BY place", span(key, entry_count)))


def inputs_of(connection: sqlite3.Connection, key: int) -> dict[int, SignalRow]:
    """Load the signals that the frontier of a run points at, by ordinal."""
    places = span(key)
    signals = signals_of(
        connection,
        "place IN (SELECT ? + signal FROM cnstra_frontier WHERE place BETWEEN ? AND ? AND signal IS NOT NULL)",
        (places[0], *places),
    )
    return {signal.ordinal: signal for signal in signals}


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
    return tuple(TaskRow._make((row[0] & ORDINAL, *row[1:5], _error_of(row[5], run_id))) for row in rows)


def attempt_of(row: Sequence[Any], run_id: str) -> AttemptRecord:
    """Make an attempt's record from its columns, in the order of the record."""
    number, status, worker_id, started_at, ended_at, hop_count, error = row
    status = _one_of(_ATTEMPT_STATUSES, status, "status of an attempt", run_id)
    return AttemptRecord(number, status, worker_id, started_at, ended_at, hop_count, _error_of(error, run_id))


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
    ) = row
    failure = _error_of(error, run_id)
    return TaskSettled(
        ordinal=ordinal,
        attempt_number=attempt_number,
        task=TaskRow(ordinal, neuron_name, collateral_name, dendrite_index, signal),
        status=_one_of(_TASK_STATUSES, status, "status of a task", run_id),
        error=failure,
        started_at=started_at,
        duration=duration,
    )


def _one_of(known: Sequence[Any], value: object, what: str, run_id: str) -> Any:
    if value not in known:
        raise BadRow(
            f"run {run_id!r} has the {what} {value!r}, which this version does not know; delete or repair the run"
        )
    return value


def _error_of(text: object, run_id: str) -> ErrorRecord | None:
    if text is None:
        return None
    try:
        type_name, message, traceback = json.loads(str(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise BadRow(f"an error of run {run_id!r} cannot be read back ({error}); delete or repair the run") from error
    return ErrorRecord(str(type_name), str(message), str(traceback))
