"""Many jobs and three workers, while workers are killed at random, and while the broker goes away and comes back.

Little burns in CI; with CNSTRA_SOAK, 500 jobs do, and the broker is away for 20 seconds. `pytest -s` shows the tolls.
"""

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.durable.graphs import line, pass_on
from tests.workers.faststream.boards import Board, job, until
from tests.workers.faststream.conftest import BOARDS, board_of, server_of
from tests.workers.faststream.crew import ACK_WAIT, Crew, crew_on
from tests.workers.hops import run_again
from tests.workers.working import NEURONS

SOAKS = os.environ.get("CNSTRA_SOAK", "0") not in {"", "0"}
JOBS = 500 if SOAKS else 24
DEAD = 10 if SOAKS else 3
AWAY = 20.0 if SOAKS else 1.5
SPACING = (20, 150) if SOAKS else (8, 20)
"""How many handlers start between two kills."""
AT_ONCE = 2 if SOAKS else 1
"""How many jobs a worker has in hand, so that there is time to kill some."""

pytestmark = pytest.mark.timeout(600 if SOAKS else 120)


async def put_jobs(board: Board) -> None:
    graph = line(pass_on)
    await board.put(
        *[job(number, graph=graph) for number in range(JOBS)], job_ids=[f"job-{number}" for number in range(JOBS)]
    )
    await board.put(*[b'{"collateralName": "nobody"}'] * DEAD, job_ids=[f"dead-{number}" for number in range(DEAD)])


def toll(broker: str, crew: Crew, deeds: int) -> str:
    """Return how often each neuron has started, and how often a second time."""
    starts = Counter(tuple(entry.split()[:2]) for entry in crew.log)
    by_neuron = Counter(entry.split()[1] for entry in crew.log)
    repeated = Counter(name for (_, name), times in starts.items() for _ in range(times - 1))
    lines = [f"{name}: {by_neuron[name]} starts, {repeated[name]} of them again" for name in sorted(by_neuron)]
    return f"\n{broker}, {JOBS} jobs, {deeds} kills: " + "; ".join(lines)


@pytest.mark.parametrize("broker", BOARDS)
async def test_many_jobs_survive_workers_that_are_killed_at_random(
    broker: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    dice = random.Random(7)
    url = request.getfixturevalue(f"{broker}_url")
    async with board_of(broker, url, ack_wait=ACK_WAIT) as board, crew_on(board, tmp_path) as crew:
        await put_jobs(board)
        workers = [await crew.start(concurrency=AT_ONCE) for _ in range(3)]
        kills = 0
        while await crew.completed() < JOBS:
            next_kill = len(crew.log) + dice.randint(*SPACING)
            await until(lambda: burned(crew, next_kill))  # noqa: B023 - awaited here
            victim = workers.pop(dice.randrange(3))
            victim.kill()
            await victim.wait()
            workers.append(await crew.start(concurrency=AT_ONCE))
            kills += 1
        await until(lambda: has_answers(board))
        statuses = await crew.stop(*workers)
        dead = await board.dead()
    print(toll(broker, crew, kills))  # noqa: T201 - for who asks for it

    assert set(Counter(tuple(entry.split()[:2]) for entry in crew.log)) == {
        (str(number), f"n{i}") for number in range(JOBS) for i in range(NEURONS)
    }
    assert run_again(crew.log) == []
    assert kills >= 3
    assert set(dead) == {f"dead-{number}" for number in range(DEAD)}
    assert statuses == [0, 0, 0], crew.errors


async def burned(crew: Crew, next_kill: int) -> bool:
    """Whether so many handlers have started, or there is nothing left to do."""
    await asyncio.sleep(0.02)
    return len(crew.log) >= next_kill or await crew.completed() == JOBS


async def has_answers(board: Board) -> bool:
    """Whether every job is done or dead, and those that were delivered twice have come back and gone."""
    await asyncio.sleep(0.1)
    return await board.count_dead() >= DEAD and await board.left() == 0


@pytest.mark.parametrize("broker", ["nats", "rabbitmq", "rabbitmq classic"])
async def test_a_broker_that_is_away_under_load_loses_no_job(broker: str, tmp_path: Path) -> None:
    with server_of(broker) as server:
        async with board_of(broker, server.url, ack_wait=ACK_WAIT) as board, crew_on(board, tmp_path) as crew:
            await put_jobs(board)
            workers = [await crew.start() for _ in range(2)]
            await until(lambda: len(crew.log) >= JOBS // 2)
            if broker == "rabbitmq":  # 3.10 that is killed does not find quorum queues again that are seconds old
                server.stop()
            else:
                server.kill()
            await asyncio.sleep(AWAY)
            server.start()
            await crew.until_completed(JOBS)
            await until(lambda: has_answers(board))
            statuses = await crew.stop(*workers)
            dead = await board.dead()
    print(toll(broker, crew, 0))  # noqa: T201 - for who asks for it

    assert run_again(crew.log) == []
    assert statuses == [0, 0], crew.errors
    assert set(dead) == {f"dead-{number}" for number in range(DEAD)}
