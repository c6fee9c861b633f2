"""Cron expressions, read by the one library for them; this module is imported when there is an expression."""

from __future__ import annotations

from datetime import datetime
from typing import final
from zoneinfo import ZoneInfo

from cnstra.errors import GraphError

try:
    from cronsim import CronSim, CronSimError
except ImportError as missing:
    raise ImportError(f"schedules by cron need a library: pip install 'cnstra[cron]' ({missing})") from missing

__all__ = ["Cron"]


@final
class Cron:
    """The instants of a cron expression, by the wall clock of a time zone.

    Where that is set forward, an instant that it leaves out comes at the end of the gap; where it is set back, an hour
    that is named comes once, and what goes by minutes alone goes on.

    Args:
        expression: Five fields, or six with seconds in front.
        zone: Whose wall clock.

    Raises:
        GraphError: If it is no cron expression, or has no instant.
    """

    def __init__(self, expression: str, zone: ZoneInfo) -> None:
        self._expression = expression
        self._zone = zone
        try:
            CronSim(expression, datetime.now(zone))
        except CronSimError as error:
            raise GraphError(f"{expression!r} is no cron expression: {error}") from error

    def __repr__(self) -> str:
        return f"{self._expression} ({self._zone})"

    def after(self, moment: float) -> float | None:
        """Return the next instant after *moment*, both in seconds since the epoch; ``None`` if there is none."""
        for instant in CronSim(self._expression, datetime.fromtimestamp(moment, self._zone)):
            # In an hour that comes twice it may begin with an instant of the first time, given one of the second.
            if instant.timestamp() > moment:
                return instant.timestamp()
        return None
