"""Admitting runs, inside a transaction that the caller opens and closes."""

from __future__ import annotations

import sqlite3
import time

from cnstra.persist.records import NewRun, RunRecord, RunState
from cnstra.stores.sqlite.batch import Batch
from cnstra.stores.sqlite.changes import note_change
from cnstra.stores.sqlite.limiting import note_waiting

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
        forked_from=run.forked_from,
        forked_task=run.forked_task,
        priority=run.priority,
        due_at=run.due_at,
        starts=attempt_number,
        limit_key=run.limit_key,
    )
    key = _insert_run(connection, record)
    if key is None:
        return None
    signals = {signal.ordinal: signal for signal in run.entry}
    next_task = max((task.ordinal for task in run.tasks), default=-1) + 1 + run.reserved
    next_signal = max(signals, default=-1) + 1
    connection.execute(
        "INSERT INTO cnstra_progress "
        "(key, fence, sequence, next_task, next_signal, hop_count, outstanding, updated_at) "
        "VALUES (?, ?, 0, ?, ?, 0, ?, ?)",
        (key, record.fence, next_task, next_signal, record.outstanding, now),
    )
    if worker_id is not None:
        open_attempt(connection, key, now)
    else:
        if run.limit_key is not None:
            note_waiting(connection, key)
        note_change(connection)
    batch = Batch(now)
    batch.add_run(key, run)
    batch.write(connection)
    needed = {task.signal: signals[task.signal] for task in run.tasks if task.signal is not None}
    return RunState(key, record, 0, next_task, next_signal, tuple(run.tasks), needed, dict(run.contexts))


def _insert_run(connection: sqlite3.Connection, run: RunRecord) -> int | None:
    cursor = connection.execute(
        "INSERT INTO cnstra_runs (scope, stimulation_id, status, owner, attempt_number, recoveries, entry_count, "
        "entry_name, volume, clone_of, forked_from, forked_task, rank, due_at, scheduled, starts, limit_key, "
        "created_at, options) VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            run.scope,
            run.stimulation_id,
            run.status,
            run.owner,
            run.attempt_number,
            len(run.entry),
            run.entry[0].collateral_name if run.entry else None,
            run.volume,
            run.clone_of,
            run.forked_from,
            run.forked_task,
            -run.priority,
            run.due_at,
            _scheduled(run),
            run.starts,
            run.limit_key,
            run.created_at,
            run.options,
        ),
    )
    return cursor.lastrowid if cursor.rowcount else None


def _scheduled(run: RunRecord) -> int:
    """Return 0 for a run that can be claimed, or runs; 1 for one that waits for its time; 2 for its key."""
    if run.status != "pending":
        return 0
    if run.due_at is not None and run.due_at > run.created_at:
        return 1
    return 0 if run.limit_key is None else 2


def open_attempt(connection: sqlite3.Connection, key: int, now: float) -> None:
    """Insert the running attempt of a run, of which number and owner are set."""
    connection.execute(
        "INSERT INTO cnstra_attempts (key, attempt_number, status, worker_id, started_at, hops_before) "
        "SELECT key, attempt_number, 'running', owner, ?, hop_count FROM cnstra_runs JOIN cnstra_progress USING (key) "
        "WHERE key = ?",
        (now, key),
    )
