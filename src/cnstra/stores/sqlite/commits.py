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
    "(next_task, next_signal, hop_count, outstanding, updated_at, last_history, key, fence, sequence) VALUES",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "ON CONFLICT (key) DO UPDATE SET next_task = excluded.next_task, next_signal = excluded.next_signal, "
    "hop_count = hop_count + excluded.hop_count, outstanding = outstanding + excluded.outstanding, "
    "updated_at = excluded.updated_at, last_history = coalesce(excluded.last_history, last_history), "
    "sequence = sequence + 1 WHERE fence = excluded.fence AND sequence = excluded.sequence",
    single="UPDATE cnstra_progress SET next_task = ?, next_signal = ?, hop_count = hop_count + ?, "
    "outstanding = outstanding + ?, updated_at = ?, last_history = coalesce(?, last_history), sequence = sequence + 1 "
    "WHERE key = ? AND fence = ? AND sequence = ?",
)


def commit_all(connection: sqlite3.Connection, deltas: Sequence[Delta]) -> None:
    """Apply *deltas*, all of them.

    Raises:
        Stale: If one does not fit; the transaction must be rolled back then.
    """
    now = time.time()
    (last,) = connection.execute("SELECT max(id) FROM cnstra_history").fetchone()
    batch = Batch(now, (last or 0) + 1)
    batch.add(deltas)
    batch.write_history(connection)
    values: list[object] = []
    for delta in deltas:
        grown = len(delta.tasks) - len(delta.removed)
        values += (delta.next_task, delta.next_signal, delta.hop_count, grown, now)
        values += (batch.last_history.get(delta.key), delta.key, delta.fence, delta.sequence - 1)
    try:
        fitting = _ADVANCE.execute(connection, values)
    except sqlite3.IntegrityError as error:
        raise Stale from error
    if fitting != len(deltas):
        raise Stale
    batch.write(connection)


def commit_fitting(connection: sqlite3.Connection, deltas: Sequence[Delta]) -> list[bool]:
    """Apply those of *deltas* that fit; tell of each whether it is applied now."""
    standing: dict[int, tuple[int, int]] = {}
    fitting = []
    outcome = []
    for delta in deltas:
        fence, sequence = standing.get(delta.key) or _standing(connection, delta.key)
        fits = (fence, sequence) == (delta.fence, delta.sequence - 1)
        if fits:
            fitting.append(delta)
            sequence += 1
        standing[delta.key] = (fence, sequence)
        outcome.append((fence, sequence) == (delta.fence, delta.sequence))
    if fitting:
        commit_all(connection, fitting)
    return outcome


def _standing(connection: sqlite3.Connection, key: int) -> tuple[int, int]:
    """Return the fence and the sequence of a run; those of no delta if it is gone."""
    query = "SELECT fence, sequence FROM cnstra_progress WHERE key = ?"
    found: tuple[int, int] | None = connection.execute(query, (key,)).fetchone()
    return found or (-1, -1)


def is_applied(connection: sqlite3.Connection, delta: Delta) -> bool:
    """Tell whether *delta* is the last one that was applied to its run."""
    return _standing(connection, delta.key) == (delta.fence, delta.sequence)
