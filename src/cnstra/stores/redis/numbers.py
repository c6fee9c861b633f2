"""The store in numbers."""

from __future__ import annotations

from typing import Final

from cnstra.errors import StoreError
from cnstra.persist.records import StoreStats
from cnstra.stores.redis.keys import STATUSES, Keyspace
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.listing import get
from cnstra.stores.redis.script import Script

__all__ = ["next_due", "stats"]

_STATS: Final = Script("stats")
_NEXT_DUE: Final = Script("next_due", "clock")


async def stats(link: Link, space: Keyspace) -> StoreStats:
    """Count the runs of the scope; the size is that of all that the servers hold."""
    counts, *oldest = await link.call(_STATS, [space.with_status(status) for status in STATUSES])
    stored_at = [run.created_at for run_id in oldest if run_id and (run := await get(link, space, run_id)) is not None]
    return StoreStats(dict(zip(STATUSES, counts, strict=True)), min(stored_at, default=None), await _size(link))


async def _size(link: Link) -> int | None:
    try:
        told = await link.info()
    except StoreError:  # the user may not ask
        return None
    sizes = [one["used_memory"] for one in told if "used_memory" in one]
    return sum(map(int, sizes)) if sizes else None


async def next_due(link: Link, space: Keyspace) -> float | None:
    """Return in how many seconds the next run is due that no claim has seen due, or a rate counts less."""
    seconds = await link.call(_NEXT_DUE, [space.due, space.paces])
    return None if seconds is None else float(seconds)
