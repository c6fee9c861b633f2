"""What a runner does to have runs begun by the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from cnstra.durable.arguments import checked_id, one_of
from cnstra.durable.copying import CopiedRuns
from cnstra.durable.timekeeping import Entry, Missed, Schedule, Timekeeper
from cnstra.durable.timetables import timetable
from cnstra.errors import CNSError, GraphError
from cnstra.persist.records import Durability, Volume

if TYPE_CHECKING:
    from cnstra.durable.launching import Graph
    from cnstra.durable.policy import RetryPolicy
    from cnstra.durable.worker import Worker

__all__ = ["ScheduledRuns"]


class ScheduledRuns(CopiedRuns):
    """What a runner does to have runs begun by the clock."""

    def __init__(
        self,
        worker: Worker,
        graph: Graph,
        scope: str,
        durability: Durability,
        volume: Volume,
        *,
        retry: RetryPolicy | None,
    ) -> None:
        super().__init__(worker, graph, scope, durability, volume, retry=retry)
        self._schedules: list[Schedule] = []

    @property
    def schedules(self) -> Sequence[Schedule]:
        """The schedules, in the order in which they were declared."""
        return tuple(self._schedules)

    def schedule(
        self,
        name: str,
        cron: str | None = None,
        signal: Entry | Callable[[datetime], Entry] | None = None,
        *,
        every: float | None = None,
        timezone: str = "UTC",
        missed: Missed = "last",
        priority: int = 0,
        key: str | None = None,
        retry: RetryPolicy | Literal[False] | None = None,
        durability: Durability | None = None,
        volume: Volume | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Have a run enqueued at each instant of a cron expression, once, however many workers have the schedule.

        To be called before the runner is opened. The run of an instant has the id ``name@<the instant in UTC>``, so
        that it is stored once. The store remembers how far a schedule has come: instants before the first worker that
        has it are nothing to it. The clock is the store's.

        Args:
            name: Of the schedule; it must stay the same, and be one schedule's only.
            cron: Five fields, or six with seconds in front; needs ``cnstra[cron]``.
            signal: What the runs start with: one signal or several, or a function that makes them of the instant, a
                `datetime` in UTC.
            every: Seconds, instead of *cron*: due at each multiple of so many since the epoch.
            timezone: By whose wall clock *cron* goes.
            missed: Instants at which no worker was there, or the store was away, fire when there is one again: only
                the ``"last"`` of them; or ``"all"``, the 1,000 latest at most; ``"skip"``: none that lies back longer
                than a minute.
            priority: As in `enqueue`, like all that follows.
            key: By which its runs are limited.
            retry: When a run is tried again if it fails.
            durability: Instead of the runner's.
            volume: Instead of the runner's.
            metadata: JSON data that is stored with the runs.

        Raises:
            GraphError: If an argument makes no sense, or there is a schedule of this name.
            ImportError: If the library for cron expressions is not installed; the message says how to install it.
            UnknownName: If something that the runs can reach has no name in the registry.
            PayloadError: If a payload cannot be stored unchanged.
            CNSError: If the runner was opened.
        """
        if self._worker.was_opened:
            raise CNSError("this runner was opened: declare its schedules before that")
        one_of(missed, Missed, "missed")
        if signal is None:
            raise GraphError(f"schedule {name!r} has no signal")
        if any(one.name == checked_id(name) for one in self._schedules):
            raise GraphError(f"there is a schedule {name!r} already")
        options: dict[str, Any] = {
            "priority": priority,
            "key": key,
            "retry": retry,
            "durability": durability,
            "volume": volume,
            "metadata": metadata,
        }
        waiting = self._waiting_run(**options)
        if not callable(signal):
            waiting(self._admission.entry(signal), name)
        instants = timetable(cron, every, timezone)
        self._schedules.append(Schedule(name, instants, signal, missed, options))

    async def _keep_time(self) -> None:
        """Fire the schedules until this is cancelled."""
        keeper = Timekeeper(
            self.store, self.scope, self._schedules, now=self._worker.presence.now, fire=self._enqueue_at
        )
        await keeper.keep()

    async def _enqueue_at(self, schedule: Schedule, instant: float) -> None:
        entry = schedule.entry_at(instant)
        await self.enqueue(entry, stimulation_id=schedule.id_at(instant), run_at=instant, **schedule.options)
