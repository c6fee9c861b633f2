"""When something is due, again and again: pure functions of points in time, in seconds since the epoch."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Final, Protocol, final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cnstra.durable.arguments import seconds
from cnstra.errors import GraphError

__all__ = ["Every", "Timetable", "latest", "stamp", "timetable"]

_FIRST_LOOK: Final = 60.0


class Timetable(Protocol):
    """The instants at which something is due."""

    def after(self, moment: float) -> float | None:
        """Return the next instant after *moment*; ``None`` if there is none."""
        ...


@final
@dataclass(frozen=True, slots=True)
class Every:
    """The multiples of a number of seconds since the epoch, so that all workers mean the same instants."""

    seconds: float

    def __str__(self) -> str:
        return f"every {self.seconds:g} s"

    def after(self, moment: float) -> float:
        """Return the next instant after *moment*."""
        number = math.floor(moment / self.seconds) + 1
        instant = number * self.seconds
        return instant if instant > moment else (number + 1) * self.seconds  # where floats are too coarse


def timetable(cron: str | None, every: float | None, timezone: str) -> Timetable:
    """Return the timetable that is meant.

    Raises:
        GraphError: If not exactly one of the two is given, or one makes no sense.
        ImportError: If the library for cron expressions is not installed; the message says how to install it.
    """
    if (cron is None) == (every is None):
        raise GraphError("a schedule has a cron expression or every=, one of the two")
    if every is not None:
        return Every(seconds(every, "every"))
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
        raise GraphError(f"timezone is the name of one, such as 'Europe/Berlin', not {timezone!r} ({error})") from error
    made: Any = import_module("cnstra.durable.cron").Cron(cron, zone)
    found: Timetable = made
    return found


def latest(instants: Timetable, since: float, now: float, most: int) -> list[float]:
    """Return the *most* latest instants after *since*, up to *now*, the earliest of them first.

    It looks back step by step, twice as far each time, so it costs what it finds, however long ago *since* is.
    """
    look = _FIRST_LOOK
    while True:
        start = max(since, now - look)
        found: deque[float] = deque(maxlen=most)
        instant = instants.after(start)
        while instant is not None and instant <= now:
            found.append(instant)
            instant = instants.after(instant)
        if len(found) == most or start <= since:
            return list(found)
        look *= 2


def stamp(instant: float) -> str:
    """Return an instant in UTC, as it stands in the id of a run."""
    moment = datetime.fromtimestamp(instant, UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="auto") + "Z"
