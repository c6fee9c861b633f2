"""Committing deltas, inside a transaction that the caller opens and closes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from cnstra.persist.delta import Delta
from cnstra.stores.sqlite.batch import Batch
from cnstra.stores.sqlite.errors import Stale
from cnstra.stores.sqlite.statements import ManyRows

__all__ = ["commit_all", "commit_fitting", "is_applied"]

# The fence, the sequence and the counters in one go. An upsert, because it takes many rows in one step at half the cost
# of an UPDATE from a list; it never inserts: a run that is gone fails the reference to cnstra_runs.
_ADVANCE = ManyRows(
    "INSERT INTO cnstra_progress "
    "(next_task, next_signal, hop_count, outstanding, updated_at, key, fence, sequence) VALUES",
    "(?, ?, ?, ?, ?, ?, ?, ?)",
    "ON CONFLICT (key) DO UPDATE SET next_task = excluded.next_task, next_signal = excluded.next_signal, "
    "hop_count = hop_count + excluded.hop_count, outstanding = outstanding + excluded.outstanding, "
    "updated_at = excluded.updated_at, sequence = sequence + 1 "
    "WHERE fence = excluded.fence AND sequence = excluded.sequence",
    single="UPDATE cnstra_progress SET next_task = ?, next_signal = ?, hop_count = hop_count + ?, "
    "outstanding = outstanding + ?, updated_at = ?, sequence = sequence + 1 "
    "WHERE key = ? AND fence = ? AND sequence = ?",
)


def commit_all(connection: sqlite3.Connection, deltas: Sequence[Delta]) -> None:
    """Apply *deltas*, all of them.

    Raises:
        Stale: If one does not fit; the transaction must be rolled back then.
    """
    now = time.time()
    try:
        fitting = _advance(connection, deltas, now)
    except sqlite3.IntegrityError as error:
        raise Stale from error
    if fitting != len(deltas):
        raise Stale
    batch = Batch(now)
    batch.add(deltas)
    batch.write(connection)


def commit_fitting(connection: sqlite3.Connection, deltas: Sequence[Delta]) -> list[bool]:
    """Apply those of *deltas* that fit, one by one; tell of each whether it is applied now."""
    now = time.time()
    fitting = []
    outcome = []
    for delta in deltas:
        fits = _advance(connection, [delta], now) == 1
        if fits:
            fitting.append(delta)
        outcome.append(fits or is_applied(connection, delta))
    batch = Batch(now)
    batch.add(fitting)
    batch.write(connection)
    return outcome


def _advance(connection: sqlite3.Connection, deltas: Sequence[Delta], now: float) -> int:
    values: list[object] = []
    for delta in deltas:
        grown = len(delta.tasks) - len(delta.removed)
        values += (delta.next_task, delta.next_signal, delta.hop_count, grown, now)
        values += (delta.key, delta.fence, delta.sequence - 1)
    return _ADVANCE.execute(connection, values)


def is_applied(connection: sqlite3.Connection, delta: Delta) -> bool:
    """Tell whether *delta* is the last one that was applied to its run."""
    query = "SELECT 1 FROM cnstra_progress WHERE key = ? AND fence = ? AND sequence = ?"
    return connection.execute(query, (delta.key, delta.fence, delta.sequence)).fetchone() is not None
