"""Many schedules in a row."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.simulation.planning import plan_of
from tests.simulation.reporting import report
from tests.simulation.shrinking import shrink
from tests.simulation.simulating import simulate
from tests.simulation.world import Violation

__all__ = ["simulate_all", "untraced"]


def simulate_all(seeds: Iterable[int]) -> Counter[str]:
    """Simulate the schedule of each seed, and return what happened in them, counted.

    Raises:
        AssertionError: With a report, if one of them fails.
    """
    counts: Counter[str] = Counter()
    with _rare_collections():
        for seed in seeds:
            try:
                counts.update(simulate(plan_of(seed)).counts)
            except Violation as found:
                raise AssertionError(report(seed, found, shrink(plan_of(seed)) or found)) from None
    return counts


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Leave garbage lie for longer: a world is one large cycle, and to look for it often takes long."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def untraced() -> Iterator[None]:
    """Let nobody measure coverage meanwhile: that takes twice the time, and thousands of schedules show nothing new."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)
