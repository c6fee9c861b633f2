"""Runs that wait for their time, inside a transaction that the caller opens and closes."""

from __future__ import annotations

import sqlite3
import time

from cnstra.stores.sqlite.limiting import next_ready, note_waiting

__all__ = ["NEXT_DUE", "NOW_DUE", "WAITS_FOR", "next_due", "put_up"]

NOW_DUE = """
    SELECT key, limit_key IS NULL FROM cnstra_runs WHERE scope = ? AND scheduled = 1 AND due_at <= ?
    ORDER BY due_at LIMIT ?
"""
WAITS_FOR = "CASE WHEN coalesce(due_at, 0) > ? THEN 1 WHEN limit_key IS NULL THEN 0 ELSE 2 END"
"""What ``scheduled`` is of a run that is free at a moment: 1, it waits for its time; 2, for its key; 0, for nothing."""
NEXT_DUE = "SELECT min(due_at) FROM cnstra_runs WHERE scope = ? AND scheduled = 1"


def put_up(connection: sqlite3.Connection, scope: str, most: int) -> int:
    """Put up to *most* runs that have become due among those that can be claimed; return how many."""
    due = connection.execute(NOW_DUE, (scope, time.time(), most)).fetchall()
    for key, is_free in due:
        connection.execute("UPDATE cnstra_runs SET scheduled = ? WHERE key = ?", (0 if is_free else 2, key))
    keyed = [key for key, is_free in due if not is_free]
    if keyed:
        note_waiting(connection, *keyed)
    return len(due)


def next_due(connection: sqlite3.Connection, scope: str) -> float | None:
    """Return in how many seconds the next run is due that no claim has put up, or its key lets the next one start."""
    (due_at,) = connection.execute(NEXT_DUE, (scope,)).fetchone()
    times = [at for at in (due_at, next_ready(connection, scope)) if at is not None]
    return max(0.0, min(times) - time.time()) if times else None
