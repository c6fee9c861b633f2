"""Ending runs from outside, and asking their owners to; inside a transaction that the caller opens and closes."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Collection

from cnstra.persist.records import ErrorRecord, RunStatus
from cnstra.persist.settling import aborted_on_request, poisoned
from cnstra.stores.sqlite.changes import note_change
from cnstra.stores.sqlite.errors import BadRow
from cnstra.stores.sqlite.limiting import note_free, note_waiting
from cnstra.stores.sqlite.lookup import find, is_held
from cnstra.stores.sqlite.schedule import WAITS_FOR
from cnstra.stores.sqlite.texts import error_text, reason_of, reason_text

__all__ = ["ASKED", "abort_requests", "end_instead", "lose", "request_abort", "settle"]

_logger = logging.getLogger("cnstra.stores")

ASKED = """
    SELECT stimulation_id, abort_requested FROM cnstra_runs
    WHERE scope = ? AND owner = ? AND abort_requested IS NOT NULL ORDER BY key
"""


def settle(
    connection: sqlite3.Connection,
    scope: str,
    run_id: str,
    status: RunStatus,
    *,
    dead: Collection[str],
    error: ErrorRecord | None,
) -> bool:
    """Give an open run that nobody holds another status."""
    found = find(connection, scope, run_id)
    if found is None or found[1] not in ("pending", "running") or is_held(connection, found[2], dead):
        return False
    now = time.time()
    lose(connection, found[0], now)
    _end(connection, found[0], status, error, now)
    note_change(connection)
    return True


def end_instead(connection: sqlite3.Connection, key: int, max_recoveries: int | None) -> bool:
    """End a free run that must not be taken; tell whether it was one."""
    now = time.time()
    lose(connection, key, now)
    reason, losses, run_id = connection.execute(
        "SELECT abort_requested, losses, stimulation_id FROM cnstra_runs WHERE key = ?", (key,)
    ).fetchone()
    if reason is not None:
        _end(connection, key, "aborted", aborted_on_request(reason_of(reason, run_id)), now)
    elif max_recoveries is not None and losses > max_recoveries:
        _end(connection, key, "failed", poisoned(max_recoveries), now)
    else:
        return False
    return True


def _end(connection: sqlite3.Connection, key: int, status: RunStatus, error: ErrorRecord | None, now: float) -> None:
    # The fence goes up here too: a worker that was taken for dead must not write into a run that is over.
    connection.execute("UPDATE cnstra_progress SET fence = fence + 1, updated_at = ? WHERE key = ?", (now, key))
    if status == "pending":
        connection.execute(
            f"UPDATE cnstra_runs SET status = 'pending', owner = NULL, error = ?, scheduled = {WAITS_FOR} "  # noqa: S608
            "WHERE key = ?",
            (error_text(error), now, key),
        )
    else:
        connection.execute(
            "UPDATE cnstra_runs SET status = ?, owner = NULL, error = ?, ended_at = ?, scheduled = 0, "
            "abort_requested = NULL WHERE key = ?",
            (status, error_text(error), now, key),
        )
    note_waiting(connection, key)
    note_free(connection, key)


def lose(connection: sqlite3.Connection, key: int, now: float) -> None:
    """Close the latest attempt as lost and count that, unless it was closed."""
    changed = connection.execute(
        "UPDATE cnstra_attempts SET status = 'lost', ended_at = ?, "
        "hop_count = (SELECT hop_count FROM cnstra_progress AS p WHERE p.key = cnstra_attempts.key) - hops_before "
        "WHERE key = ? AND attempt_number = (SELECT attempt_number FROM cnstra_runs AS r WHERE r.key = ?) "
        "AND status = 'running'",
        (now, key, key),
    ).rowcount
    if changed:
        connection.execute(
            "UPDATE cnstra_runs SET recoveries = recoveries + 1, losses_at = p.hop_count, "
            "losses = CASE losses_at WHEN p.hop_count THEN losses + 1 ELSE 1 END "
            "FROM cnstra_progress AS p WHERE cnstra_runs.key = ? AND p.key = cnstra_runs.key",
            (key,),
        )


def request_abort(connection: sqlite3.Connection, scope: str, run_id: str, reason: str) -> bool:
    """Note why a run that is not over shall be aborted, unless there is a reason already."""
    changed = connection.execute(
        "UPDATE cnstra_runs SET abort_requested = coalesce(abort_requested, ?) "
        "WHERE scope = ? AND stimulation_id = ? AND status IN ('pending', 'running')",
        (reason_text(reason), scope, run_id),
    ).rowcount
    if changed:
        note_change(connection)
    return changed == 1


def abort_requests(connection: sqlite3.Connection, scope: str, worker_id: str) -> list[tuple[str, str]]:
    """Load the requests that concern a worker; one that cannot be read is logged and left out."""
    requests = []
    for run_id, reason in connection.execute(ASKED, (scope, worker_id)).fetchall():
        try:
            requests.append((run_id, reason_of(reason, run_id)))
        except BadRow as error:
            _logger.error("a requested abort is left out: %s", error)  # noqa: TRY400 - the traceback says no more
    return requests
