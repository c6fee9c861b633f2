"""Workers of a Celery app are killed at random, whole or one process of them, and no job is lost."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.fire.scale import SCALE
from tests.workers.celery.crew import PATIENCE, Crew, Started, kill_process, new_crew, processes_of
from tests.workers.hops import run_again
from tests.workers.working import NEURONS

IS_SOAK = os.environ.get("CNSTRA_SOAK", "0") not in {"", "0"}
JOBS, DEAD, KILLS = (500, 10, 60) if IS_SOAK else (40, 3, 4)
RESTORING = {
    "visibility_timeout": 5,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}


def kill_at_random(crew: Crew, workers: list[Started], dice: random.Random) -> None:
    """Kill a whole worker, and start another one, or one process of a worker."""
    place = dice.randrange(len(workers))
    if dice.random() < 0.5:
        crew.kill(workers[place])
        workers[place] = crew.start()
    else:
        for victim in processes_of(workers[place])[:1]:
            kill_process(victim)


@pytest.mark.parametrize("broker_url", ["rabbitmq", "redis"], indirect=True)
def test_jobs_survive_workers_that_are_killed_at_random(broker_url: str, tmp_path: Path) -> None:
    dice = random.Random(SCALE.seed)
    kills, step = 0, JOBS * NEURONS // 6
    with new_crew(tmp_path, broker_url, runs=10, settings={"broker_transport_options": RESTORING}) as crew:
        for number in range(JOBS):
            crew.add(number, f"job-{number}")
        for number in range(DEAD):
            crew.add_raw({"collateralName": "nobody"}, f"dead-{number}")
        workers = [crew.start() for _ in range(3)]
        deadline = time.monotonic() + (SCALE.patience if IS_SOAK else PATIENCE)
        next_kill = dice.randint(1, step)
        while crew.statuses()["completed"] < JOBS:
            assert time.monotonic() < deadline, f"{crew.statuses()}\n{crew.said[-4000:]}"
            if len(crew.log) >= next_kill and kills < KILLS:
                kill_at_random(crew, workers, dice)
                kills, next_kill = kills + 1, len(crew.log) + dice.randint(1, step)
            time.sleep(0.02)
        dead = crew.dead_letters(DEAD)
        starts = Counter(tuple(entry.split()[:2]) for entry in crew.log)
        per_neuron = Counter(entry.split()[1] for entry in crew.log)

        print(f"{broker_url}: {JOBS} jobs, {kills} kills, starts {dict(sorted(per_neuron.items()))}")  # noqa: T201
        assert set(starts) == {(str(number), f"n{i}") for number in range(JOBS) for i in range(NEURONS)}
        assert run_again(crew.log) == []
        assert set(dead) == {f"dead-{number}" for number in range(DEAD)}
        assert crew.statuses() == {"completed": JOBS}
        assert kills >= 3
