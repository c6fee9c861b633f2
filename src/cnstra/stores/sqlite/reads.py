"""What is only read: runs, lists, attempts, histories, frontiers."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection

from cnstra.errors import StoreError
from cnstra.persist.records import AttemptRecord, FrontierTask, Page, RunRecord, RunStatus, SignalRow, StoredTask
from cnstra.stores.sqlite.claims import find
from cnstra.stores.sqlite.errors import BadRow
from cnstra.stores.sqlite.rows import (
    ORDINAL,
    RUN_STATUSES,
    attempt_of,
    entry_of,
    frontier_of,
    inputs_of,
    run_of,
    run_row,
    settled_of,
    signals_of,
    span,
)

__all__ = ["LISTED", "attempts", "frontier", "get", "list_runs", "tasks"]

_logger = logging.getLogger("cnstra.stores")

LISTED = "SELECT key FROM cnstra_runs WHERE scope = ? AND status = ? AND key < ? ORDER BY key DESC LIMIT ?"


def get(connection: sqlite3.Connection, scope: str, run_id: str) -> RunRecord | None:
    """Load one run."""
    found = find(connection, scope, run_id)
    return None if found is None else _record(connection, found[0])


def _record(connection: sqlite3.Connection, key: int) -> RunRecord | None:
    row = run_row(connection, key)
    return None if row is None else run_of(row, entry_of(connection, key, row[17]))


def list_runs(
    connection: sqlite3.Connection,
    scope: str,
    *,
    statuses: Collection[RunStatus] | None,
    limit: int,
    cursor: str | None,
) -> Page:
    """Load a page of runs, the newest first; a run that cannot be read is logged and left out."""
    before = _before(cursor)
    keys: list[int] = []
    for status in RUN_STATUSES if statuses is None else set(statuses):
        keys += [key for (key,) in connection.execute(LISTED, (scope, status, before, max(limit, 0) + 1)).fetchall()]
    keys.sort(reverse=True)
    runs = []
    for key in keys[:limit]:
        try:
            run = _record(connection, key)
        except BadRow as error:
            _logger.error("a stored run is left out of the list: %s", error)  # noqa: TRY400 - the traceback says no more
        else:
            if run is not None:
                runs.append(run)
    return Page(tuple(runs), str(keys[limit - 1]) if 0 < limit < len(keys) else None)


def _before(cursor: str | None) -> int:
    if cursor is None:
        return 1 << 62
    try:
        return int(cursor)
    except ValueError:
        raise StoreError(f"{cursor!r} is no cursor: pass on what a page has as its cursor") from None


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
               duration
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
