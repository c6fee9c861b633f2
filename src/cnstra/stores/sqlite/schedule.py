"""Runs that wait for their time, inside a transaction that the caller opens and closes."""

from __future__ import annotations

import sqlite3
import time

__all__ = ["NEXT_DUE", "NOW_DUE", "next_due", "put_up"]

NOW_DUE = """
    UPDATE cnstra_runs SET scheduled = 0 WHERE key IN (
        SELECT key FROM cnstra_runs WHERE scope = ? AND scheduled = 1 AND due_at <= ? ORDER BY due_at LIMIT ?
    )
"""
NEXT_DUE = "SELECT min(due_at) FROM cnstra_runs WHERE scope = ? AND scheduled = 1"


def put_up(connection: sqlite3.Connection, scope: str, most: int) -> int:
    """Put up to *most* runs that have become due among those that can be claimed; return how many."""
    return connection.execute(NOW_DUE, (scope, time.time(), most)).rowcount


def next_due(connection: sqlite3.Connection, scope: str) -> float | None:
    """Return in how many seconds the next run is due that no claim has put up; one that is due by now: in 0."""
    (due_at,) = connection.execute(NEXT_DUE, (scope,)).fetchone()
    return None if due_at is None else max(0.0, due_at - time.time())
