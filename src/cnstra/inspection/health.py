"""A store in numbers: its runs by status, how long the oldest open one waits, and who works on them."""

from __future__ import annotations

from cnstra.inspection.reading import Reader
from cnstra.inspection.views import Data

__all__ = ["health"]


async def health(reader: Reader, now: float) -> Data:
    """Return the numbers of a store at a moment, in seconds since the epoch."""
    stats, workers = await reader.stats(), await reader.workers()
    expired = sum(worker.expired for worker in workers)
    oldest = stats.oldest_open_at
    return {
        "now": now,
        "runs": stats.runs,
        "oldest_open_at": oldest,
        "oldest_open_age": None if oldest is None else max(0.0, now - oldest),
        "size": stats.size,
        "workers": len(workers) - expired,
        "expired_workers": expired,
    }
