"""Dropping runs that ended long ago."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from cnstra.persist.records import RunStatus
from cnstra.stores.redis.keys import FINAL, Keyspace, to_bytes
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.script import CHANGING, Script

__all__ = ["purge"]

_ENDED: Final = Script("ended", "clock")
_PURGE: Final = Script("purge", *CHANGING)
_AT_ONCE: Final = 50


async def purge(
    link: Link, space: Keyspace, *, statuses: Collection[RunStatus], older_than: float, keep: int, limit: int
) -> int:
    """Drop the longest ended runs, some at a time, so that others are not held up."""
    chosen = [status for status in FINAL if status in statuses]
    dropped = 0
    while chosen and dropped < limit:
        most = min(_AT_ONCE, limit - dropped)
        arguments = [repr(float(older_than)).encode(), b"%d" % keep, b"%d" % most]
        found = await link.call(_ENDED, [space.ended_with(status) for status in chosen], arguments)
        if found:
            dropped += await _drop(link, space, [(run_id, chosen[key - 1], ended) for run_id, key, ended in found])
        if len(found) < most:
            break
    return dropped


async def _drop(link: Link, space: Keyspace, found: Collection[tuple[bytes, RunStatus, bytes]]) -> int:
    keys = [*space.indexes]
    arguments: list[bytes] = []
    for run_id, status, ended in found:
        keys += space.of_run(run_id)
        arguments += (run_id, to_bytes(status), ended)
    dropped: int = await link.call(_PURGE, keys, arguments)
    return dropped
