"""Admitting runs, inside a transaction that the caller opens and closes."""

from __future__ import annotations

import sqlite3
import time

from cnstra.persist.records import NewRun, RunRecord, RunState
from cnstra.stores.sqlite.batch import Batch

__all__ = ["admit", "open_attempt"]


def admit(connection: sqlite3.Connection, run: NewRun, worker_id: str | None) -> RunState | None:
    """Insert a run with its frontier, unless its id is taken."""
    now = time.time()
    attempt_number = 0 if worker_id is None else 1
    record = RunRecord(
        scope=run.scope,
        stimulation_id=run.stimulation_id,
        status="pending" if worker_id is None else "running",
        attempt_number=attempt_number,
        entry=tuple(run.entry),
        options=run.options,
        volume=run.volume,
        owner=worker_id,
        fence=attempt_number,
        recoveries=0,
        hop_count=0,
        outstanding=len(run.tasks),
        created_at=now,
        updated_at=now,
        clone_of=run.clone_of,
    )
    key = _insert_run(connection, record)
    if key is None:
        return None
    signals = {signal.ordinal: signal for signal in run.entry}
    next_task = max((task.ordinal for task in run.tasks), default=-1) + 1 + run.reserved
    next_signal = max(signals, default=-1) + 1
    connection.execute(
        "INSERT INTO cnstra_progress VALUES (?, ?, 0, ?, ?, 0, ?, ?)",
        (key, record.fence, next_task, next_signal, record.outstanding, now),
    )
    if worker_id is not None:
        open_attempt(connection, key, attempt_number, worker_id, now)
    batch = Batch(now)
    batch.add_run(key, run)
    batch.write(connection)
    needed = {task.signal: signals[task.signal] for task in run.tasks if task.signal is not None}
    return RunState(key, record, 0, next_task, next_signal, tuple(run.tasks), needed)


def _insert_run(connection: sqlite3.Connection, run: RunRecord) -> int | None:
    cursor = connection.execute(
        "INSERT INTO cnstra_runs (scope, stimulation_id, status, owner, attempt_number, recoveries, entry_count, "
        "volume, clone_of, created_at, options) VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            run.scope,
            run.stimulation_id,
            run.status,
            run.owner,
            run.attempt_number,
            len(run.entry),
            run.volume,
            run.clone_of,
            run.created_at,
            run.options,
        ),
    )
    return cursor.lastrowid if cursor.rowcount else None


def open_attempt(connection: sqlite3.Connection, key: int, attempt_number: int, worker_id: str, now: float) -> None:
    """Insert a running attempt of a run."""
    connection.execute(
        "INSERT INTO cnstra_attempts (key, attempt_number, status, worker_id, started_at, hops_before) "
        "SELECT ?, ?, 'running', ?, ?, hop_count FROM cnstra_progress WHERE key = ?",
        (key, attempt_number, worker_id, now, key),
    )
