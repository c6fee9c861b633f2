"""The seats of a simulation while it runs: which process is there, and what befalls it next."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from tests.simulation.clients import live
from tests.simulation.plans import Mishap, Seat
from tests.simulation.processes import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

__all__ = ["SeatInUse"]

_NEVER = 1 << 60


@final
class SeatInUse:
    """Starts one process after the other, and counts what they do."""

    def __init__(self, world: World, number: int, seat: Seat) -> None:
        self.number = number
        self.seat = seat
        self.process: Process | None = None
        self._world = world
        self._lives = 0
        self._steps = 0
        self._effects = 0
        self._pending: list[Mishap] = []
        mine = [mishap for mishap in world.plan.mishaps if mishap.seat == number]
        self._by_step = sorted((one for one in mine if one.step is not None), key=lambda one: -(one.step or 0))
        self._by_effect = {one.effect: one for one in mine if one.effect is not None}
        self._next_step = self._by_step[-1].step if self._by_step else _NEVER
        for mishap in mine:
            if mishap.at is not None:
                world.after(mishap.at, self._befall_now, mishap)

    def start(self) -> None:
        """Start a process, unless there is nothing left to do."""
        world = self._world
        if world.is_closing:
            return
        self._lives += 1
        world.counts["processes"] += 1
        pid = 100 + self.number if self.seat.reuses_pid else 1000 * self._lives + self.number
        process = Process(world, self, f"p{self.number}.{self._lives}", pid)
        self.process = process
        world.processes.append(process)
        world.note(process.name, "starts")
        process.main.create_task(live(process))

    def died(self, process: Process) -> None:
        """Its process has ended: another one follows."""
        self._world.note(process.name, "is gone")
        self.process = None
        self._pending.clear()
        self._world.after(self.seat.restarts_after, self.start)

    def took_step(self, process: Process) -> None:
        """Its process has run a callback."""
        self._steps += 1
        if self._steps >= self._next_step:  # type: ignore[operator]
            self._pending.append(self._by_step.pop())
            self._next_step = self._by_step[-1].step if self._by_step else _NEVER
        if self._pending:
            pending, self._pending = self._pending, []
            for mishap in pending:
                self._befall(process, mishap)

    def took_effect(self, process: Process) -> None:
        """A handler is called in its process."""
        self._effects += 1
        mishap = self._by_effect.pop(self._effects, None)
        if mishap is None:
            return
        if mishap.kind == "crash":
            self._befall(process, mishap)
        else:
            self._pending.append(mishap)  # not before the callback is over: it cannot stop in the middle

    def _befall_now(self, mishap: Mishap) -> None:
        if self.process is not None:
            self._befall(self.process, mishap)

    def _befall(self, process: Process, mishap: Mishap) -> None:
        if self._world.is_calm or not process.alive:
            return
        self._world.note(process.name, f"{mishap.kind} {mishap.seconds:.2f}")
        self._world.counts[mishap.kind] += 1
        match mishap.kind:
            case "crash":
                process.die()
            case "stall":
                process.hold(mishap.seconds)
            case "suspend":
                process.hold(mishap.seconds, clocks_stop=True)
            case "block":
                process.block(mishap.seconds)
            case "jump":
                process.jump(mishap.seconds)
            case "leave":
                process.ask_to_leave()
