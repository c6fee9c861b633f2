"""Deleting runs, inside a transaction that the caller opens and closes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection

from cnstra.persist.records import RunStatus
from cnstra.stores.sqlite.limiting import note_free
from cnstra.stores.sqlite.lookup import find, is_held
from cnstra.stores.sqlite.rows import HISTORY_IDS, span

__all__ = ["ENDED", "LATEST", "delete", "free_pages", "purge"]

INCREMENTAL = 2
"""What SQLite calls that mode of `auto_vacuum`; a file that others made may have another one."""

ENDED = (
    "SELECT ended_at, key FROM cnstra_runs WHERE scope = ? AND status = ? AND ended_at < ? "
    "ORDER BY ended_at, key LIMIT ?"
)
LATEST = (
    "SELECT ended_at, key FROM cnstra_runs WHERE scope = ? AND status = ? AND ended_at IS NOT NULL "
    "ORDER BY ended_at DESC, key DESC LIMIT ?"
)


def delete(connection: sqlite3.Connection, scope: str, run_id: str, *, dead: Collection[str]) -> bool:
    """Delete a run that nobody holds."""
    found = find(connection, scope, run_id)
    if found is None or is_held(connection, found[2], dead):
        return False
    note_free(connection, found[0])
    _delete(connection, found[0])
    return True


def purge(
    connection: sqlite3.Connection,
    scope: str,
    *,
    statuses: Collection[RunStatus],
    older_than: float,
    keep: int,
    limit: int,
) -> int:
    """Delete up to *limit* runs that ended long ago, the longest ended first."""
    cutoff = time.time() - older_than
    ended: list[tuple[float, int]] = []
    latest: list[tuple[float, int]] = []
    for status in set(statuses):
        ended += connection.execute(ENDED, (scope, status, cutoff, limit)).fetchall()
        latest += connection.execute(LATEST, (scope, status, keep)).fetchall()
    kept = set(sorted(latest, reverse=True)[:keep])
    doomed = [run for run in sorted(ended)[:limit] if run not in kept]
    for _, key in doomed:
        _delete(connection, key)
    return len(doomed)


def _delete(connection: sqlite3.Connection, key: int) -> None:
    places = span(key)
    connection.execute("DELETE FROM cnstra_frontier WHERE place BETWEEN ? AND ?", places)
    connection.execute("DELETE FROM cnstra_signals WHERE place BETWEEN ? AND ?", places)
    connection.execute(
        f"WITH RECURSIVE {HISTORY_IDS} DELETE FROM cnstra_history WHERE id IN (SELECT id FROM found)",  # noqa: S608 - ours
        (key,),
    )
    connection.execute("DELETE FROM cnstra_contexts WHERE key = ?", (key,))
    connection.execute("DELETE FROM cnstra_hops WHERE key = ?", (key,))
    connection.execute("DELETE FROM cnstra_attempts WHERE key = ?", (key,))
    connection.execute("DELETE FROM cnstra_progress WHERE key = ?", (key,))
    connection.execute("DELETE FROM cnstra_runs WHERE key = ?", (key,))


def free_pages(connection: sqlite3.Connection, most: int) -> bool:
    """Give up to *most* unused pages back to the file system; tell whether there are more."""
    connection.execute(f"PRAGMA incremental_vacuum({most:d})").fetchall()
    (unused,) = connection.execute("PRAGMA freelist_count").fetchone()
    (mode,) = connection.execute("PRAGMA auto_vacuum").fetchone()
    return bool(unused) and mode == INCREMENTAL
