"""What happens in one simulated schedule, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from cnstra.persist.records import Durability, Volume

__all__ = ["HEIR", "PACKS", "SHAPES_EACH", "Darkness", "Kind", "Mishap", "Order", "Plan", "Seat", "Weather"]

Kind: TypeAlias = Literal["crash", "stall", "suspend", "block", "jump", "leave"]
"""``crash``: SIGKILL. ``stall``: SIGSTOP, then SIGCONT. ``suspend``: the machine sleeps, and its clocks with it.
``block``: a handler holds up the event loop, while the heartbeat beats on. ``jump``: the wall clock is set.
``leave``: the runner is closed."""

PACKS = 40
SHAPES_EACH = 3


@dataclass(frozen=True, slots=True)
class Seat:
    """A place where one process runs after the other.

    Attributes:
        host: Its machine.
        is_named: Its workers all have one name.
        reuses_pid: Its processes all have one process id.
        rate: How fast its clock goes.
        restarts_after: Seconds from the end of one process to the start of the next.
        max_active_runs: Of its workers.
        is_old: Its code does not have the last of the pack's shapes.
    """

    host: int
    is_named: bool
    reuses_pid: bool
    rate: float
    restarts_after: float
    max_active_runs: int = 1000
    is_old: bool = False


HEIR = Seat(host=9, is_named=False, reuses_pid=False, rate=1.0, restarts_after=1.0)
"""Whoever opens the store when all others have gone."""


@dataclass(frozen=True, slots=True)
class Order:
    """A run that somebody wants to have done.

    Attributes:
        shape: Which of the pack's shapes.
        seats: The seats whose processes ask for it, and see it through.
        at: When they ask first.
        durability: Of the run.
        volume: Of the run.
        concurrency: Of the run.
        aborted: When somebody asks for its abort, and at which seat.
        resumes: Whether it is retried after that.
        enqueued: It is left to any worker, with that delay; ``None``: it is started where it is asked for.
        priority: Of the run, if it is enqueued.
        tries: How often it may be started by its policy, if it is enqueued; ``None``: it has no policy.
    """

    shape: int
    seats: tuple[int, ...]
    at: float
    durability: Durability = "hop"
    volume: Volume = "full"
    concurrency: int | None = None
    aborted: tuple[float, int] | None = None
    resumes: bool = False
    enqueued: float | None = None
    priority: int = 0
    tries: int | None = None


@dataclass(frozen=True, slots=True)
class Weather:
    """What may happen to a request between a process and the store, as probabilities.

    Attributes:
        latency: Mean seconds, each way.
        slow: That it takes far longer, each way.
        refused: It fails before it gets anywhere.
        lost: It is done, and the answer is lost.
        late: The process gives up, and it is done after that.
        twice: A commit is delivered again, later.
    """

    latency: float
    slow: float = 0.0
    refused: float = 0.0
    lost: float = 0.0
    late: float = 0.0
    twice: float = 0.0


@dataclass(frozen=True, slots=True)
class Darkness:
    """A time in which the store is out of reach: for one seat, or for all (``None``)."""

    seat: int | None
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Mishap:
    """What befalls a process, and when: exactly one of *step*, *effect* and *at* is given.

    Attributes:
        seat: Where the process is.
        kind: What befalls it.
        step: After so many callbacks at that seat.
        effect: In so manieth handler call at that seat.
        at: At that time.
        seconds: For how long, or by how much.
    """

    seat: int
    kind: Kind
    step: int | None = None
    effect: int | None = None
    at: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One schedule: who is there, what is asked for, what goes wrong.

    Attributes:
        seed: Of everything that the rest leaves open, such as how long each request takes.
        pack: Which graphs.
        lease: Of all workers, in seconds.
        max_recoveries: Of all workers.
        poll: Of all workers, in seconds.
        handlers_take: Mean seconds that an asynchronous handler waits.
        calm_from: From then on nothing goes wrong any more.
    """

    seed: int
    pack: int
    lease: float
    grace: float
    max_recoveries: int | None
    poll: float
    handlers_take: float
    calm_from: float
    weather: Weather
    seats: tuple[Seat, ...]
    orders: tuple[Order, ...]
    mishaps: tuple[Mishap, ...] = ()
    darknesses: tuple[Darkness, ...] = ()

    @property
    def is_untroubled(self) -> bool:
        """Whether nothing at all goes wrong."""
        return not self.mishaps and not self.darknesses and self.weather == Weather(self.weather.latency)
