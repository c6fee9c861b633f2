"""A store in numbers: its runs by status, how long the oldest open one waits, and who works on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cnstra.durable import Keep
from cnstra.durable.retention import FINAL_STATUSES
from cnstra.inspection.reading import Reader
from cnstra.inspection.views import Data
from cnstra.persist.records import RunStatus

__all__ = ["health", "kept", "open_commands"]

_COMMANDS: Final = 500


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


async def open_commands(reader: Reader, now: float) -> Data:
    """Return how many of the latest commands have not ended, and how long the oldest of these waits."""
    latest = await reader.commands(limit=_COMMANDS)
    waiting = [command.ordered_at for command in latest if command.ended_at is None]
    oldest = min(waiting, default=None)
    return {
        "waiting": len(waiting),
        "oldest_at": oldest,
        "oldest_age": None if oldest is None else max(0.0, now - oldest),
        "is_complete": len(latest) < _COMMANDS,
    }


def kept(rules: Mapping[RunStatus, Keep] | None) -> Data | None:
    """Return what is kept of the runs that are over, by status; ``None`` if that is not known."""
    if rules is None:
        return None
    found = {status: rules.get(status) for status in FINAL_STATUSES}
    return {status: None if keep is None else {"age": keep.age, "count": keep.count} for status, keep in found.items()}
