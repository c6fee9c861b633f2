"""Taking runs over, inside a transaction that the caller opens and closes."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from cnstra.persist.records import RunState, RunStatus
from cnstra.stores.sqlite.admission import open_attempt
from cnstra.stores.sqlite.errors import BadRow
from cnstra.stores.sqlite.rows import entry_of, frontier_of, inputs_of, run_of, run_row, span
from cnstra.stores.sqlite.workers import living

__all__ = ["OPEN_RUNS", "OWNERS", "claim", "find", "is_held", "settle", "take"]

_logger = logging.getLogger("cnstra.stores")

# Both walk the index of open runs only; with many living owners and many runs each, a claim still reads what it takes.
OWNERS = """
    WITH RECURSIVE found (owner) AS (
        SELECT min(owner) FROM cnstra_runs WHERE scope = :scope AND owner > '' AND status IN ('pending', 'running')
        UNION ALL
        SELECT (
            SELECT min(owner) FROM cnstra_runs
            WHERE scope = :scope AND owner > found.owner AND status IN ('pending', 'running')
        ) FROM found WHERE found.owner IS NOT NULL
    )
    SELECT owner FROM found WHERE owner IS NOT NULL
"""
OPEN_RUNS = """
    SELECT key FROM cnstra_runs
    WHERE scope = ? AND owner IS ? AND status IN ('pending', 'running') AND key > ? ORDER BY key LIMIT ?
"""


def find(connection: sqlite3.Connection, scope: str, run_id: str) -> tuple[int, RunStatus, str | None] | None:
    """Return the key, the status and the owner of a run."""
    query = "SELECT key, status, owner FROM cnstra_runs WHERE scope = ? AND stimulation_id = ?"
    found: tuple[int, RunStatus, str | None] | None = connection.execute(query, (scope, run_id)).fetchone()
    return found


def is_held(connection: sqlite3.Connection, owner: str | None, dead: Collection[str]) -> bool:
    """Tell whether *owner* is a living worker."""
    return owner is not None and owner in living(connection, dead)


def claim(
    connection: sqlite3.Connection, scope: str, worker_id: str, *, dead: Collection[str], limit: int
) -> list[RunState]:
    """Take free runs, the oldest first; a run that cannot be read is logged and left alone."""
    states: list[RunState] = []
    for key in _free_runs(connection, scope, dead, limit):
        if len(states) >= limit:
            break
        connection.execute("SAVEPOINT cnstra_claim")
        try:
            states.append(_take_over(connection, key, worker_id))
        except BadRow as error:
            connection.execute("ROLLBACK TO cnstra_claim")
            _logger.error("a stored run is left alone: %s", error)  # noqa: TRY400 - the traceback says no more
        connection.execute("RELEASE cnstra_claim")
    return states


def _free_runs(connection: sqlite3.Connection, scope: str, dead: Collection[str], limit: int) -> Iterator[int]:
    """Yield the keys of open runs that nobody holds, the oldest first, a batch of *limit* at a time."""
    owners: list[str | None] = [row[0] for row in connection.execute(OWNERS, {"scope": scope}).fetchall()]
    free = [None, *set(owners).difference(living(connection, dead))]
    after = -1
    while True:
        batch: list[int] = []
        for owner in free:
            batch += [key for (key,) in connection.execute(OPEN_RUNS, (scope, owner, after, limit)).fetchall()]
        if not batch:
            return
        oldest = sorted(batch)[:limit]
        yield from oldest
        after = oldest[-1]


def take(
    connection: sqlite3.Connection,
    scope: str,
    run_id: str,
    worker_id: str,
    *,
    statuses: Collection[RunStatus],
    dead: Collection[str],
) -> RunState | None:
    """Take one run that nobody holds, with its failed tasks outstanding again."""
    found = find(connection, scope, run_id)
    if found is None:
        return None
    key, status, owner = found
    if status not in statuses or is_held(connection, owner, dead):
        return None
    connection.execute(
        "UPDATE cnstra_frontier SET failure = NULL WHERE place BETWEEN ? AND ? AND failure IS NOT NULL", span(key)
    )
    return _take_over(connection, key, worker_id)


def settle(
    connection: sqlite3.Connection, scope: str, run_id: str, status: RunStatus, *, dead: Collection[str]
) -> bool:
    """Give an open run that nobody holds a final status."""
    found = find(connection, scope, run_id)
    if found is None or found[1] not in ("pending", "running") or is_held(connection, found[2], dead):
        return False
    key = found[0]
    now = time.time()
    _close_attempt(connection, key, now)
    # The fence goes up here too: a worker that was taken for dead must not write into a run that is over.
    connection.execute("UPDATE cnstra_progress SET fence = fence + 1, updated_at = ? WHERE key = ?", (now, key))
    connection.execute(
        "UPDATE cnstra_runs SET status = ?, owner = NULL, ended_at = ? WHERE key = ?", (status, now, key)
    )
    return True


def _take_over(connection: sqlite3.Connection, key: int, worker_id: str) -> RunState:
    now = time.time()
    lost = _close_attempt(connection, key, now)
    connection.execute("UPDATE cnstra_progress SET fence = fence + 1, updated_at = ? WHERE key = ?", (now, key))
    connection.execute(
        "UPDATE cnstra_runs SET status = 'running', owner = ?, attempt_number = attempt_number + 1, "
        "recoveries = recoveries + ?, ended_at = NULL WHERE key = ?",
        (worker_id, lost, key),
    )
    row = run_row(connection, key)
    if row is None:
        raise BadRow(f"the run with the key {key} has no progress; delete it")
    open_attempt(connection, key, row[4], worker_id, now)
    return _state_of(connection, row)


def _close_attempt(connection: sqlite3.Connection, key: int, now: float) -> bool:
    """Close the latest attempt as lost, unless it was closed; tell whether that was so."""
    changed = connection.execute(
        "UPDATE cnstra_attempts SET status = 'lost', ended_at = ?, "
        "hop_count = (SELECT hop_count FROM cnstra_progress AS p WHERE p.key = cnstra_attempts.key) - hops_before "
        "WHERE key = ? AND attempt_number = (SELECT attempt_number FROM cnstra_runs AS r WHERE r.key = ?) "
        "AND status = 'running'",
        (now, key, key),
    ).rowcount
    return changed == 1


def _state_of(connection: sqlite3.Connection, row: Sequence[Any]) -> RunState:
    key, (entry_count, sequence, next_task, next_signal) = row[0], row[17:]
    record = run_of(row, entry_of(connection, key, entry_count))
    contexts = connection.execute(
        "SELECT neuron_name, value FROM cnstra_contexts WHERE key = ? AND value IS NOT NULL", (key,)
    ).fetchall()
    hops = connection.execute("SELECT neuron_name, hops FROM cnstra_hops WHERE key = ?", (key,)).fetchall()
    return RunState(
        key=key,
        run=record,
        sequence=sequence,
        next_task=next_task,
        next_signal=next_signal,
        tasks=frontier_of(connection, key, record.stimulation_id),
        signals=inputs_of(connection, key),
        contexts=dict(contexts),
        hops=dict(hops),
    )
