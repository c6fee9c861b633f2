"""The heartbeat rows of worker processes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection

from cnstra.persist.records import WorkerRecord
from cnstra.stores.sqlite.changes import note_change

__all__ = ["add_worker", "all_workers", "living", "remove_worker", "renew"]


def add_worker(connection: sqlite3.Connection, worker: WorkerRecord, lease: float) -> None:
    """Insert or replace a worker, with a lease from now."""
    connection.execute(
        "INSERT OR REPLACE INTO cnstra_workers (worker_id, host, pid, started_at, lease_until) VALUES (?, ?, ?, ?, ?)",
        (worker.worker_id, worker.host, worker.pid, worker.started_at, time.time() + lease),
    )


def renew(connection: sqlite3.Connection, worker_id: str, lease: float) -> bool:
    """Renew a lease; tell whether the row was there."""
    changed = connection.execute(
        "UPDATE cnstra_workers SET lease_until = ? WHERE worker_id = ?", (time.time() + lease, worker_id)
    ).rowcount
    return changed == 1


def remove_worker(connection: sqlite3.Connection, worker_id: str) -> bool:
    """Delete a worker's row; tell whether there was one, so that its runs are free now."""
    changed = connection.execute("DELETE FROM cnstra_workers WHERE worker_id = ?", (worker_id,)).rowcount
    if changed:
        note_change(connection)
    return changed == 1


def all_workers(connection: sqlite3.Connection) -> list[WorkerRecord]:
    """Load all workers."""
    now = time.time()
    query = "SELECT worker_id, host, pid, started_at, lease_until FROM cnstra_workers ORDER BY started_at, worker_id"
    return [
        WorkerRecord(worker_id, host, pid, started_at, lease_until, expired=lease_until <= now)
        for worker_id, host, pid, started_at, lease_until in connection.execute(query).fetchall()
    ]


def living(connection: sqlite3.Connection, dead: Collection[str]) -> set[str]:
    """Return the ids of the workers whose lease lasts, without the *dead*."""
    rows = connection.execute("SELECT worker_id FROM cnstra_workers WHERE lease_until > ?", (time.time(),)).fetchall()
    return {worker_id for (worker_id,) in rows}.difference(dead)
