"""The simulated world: one scheduler, one virtual clock, one seed."""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple, final

from cnstra.persist.ports import Store
from cnstra.stores import MemoryStore
from cnstra.stores.memory.run import MemoryRun
from tests.simulation.accounts import RunAccount
from tests.simulation.clients import OrderInHand
from tests.simulation.graphs import pack
from tests.simulation.journal import Journal
from tests.simulation.ledger import Ledger
from tests.simulation.loop import SimulatedLoop
from tests.simulation.network import Network
from tests.simulation.plans import HEIR, Plan
from tests.simulation.processes import Process
from tests.simulation.seats import SeatInUse
from tests.simulation.wording import in_brief

__all__ = ["Note", "Violation", "World"]

_START = 1_000_000.0
_PATIENCE = 150.0
"""Virtual seconds after which everything must have come to its end once nothing goes wrong any more."""


class Violation(AssertionError):
    """Something happened that must never happen.

    Attributes:
        world: Where.
    """

    def __init__(self, problem: str, world: World) -> None:
        super().__init__(problem)
        self.world = world


class Note(NamedTuple):
    """One line of what happened, put into words only when somebody reads it."""

    at: float
    who: str
    what: str
    detail: object = None

    def __str__(self) -> str:
        return f"{self.at:9.4f} {self.who:6} {self.what} {'' if self.detail is None else in_brief(self.detail)}"


@final
class World:
    """Everything in one schedule."""

    def __init__(self, plan: Plan, tamper: Callable[[Store], Store]) -> None:
        self.plan = plan
        self.now = _START
        self.notes: list[Note] = []
        self.counts: Counter[str] = Counter()
        self.pack = pack(plan.pack)
        self.store = MemoryStore(clock=lambda: self.now)
        self.processes: list[Process] = []
        self.is_closing = False
        self._agenda: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._awake: deque[SimulatedLoop] = deque()
        self._numbers = count()
        self._problem: str | None = None
        self._calm_at = _START + plan.calm_from
        self._durations = self.dice("handlers")
        self.ledger = Ledger(self)
        self.journal = Journal(self)
        self.network = Network(self, tamper(self.store))
        self.orders = [OrderInHand(self, number, order) for number, order in enumerate(plan.orders)]
        for order in self.orders:
            account = RunAccount(self, order.run_id, is_barred=order.order.durability == "hop")
            self.ledger.runs[order.run_id] = account
        self.seats = [SeatInUse(self, number, seat) for number, seat in enumerate(plan.seats)]

    # ---- time and chance -------------------------------------------------------------------------------------

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self.now - _START

    @property
    def is_calm(self) -> bool:
        """Whether nothing goes wrong any more."""
        return self.now >= self._calm_at

    def dice(self, purpose: str) -> random.Random:
        """Return dice that nobody else throws."""
        return random.Random(f"{self.plan.seed}/{purpose}")

    def handler_takes(self) -> float:
        """Return for how long an asynchronous handler waits."""
        mean = self.plan.lease if self._durations.random() < 0.03 else self.plan.handlers_take
        return self._durations.expovariate(1.0) * mean

    def pids(self, host: int) -> set[int]:
        """Return the living process ids of a machine."""
        return {one.pid for one in self.processes if one.alive and one.seat.host == host}

    def stored(self, run_id: str) -> MemoryRun | None:
        """Return the run as the store has it."""
        return self.store._shelf.find("", run_id)

    def orders_of(self, process: Process) -> list[OrderInHand]:
        """Return what is asked for in a process."""
        return [order for order in self.orders if process.seat_number in order.order.seats]

    def aborts_of(self, process: Process) -> list[OrderInHand]:
        """Return what is to be aborted from a process."""
        return [order for order in self.orders if order.order.aborted and order.order.aborted[1] == process.seat_number]

    # ---- what happened ---------------------------------------------------------------------------------------

    def note(self, who: str, what: str, detail: object = None) -> None:
        """Write down what happened."""
        self.notes.append(Note(self.now - _START, who, what, detail))

    def violate(self, problem: str) -> None:
        """Something is wrong: the simulation ends with the first such thing."""
        self.note("!", problem)
        if self._problem is None:
            self._problem = problem

    def require_sound(self) -> None:
        """Raise what was found."""
        if self._problem is not None:
            raise Violation(self._problem, self)

    # ---- the scheduler ---------------------------------------------------------------------------------------

    def after(self, seconds: float, callback: Callable[..., None], *args: Any) -> None:
        """Call *callback* later, outside any process."""
        heapq.heappush(self._agenda, (self.now + seconds, next(self._numbers), callback, args))

    def wake(self, loop: SimulatedLoop) -> None:
        """Let *loop* run at this instant."""
        self._awake.append(loop)

    def run(self) -> None:
        """Let everything happen, until all orders are finished and all processes have left."""
        for seat in self.seats:
            seat.start()
        self._run_until(lambda: all(order.finished for order in self.orders), "not finished")
        self._close()
        if any(order.account.is_open for order in self.orders):  # retried once more by somebody who has left meanwhile
            heir = SeatInUse(self, len(self.seats), HEIR)
            heir.start()
            self._run_until(lambda: not any(order.account.is_open for order in self.orders), "not inherited")
            self._close()

    def _close(self) -> None:
        """Let everybody leave."""
        self.is_closing = True
        for process in self.processes:
            if process.alive:
                process.ask_to_leave()
        self._run_until(lambda: not any(process.alive for process in self.processes), "not closed")
        self.is_closing = False

    def _run_until(self, is_over: Callable[[], bool], problem: str) -> None:
        deadline = max(self.now, self._calm_at) + _PATIENCE
        while not is_over():
            if self.now > deadline:
                self.violate(f"{problem}: {', '.join(self._unfinished())}")
            self.require_sound()
            self._step()
        self.require_sound()

    def _unfinished(self) -> list[str]:
        orders = [one for one in self.orders if one.account.is_open or not one.finished]
        living = [process.name for process in self.processes if process.alive]
        return [f"{one.run_id} ({one.account.status})" for one in orders] or living

    def _step(self) -> None:
        """Let happen what comes next, and all that follows at that instant."""
        agenda, awake = self._agenda, self._awake
        if not awake:
            if not agenda:
                self.violate("nothing will ever happen any more")
                return
            self.now = max(self.now, agenda[0][0])
            while agenda and agenda[0][0] <= self.now:
                _, _, callback, args = heapq.heappop(agenda)
                callback(*args)
        while awake:
            awake.popleft().run()

    def throw_away(self) -> None:
        """Leave nothing behind."""
        for process in self.processes:
            if process.alive:
                process.die()
        for process in self.processes:
            process.main.throw_away()
            process.beats.throw_away()
