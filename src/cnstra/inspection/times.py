"""Durations and points in time, as a person types them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

__all__ = ["duration", "point"]

_DURATION: Final = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)([smhdw]?)")
_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def duration(text: str, what: str) -> float:
    """Return the seconds of ``90``, ``90s``, ``15m``, ``12h``, ``7d`` or ``2w``.

    Raises:
        ValueError: If *text* is none of these; *what* names it.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{what} {text!r} is no duration; write one such as 90s, 15m, 12h, 7d or 2w")
    return float(found[1]) * _UNITS[found[2]]


def point(text: str, what: str, now: datetime | None = None) -> float:
    """Return seconds since the epoch: of a duration, so long before *now*; or of a date and time, UTC unless it says.

    Raises:
        ValueError: If *text* is neither; *what* names it.
    """
    if _DURATION.fullmatch(text.strip()):
        return (now or datetime.now(UTC)).timestamp() - duration(text, what)
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        example = "2026-01-31, 2026-01-31T12:00 or 2h (so long ago)"
        raise ValueError(f"{what} {text!r} is no point in time; write one such as {example}") from error
    return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()
