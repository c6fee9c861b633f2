"""One schedule from its plan to its verdict."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cnstra.persist.ports import Store
from tests.simulation.clocks import simulated_wall_clock
from tests.simulation.plans import Plan
from tests.simulation.verdict import judge
from tests.simulation.world import World

__all__ = ["Tamper", "as_it_is", "simulate"]

Tamper = Callable[[Store], Store]


def as_it_is(store: Store) -> Store:
    """Leave the store as it is."""
    return store


def simulate(plan: Plan, tamper: Tamper = as_it_is) -> World:
    """Run one schedule, and return the world as it is then.

    Args:
        plan: What happens.
        tamper: Breaks the store, to see that this is found.

    Raises:
        Violation: If something happened that must never happen.
    """
    world = World(plan, tamper)
    with _quiet(), simulated_wall_clock():
        try:
            world.run()
            judge(world)
        finally:
            world.throw_away()
    return world


@contextmanager
def _quiet() -> Iterator[None]:
    """Log nothing, and store no tracebacks: what goes wrong is wanted here, and to put it into words takes long."""
    logger = logging.getLogger("cnstra")
    was_disabled, limit = logger.disabled, getattr(sys, "tracebacklimit", None)
    logger.disabled, sys.tracebacklimit = True, 0
    try:
        yield
    finally:
        logger.disabled, sys.tracebacklimit = was_disabled, limit
