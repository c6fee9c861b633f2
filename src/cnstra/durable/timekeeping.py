"""Watching the clock for schedules: each of their instants fires once, however many workers watch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

from cnstra.core.signals import Signal
from cnstra.durable.complaints import Complaints
from cnstra.durable.stopping import is_ending
from cnstra.durable.timetables import Timetable, latest, stamp
from cnstra.errors import StoreError

if TYPE_CHECKING:
    from cnstra.persist.ports import Store

__all__ = ["Entry", "Missed", "Schedule", "Timekeeper"]

logger = logging.getLogger("cnstra")

Missed: TypeAlias = Literal["last", "skip", "all"]
Entry: TypeAlias = "Signal[Any] | Sequence[Signal[Any]]"

ON_TIME: Final = 60.0
"""Seconds that an instant may lie back and is not missed."""
MOST_MISSED: Final = 1000
"""How many missed instants are made up for, with ``"all"``."""
_LONGEST_PAUSE: Final = 30.0
_SHORTEST_PAUSE: Final = 0.001
_AFTER_ERROR: Final = 1.0


@final
@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """What is enqueued, and when; made by `DurableRunner.schedule`.

    Attributes:
        name: Begins the ids of its runs.
        instants: When it is due.
        signal: What its runs start with, or a function that makes it of the instant.
        missed: What becomes of instants that nobody has seen.
        options: Of `DurableRunner.enqueue`.
    """

    name: str
    instants: Timetable
    signal: Entry | Callable[[datetime], Entry]
    missed: Missed
    options: Mapping[str, Any]

    def entry_at(self, instant: float) -> Entry:
        """Return what the run of an instant starts with."""
        return self.signal(datetime.fromtimestamp(instant, UTC)) if callable(self.signal) else self.signal

    def id_at(self, instant: float) -> str:
        """Return the id of the run of an instant: that there is only one is what makes it fire once."""
        return f"{self.name}@{stamp(instant)}"

    def due(self, since: float, now: float) -> list[float]:
        """Return the instants after *since* that are to fire now, the earliest first."""
        if self.missed == "skip":
            since = max(since, now - ON_TIME)
        return latest(self.instants, since, now, 1 if self.missed == "last" else MOST_MISSED)


@final
class Timekeeper:
    """Fires schedules as long as a worker is open.

    A run is stored first, and then that its instant is over: whoever comes after a crash in between finds the run.

    Args:
        store: Remembers how far each schedule has come.
        scope: Which graph's.
        schedules: What is watched.
        now: The store's time.
        fire: Stores the run of an instant, unless it is stored.
    """

    def __init__(
        self,
        store: Store,
        scope: str,
        schedules: Sequence[Schedule],
        *,
        now: Callable[[], float],
        fire: Callable[[Schedule, float], Awaitable[object]],
    ) -> None:
        self._store = store
        self._scope = scope
        self._next: dict[Schedule, float | None] = dict.fromkeys(schedules, float("-inf"))
        self._now = now
        self._fire = fire
        self._complaints = Complaints("fire schedules", asyncio.get_running_loop().time)

    async def keep(self) -> None:
        """Watch the clock until this is cancelled."""
        while not is_ending():
            try:
                pause = await self.tend()
                self._complaints.settle()
            except Exception as error:  # noqa: BLE001 - the next time it may work
                self._complaints.add(error)
                pause = _AFTER_ERROR
            if not is_ending():
                await asyncio.sleep(pause)

    async def tend(self) -> float:
        """Fire what is due; return after how many seconds to look again.

        Raises:
            StoreError: If the store does not answer; then nothing is lost.
        """
        for schedule, instant in self._next.items():
            if instant is not None and instant <= self._now():
                self._next[schedule] = await self._catch_up(schedule)
        instants = [instant for instant in self._next.values() if instant is not None]
        return min(max(min(instants, default=float("inf")) - self._now(), _SHORTEST_PAUSE), _LONGEST_PAUSE)

    async def _catch_up(self, schedule: Schedule) -> float | None:
        """Fire what a schedule has due, and return its next instant."""
        now = self._now()
        mark = await self._store.mark(self._scope, schedule.name)
        if mark is None:  # it is new: what was before it was declared is nothing to it
            await self._store.advance(self._scope, schedule.name, now)
        else:
            for instant in schedule.due(mark, now):
                await self._fire_once(schedule, instant)
                await self._store.advance(self._scope, schedule.name, instant)
        return schedule.instants.after(now)

    async def _fire_once(self, schedule: Schedule, instant: float) -> None:
        try:
            await self._fire(schedule, instant)
        except StoreError:
            raise
        except Exception:  # a signal that cannot be made now cannot be made later, and must not stop the others
            logger.exception("schedule %r could not fire at %s", schedule.name, stamp(instant))
