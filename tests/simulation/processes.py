"""One simulated process: two threads, a clock of its own, and what may befall it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, final

from cnstra.durable.identity import Living
from cnstra.durable.surroundings import Surroundings
from cnstra.persist.records import WorkerRecord
from tests.simulation.loop import SimulatedLoop
from tests.simulation.plans import Seat
from tests.simulation.pulses import SimulatedPulse

if TYPE_CHECKING:
    from tests.simulation.seats import SeatInUse
    from tests.simulation.world import World

__all__ = ["Process"]


@final
class Process:
    """A process, as long as it lives.

    Attributes:
        main: Its main thread.
        beats: The thread of its heartbeat.
        alive: Whether it has not ended yet.
        is_leaving: Whether it was asked to end, and knows.
    """

    def __init__(self, world: World, place: SeatInUse, name: str, pid: int) -> None:
        self.world = world
        self.name = name
        self.seat_number = place.number
        self.seat: Seat = place.seat
        self.rate = place.seat.rate
        self.pid = pid
        self.worker_id = f"w{place.number}" if place.seat.is_named else name
        self.alive = True
        self.is_leaving = False
        self._place = place
        self._started_at = world.now
        self._skew = 0.0
        self._unaware_until = 0.0
        self.main = SimulatedLoop(self)  # type: ignore[abstract]  # it has no sockets, pipes, signals, subprocesses
        self.beats = SimulatedLoop(self)  # type: ignore[abstract]  # as above
        self._workers: dict[str, Living] = {}
        self._wish: asyncio.Future[None] | None = None

    def clock(self) -> float:
        """Return its monotonic time."""
        return (self.world.now - self._started_at) * self.rate

    def wall_clock(self) -> float:
        """Return what it takes for the time of day."""
        return self.world.now + self._skew

    @property
    def is_unaware(self) -> bool:
        """Whether it cannot know that its lease is over."""
        return max(self._unaware_until, self.main.held_until) > self.world.now

    # ---- what befalls it -------------------------------------------------------------------------------------

    def took_step(self) -> None:
        """A callback has run."""
        self._place.took_step(self)

    def effect(self) -> None:
        """A handler was called."""
        self._place.took_effect(self)

    def die(self) -> None:
        """End at this instant."""
        self.alive = False
        if not self.main.is_running():  # else it freezes once the callback that still runs is over
            self.main.freeze()
        self._place.died(self)

    def hold(self, seconds: float, *, clocks_stop: bool = False) -> None:
        """Stop for a while; if its clocks stop, too, it does not notice, and learns of it by its next heartbeat."""
        unaware = seconds + (self.world.plan.lease if clocks_stop else 0.0)
        self._unaware_until = max(self._unaware_until, self.world.now + unaware)
        for loop in (self.main, self.beats):
            loop.hold(seconds, clock_stops=clocks_stop)
        if clocks_stop:
            self._started_at += seconds

    def block(self, seconds: float) -> None:
        """Stop the main thread for a while."""
        self.main.hold(seconds, clock_stops=False)

    def jump(self, seconds: float) -> None:
        """Set the wall clock."""
        self._skew += seconds

    def ask_to_leave(self) -> None:
        """Ask it to end in good order."""
        self.main.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        self.is_leaving = True
        if self._wish is not None and not self._wish.done():
            self._wish.set_result(None)

    async def asked_to_leave(self) -> None:
        """Return when it is asked to."""
        if not self.is_leaving:
            self._wish = self.main.create_future()
            await self._wish

    def surroundings(self) -> Surroundings:
        """Return what a worker in it takes for its process."""
        return Surroundings(host=self, pulse=SimulatedPulse, random=self.world.dice(self.name))

    # ---- what a worker in it asks ----------------------------------------------------------------------------

    def new_worker_id(self) -> str:
        return self.name

    def record(self, worker_id: str) -> WorkerRecord:
        return WorkerRecord(worker_id, f"host{self.seat.host}", self.pid, self.wall_clock())

    def enter(self, worker_id: str, worker: Living) -> bool:
        is_first = worker_id not in self._workers
        self._workers[worker_id] = worker
        return is_first

    def leave(self, worker_id: str, worker: Living) -> None:
        if self._workers.get(worker_id) is worker:
            del self._workers[worker_id]

    def dead(self, workers: Iterable[WorkerRecord]) -> set[str]:
        mine = f"host{self.seat.host}"
        living = self.world.pids(self.seat.host)
        return {row.worker_id for row in workers if row.host == mine and self._is_dead(row, living)}

    def _is_dead(self, row: WorkerRecord, living: set[int]) -> bool:
        if row.pid != self.pid:
            return row.pid not in living
        worker = self._workers.get(row.worker_id)
        return worker is None or not worker.is_alive()
