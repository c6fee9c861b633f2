"""``make simulate``: simulate many schedules, or show what happens in the one of a seed."""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.batches import simulate_all
from tests.simulation.planning import plan_of
from tests.simulation.reporting import report, summary
from tests.simulation.shrinking import shrink
from tests.simulation.simulating import simulate
from tests.simulation.world import Violation


def main() -> int:
    """Return 0 if nothing was found."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seed", type=int, help="show what happens in one schedule")
    parser.add_argument("--first", type=int, default=0, help="the first seed of many")
    parser.add_argument("--count", type=int, default=20_000, help="how many")
    asked = parser.parse_args()
    return _many(asked.first, asked.count) if asked.seed is None else _one(asked.seed)


def _one(seed: int) -> int:
    try:
        world = simulate(plan_of(seed))
    except Violation as found:
        _say(report(seed, found, shrink(plan_of(seed)) or found))
        return 1
    _say("\n".join(map(str, world.notes)), f"\nseed {seed}: nothing is wrong")
    return 0


def _say(*text: object) -> None:
    print(*text)  # noqa: T201 - for a person


def _many(first: int, count: int) -> int:
    started = time.process_time()
    try:
        counts = simulate_all(range(first, first + count))
    except AssertionError as problem:
        _say(problem)
        return 1
    _say(summary(counts, count, time.process_time() - started))
    return 0


if __name__ == "__main__":
    sys.exit(main())
