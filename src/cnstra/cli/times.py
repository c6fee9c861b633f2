"""Durations and points in time, as options have them."""

from __future__ import annotations

from datetime import datetime

from cnstra.cli.ending import CommandError
from cnstra.inspection import times

__all__ = ["duration", "point"]


def duration(text: str, what: str) -> float:
    """Return the seconds of ``90``, ``90s``, ``15m``, ``12h``, ``7d`` or ``2w``.

    Raises:
        CommandError: If *text* is none of these; *what* names the option.
    """
    try:
        return times.duration(text, what)
    except ValueError as error:
        raise CommandError(str(error)) from error


def point(text: str | None, what: str, now: datetime | None = None) -> float | None:
    """Return seconds since the epoch: of a duration, so long before *now*; or of a date and time, UTC unless it says.

    Raises:
        CommandError: If *text* is neither; *what* names the option.
    """
    try:
        return None if text is None else times.point(text, what, now)
    except ValueError as error:
        raise CommandError(str(error)) from error
