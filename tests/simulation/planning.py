"""The schedule of a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from cnstra.persist.records import Durability, Volume
from tests.simulation.plans import PACKS, SHAPES_EACH, Darkness, Kind, Mishap, Order, Plan, Seat, Weather

__all__ = ["plan_of"]

_DURABILITIES: Final[tuple[Durability, ...]] = ("hop", "hop", "hop", "interval", "exit")
_VOLUMES: Final[tuple[Volume, ...]] = ("full", "full", "progress")


def plan_of(seed: int) -> Plan:
    """Return the schedule of *seed*; each one has a few kinds of trouble, and rarely all of them."""
    dice = random.Random(seed)
    lease = dice.choice((1.0, 2.0, 4.0))
    calm_from = lease * dice.uniform(1.0, 4.0)
    seats = tuple(_seat(dice, lease, number) for number in range(dice.choice((1, 2, 2, 2, 3, 3, 4))))
    return Plan(
        seed=seed,
        pack=dice.randrange(PACKS),
        lease=lease,
        grace=lease * dice.choice((0.1, 0.5, 2.0)),
        max_recoveries=dice.choice((5, 5, 1, 0, None)),
        poll=lease * dice.choice((0.3, 1.0, 1.0)),
        handlers_take=lease * dice.choice((0.005, 0.02, 0.02, 0.15)),
        calm_from=calm_from,
        weather=_weather(dice, lease),
        seats=seats,
        orders=_with_tries(seed, [_order(dice, seats, calm_from) for _ in range(dice.choice((1, 1, 2, 2, 3)))]),
        mishaps=tuple(_mishap(dice, len(seats), lease, calm_from) for _ in range(dice.choice((0, 1, 1, 2, 2, 3, 5)))),
        darknesses=_darknesses(dice, len(seats), lease, calm_from),
    )


def _seat(dice: random.Random, lease: float, number: int) -> Seat:
    return Seat(
        host=dice.choice((0, 0, 1)),
        is_named=dice.random() < 0.4,
        reuses_pid=dice.random() < 0.2,
        rate=dice.choice((1.0, 1.0, 0.97, 1.03)),
        restarts_after=lease * dice.choice((0.01, 0.3, 1.0, 2.0)),
        max_active_runs=dice.choice((1000, 1000, 1, 0 if number else 2)),
        is_old=number > 0 and dice.random() < 0.2,
    )


def _weather(dice: random.Random, lease: float) -> Weather:
    if dice.random() < 0.15:
        return Weather(latency=lease * 0.005)

    def maybe(*values: float) -> float:
        return dice.choice(values) if dice.random() < 0.4 else 0.0

    return Weather(
        latency=lease * dice.choice((0.0005, 0.005, 0.03)),
        slow=maybe(0.02, 0.1),
        refused=maybe(0.02, 0.1, 0.3),
        lost=maybe(0.02, 0.1, 0.3),
        late=maybe(0.02, 0.1),
        twice=maybe(0.1, 0.5),
    )


def _order(dice: random.Random, seats: tuple[Seat, ...], calm_from: float) -> Order:
    shape = dice.randrange(SHAPES_EACH)
    able = [number for number, seat in enumerate(seats) if shape < SHAPES_EACH - 1 or not seat.is_old]
    return Order(
        shape=shape,
        seats=tuple(dice.sample(able, k=min(len(able), dice.choice((1, 1, 1, 2))))),
        at=dice.choice((0.0, 0.0, dice.uniform(0.0, calm_from))),
        durability=dice.choice(_DURABILITIES),
        volume=dice.choice(_VOLUMES),
        concurrency=dice.choice((None, None, 1, 2)),
        aborted=(dice.uniform(0.0, calm_from), dice.randrange(len(seats))) if dice.random() < 0.15 else None,
        resumes=dice.random() < 0.5,
        enqueued=dice.choice((0.0, 0.0, dice.uniform(0.0, calm_from))) if dice.random() < 0.3 else None,
        priority=dice.choice((0, 0, 1, 2)),
    )


def _with_tries(seed: int, orders: Sequence[Order]) -> tuple[Order, ...]:
    """Give some of the orders a policy; by dice of its own, so that the rest of a schedule is what it always was."""
    dice = random.Random(f"tries {seed}")
    return tuple(replace(order, tries=dice.choice((None, 1, 2, 3))) for order in orders)


def _mishap(dice: random.Random, seats: int, lease: float, calm_from: float) -> Mishap:
    kind: Kind = dice.choice(("crash", "crash", "crash", "stall", "stall", "suspend", "block", "jump", "leave"))
    seconds = dice.uniform(-1e4, 1e4) if kind == "jump" else lease * dice.choice((0.3, 1.0, 1.5, 3.0))
    seat = dice.randrange(seats)
    when = dice.random()
    if when < 0.5:
        return Mishap(seat, kind, step=int(10 ** dice.uniform(0.0, 2.5)), seconds=seconds)
    if when < 0.75:
        return Mishap(seat, kind, effect=dice.randint(1, 12), seconds=seconds)
    return Mishap(seat, kind, at=dice.uniform(0.0, calm_from), seconds=seconds)


def _darknesses(dice: random.Random, seats: int, lease: float, calm_from: float) -> tuple[Darkness, ...]:
    if dice.random() < 0.6:
        return ()
    seat = None if dice.random() < 0.3 else dice.randrange(seats)
    start = dice.uniform(0.0, calm_from)
    return (Darkness(seat, start, start + lease * dice.choice((0.2, 1.0, 2.0, 3.0))),)
