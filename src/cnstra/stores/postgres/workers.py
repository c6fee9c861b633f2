"""The heartbeat rows of worker processes."""

from __future__ import annotations

from typing import Final

from cnstra.persist.records import WorkerRecord
from cnstra.stores.postgres.session import Session

__all__ = ["RENEW", "add_worker", "all_workers", "remove_worker"]

_ADD: Final = """
    INSERT INTO cnstra.workers (worker_id, host, pid, started_at, lease_until)
    VALUES (%(worker_id)s, %(host)s, %(pid)s, %(started_at)s, cnstra.now + %(lease)s::double precision)
    ON CONFLICT (worker_id) DO UPDATE SET host = excluded.host, pid = excluded.pid, started_at = excluded.started_at,
           lease_until = excluded.lease_until
"""
_ALL: Final = """
    SELECT worker_id, host, pid, started_at, lease_until, lease_until <= cnstra.now
    FROM cnstra.workers ORDER BY started_at, worker_id
"""
_REMOVE: Final = "DELETE FROM cnstra.workers WHERE worker_id = %s"
RENEW: Final = """
    UPDATE cnstra.workers SET lease_until = cnstra.now + $2::double precision WHERE worker_id = $1::text
"""


async def add_worker(session: Session, worker: WorkerRecord, lease: float) -> None:
    """Insert or replace a worker, with a lease from now."""
    values = {
        "worker_id": worker.worker_id,
        "host": worker.host,
        "pid": worker.pid,
        "started_at": worker.started_at,
        "lease": lease,
    }
    await session.run(_ADD, values)


async def all_workers(session: Session) -> list[WorkerRecord]:
    """Load all workers."""
    return [WorkerRecord(*row) for row in await session.all(_ALL)]


async def remove_worker(session: Session, worker_id: str) -> None:
    """Delete a worker's row, if there is one; its runs may be taken now, whatever their scope."""
    await session.run(_REMOVE, (worker_id,))
    await session.tell(None)
