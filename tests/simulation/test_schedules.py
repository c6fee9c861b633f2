"""Workers, their store and their clocks under one seeded scheduler, with everything that can go wrong.

Each seed is one schedule: a few processes on one store, a few runs of small random graphs, and crashes at any callback,
processes that are stopped for longer than their lease and go on, blocked event loops, clocks that jump, requests that
fail, come late, come twice, or whose answers are lost, and a store out of reach. `Journal` sees to every call of a
handler, `Ledger` to every operation of the store, and `judge` to what every run has come to.

CI repeats the same seeds; ``CNSTRA_SIMULATION_FIRST=1000000`` explores others, and ``make simulate SEED=7`` shows one.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.batches import simulate_all, untraced
from tests.simulation.planning import plan_of
from tests.simulation.simulating import simulate

FIRST = int(os.environ.get("CNSTRA_SIMULATION_FIRST", "0"))
BATCH = 500
BATCHES = 40
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_schedule_loses_or_doubles_anything(batch: int) -> None:
    first = FIRST + batch * BATCH

    with untraced():
        counts = simulate_all(range(first, first + BATCH))

    assert counts["handler calls"] > BATCH


def test_a_batch_has_every_kind_of_trouble() -> None:
    counts = simulate_all(range(FIRST, FIRST + 100))

    troubles = ("crash", "stall", "suspend", "block", "jump", "leave", "refused", "lost", "late", "once more")
    assert all(counts[trouble] for trouble in (*troubles, "leases lost", "deltas refused", "deltas repeated"))


@pytest.mark.parametrize("seed", range(20))
def test_a_seed_is_one_schedule(seed: int) -> None:
    first = simulate(plan_of(seed))
    second = simulate(plan_of(seed))

    assert list(map(str, second.notes)) == list(map(str, first.notes))


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_a_seed_is_the_same_schedule_in_every_process(seed: int) -> None:
    def shown(hash_seed: str) -> str:
        command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed)]
        env = {**os.environ, "PYTHONHASHSEED": hash_seed}
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout

    assert shown("1") == shown("2")
