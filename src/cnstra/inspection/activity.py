"""How many runs were stored, and how many ended and how, in each part of a window."""

from __future__ import annotations

from typing import Final

from cnstra.inspection.reading import Reader
from cnstra.inspection.views import Data
from cnstra.persist.records import RunFilter

__all__ = ["activity"]

_PARTS: Final = 60
_RUNS: Final = 5_000
_PAGE: Final = 500
_FINAL: Final = ("completed", "failed", "aborted")


async def activity(reader: Reader, now: float, window: float) -> Data:
    """Count the runs that were stored in the last *window* seconds, and their ends."""
    start, width = now - window, window / _PARTS
    buckets = [{"from": start + part * width, "created": 0, **dict.fromkeys(_FINAL, 0)} for part in range(_PARTS)]
    looked_at, cursor = 0, None
    where = RunFilter(created_after=start)
    while True:
        page = await reader.list(where, limit=_PAGE, cursor=cursor)
        for run in page.runs:
            _place(buckets, run.created_at, start, width, "created")
            if run.ended_at is not None and run.status in _FINAL:
                _place(buckets, run.ended_at, start, width, run.status)
        looked_at += len(page.runs)
        cursor = page.cursor
        if cursor is None or looked_at >= _RUNS:
            sample = {"runs": looked_at, "is_complete": cursor is None}
            return {"window": window, "width": width, "sample": sample, "buckets": buckets}


def _place(buckets: list[dict[str, float]], at: float, start: float, width: float, what: str) -> None:
    part = int((at - start) / width)
    buckets[min(max(part, 0), len(buckets) - 1)][what] += 1
