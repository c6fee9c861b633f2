"""The workers' rows."""

from __future__ import annotations

import logging
from typing import Final

from cnstra.persist.records import WorkerRecord
from cnstra.stores.redis.errors import BadRow
from cnstra.stores.redis.fields import pairs
from cnstra.stores.redis.keys import EVERYWHERE, to_bytes
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.packing import pack_worker
from cnstra.stores.redis.rows import seconds, worker_of
from cnstra.stores.redis.script import Script

__all__ = ["add_worker", "all_workers", "remove_worker"]

_ADD: Final = Script("add_worker", "clock")
_REMOVE: Final = Script("remove_worker")
_WORKERS: Final = Script("workers", "clock")

_logger = logging.getLogger("cnstra.stores")


async def add_worker(link: Link, worker: WorkerRecord, lease: float) -> None:
    """Insert or replace a worker."""
    await link.call(_ADD, link.workers, [to_bytes(worker.worker_id), pack_worker(worker), repr(float(lease)).encode()])


async def remove_worker(link: Link, worker_id: str) -> None:
    """Drop a worker."""
    await link.call(_REMOVE, link.workers, [to_bytes(worker_id), link.changed, EVERYWHERE])


async def all_workers(link: Link) -> list[WorkerRecord]:
    """Read all workers, the longest started first."""
    now, rows, leases = await link.call(_WORKERS, link.workers)
    until = pairs(leases)
    found: list[WorkerRecord] = []
    for worker_id, row in pairs(rows).items():
        try:
            found.append(worker_of(worker_id, row, seconds(until.get(worker_id, b"0")), seconds(now)))
        except BadRow as error:
            _logger.error("%s: worker %r is left out: %s", link.label, worker_id, error)  # noqa: TRY400 - says no more
    return sorted(found, key=lambda worker: (worker.started_at, worker.worker_id))
