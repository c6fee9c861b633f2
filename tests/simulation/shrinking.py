"""From a schedule that fails to the least that still does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

from tests.simulation.plans import Plan, Weather
from tests.simulation.simulating import Tamper, as_it_is, simulate
from tests.simulation.world import Violation

__all__ = ["shrink"]


def shrink(plan: Plan, tamper: Tamper = as_it_is) -> Violation | None:
    """Leave out of *plan* whatever can be left out; return what happens then, or ``None`` if it does not fail."""
    violation = _failure(plan, tamper)
    while violation is not None:
        smaller = next(filter(None, (_failure(one, tamper) for one in _smaller(violation.world.plan))), None)
        if smaller is None:
            break
        violation = smaller
    return violation


def _failure(plan: Plan, tamper: Tamper) -> Violation | None:
    try:
        simulate(plan, tamper)
    except Violation as violation:
        return violation
    return None


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Yield plans with one thing less in them."""
    for number in range(len(plan.orders)):
        if len(plan.orders) > 1:
            yield replace(plan, orders=plan.orders[:number] + plan.orders[number + 1 :])
    for number in range(len(plan.mishaps)):
        yield replace(plan, mishaps=plan.mishaps[:number] + plan.mishaps[number + 1 :])
    for number in range(len(plan.darknesses)):
        yield replace(plan, darknesses=plan.darknesses[:number] + plan.darknesses[number + 1 :])
    for part in fields(Weather):
        if part.name != "latency" and getattr(plan.weather, part.name):
            yield replace(plan, weather=replace(plan.weather, **{part.name: 0.0}))
    last = len(plan.seats) - 1
    if last > 0 and not any(last in order.seats or (order.aborted or (0, 0))[1] == last for order in plan.orders):
        yield replace(plan, seats=plan.seats[:last], mishaps=tuple(one for one in plan.mishaps if one.seat != last))
    for number, order in enumerate(plan.orders):
        simpler = replace(order, seats=order.seats[:1], aborted=None, enqueued=None, concurrency=None)
        if simpler != order:
            yield replace(plan, orders=(*plan.orders[:number], simpler, *plan.orders[number + 1 :]))
