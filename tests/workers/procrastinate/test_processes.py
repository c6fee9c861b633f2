"""Worker processes on a queue of Procrastinate: they are killed, frozen, blocked, asked to stop and told to hurry."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.fire.scale import SCALE, Scale
from tests.servers.postgres import postgres_server
from tests.workers.hops import run_again
from tests.workers.procrastinate.board import Board, make_tables, new_board, until
from tests.workers.procrastinate.crew import TIMEOUT, Crew, reached, stop
from tests.workers.working import NEURONS

SOAKS = Scale() != SCALE
JOBS = 500 if SOAKS else 120
DEAD = 10
LOAD = 500 if SOAKS else 60
AWAY = 20.0 if SOAKS else 1.5


@pytest.fixture
async def crew(board: Board, postgres_url: str, postgres_schema: str, tmp_path: Path) -> AsyncIterator[Crew]:
    """Yield workers whose queue and runs are in one database."""
    crew = Crew(board, tmp_path, store_in(postgres_url, postgres_schema))
    yield crew
    await crew.end()


def store_in(url: str, schema: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}cnstra_schema={schema}"


async def test_a_job_whose_workers_are_killed_three_times_goes_on(crew: Crew) -> None:
    await crew.board.add(1)
    for held in ("1 n1", "1 n2", "1 n2"):
        crew.hold(held)
        victim = await crew.start()
        await reached(victim)
        victim.kill()
        await victim.wait()
    crew.hold("")
    await crew.start()
    await crew.board.until("succeeded")

    assert crew.log == ["1 n0 1", "1 n1 1", "1 n1 2", "1 n2 2", "1 n2 3", "1 n2 4", "1 n3 4"]


async def test_a_worker_that_stood_still_for_too_long_changes_nothing(crew: Crew) -> None:
    await crew.board.add(1)
    crew.hold("1 n1")
    zombie = await crew.start()
    await reached(zombie)
    zombie.send_signal(signal.SIGSTOP)
    crew.hold("")
    await crew.start()
    await crew.board.until("succeeded")
    before = await crew.board.job(), await crew.board.events()
    zombie.send_signal(signal.SIGCONT)
    await until(lambda: "was not this worker's any more" in crew.errors)
    status = await stop(zombie)

    assert status == 0, crew.errors
    assert (await crew.board.job(), await crew.board.events()) == before
    assert crew.log == ["1 n0 1", "1 n1 1", "1 n1 2", "1 n2 2", "1 n3 2"]


async def test_a_handler_that_blocks_the_event_loop_keeps_its_job_and_is_named(crew: Crew) -> None:
    await crew.board.add(1)
    crew.hold("1 n1 blocking")
    timeout = 3 * TIMEOUT  # or a busy machine would take a healthy worker for dead
    blocked = await crew.start(loop_watch=0.3, heartbeat_timeout=timeout)
    await reached(blocked)
    await crew.start(heartbeat_timeout=timeout)
    await asyncio.sleep(2 * timeout)
    crew.hold("")
    await crew.board.until("succeeded")

    assert crew.log == ["1 n0 1", "1 n1 1", "1 n2 1", "1 n3 1"]
    assert "neuron n1 on c1 blocks the event loop" in crew.errors
    assert await crew.board.events() == ["deferred", "started", "succeeded"]


async def test_sigterm_gives_the_job_back_at_once_and_ends_with_status_0(crew: Crew) -> None:
    await crew.board.add(1)
    crew.hold("1 n2")
    first = await crew.start(grace=0.05, heartbeat_timeout=60.0)
    await reached(first)
    others = await crew.board.registered()
    second = await crew.start(heartbeat_timeout=60.0, poll_interval=60.0)
    await until(lambda: is_registered(crew, others + 1))
    status = await stop(first)
    attempts = (await crew.board.job())["attempts"]
    crew.hold("")
    await crew.board.until("succeeded")

    assert (status, await stop(second)) == (0, 0), crew.errors
    assert attempts == 0
    assert crew.log == ["1 n0 1", "1 n1 1", "1 n2 1", "1 n2 2", "1 n3 2"]


async def is_registered(crew: Crew, workers: int) -> bool:
    return await crew.board.registered() == workers


async def test_a_second_sigterm_does_not_wait_for_handlers_and_loses_nothing(crew: Crew) -> None:
    await crew.board.add(1)
    crew.hold("1 n1")
    first = await crew.start(grace=1000.0, heartbeat_timeout=60.0)
    await reached(first)
    first.terminate()
    await until(lambda: "this worker stops" in crew.errors)
    waits = first.returncode is None
    status = await stop(first)
    crew.hold("")
    await crew.start(heartbeat_timeout=60.0)
    await crew.board.until("succeeded")

    assert waits
    assert status == 0, crew.errors
    assert crew.log == ["1 n0 1", "1 n1 1", "1 n1 2", "1 n2 2", "1 n3 2"]


async def test_many_jobs_survive_workers_that_are_killed_at_random(crew: Crew) -> None:
    dice = random.Random(SCALE.seed)
    for number in range(JOBS):
        await crew.board.add(number, f"job-{number}")
    for _ in range(DEAD):
        await crew.board.add_raw({"job": {"collateralName": "nobody"}})
    workers = [await crew.start() for _ in range(3)]
    kills = 0
    while not await is_done(crew):
        next_kill = len(crew.log) + dice.randint(50, 200)
        await until(lambda: is_over(crew, next_kill))  # noqa: B023 - awaited here
        victim = workers.pop(dice.randrange(3))
        victim.kill()
        await victim.wait()
        workers.append(await crew.start())
        kills += 1
    starts = Counter(tuple(entry.split()[:2]) for entry in crew.log)
    print(f"{JOBS} jobs, {kills} kills, starts by neuron: {dict(Counter(name for _, name in starts.elements()))}")  # noqa: T201 - for a soak

    assert await crew.board.counts() == {"succeeded": JOBS, "failed": DEAD}
    assert set(starts) == {(str(number), f"n{i}") for number in range(JOBS) for i in range(NEURONS)}
    assert run_again(crew.log) == []
    assert kills >= 2


async def is_done(crew: Crew) -> bool:
    return not {"todo", "doing"} & set(await crew.board.counts())


async def is_over(crew: Crew, next_kill: int) -> bool:
    """Whether so many handlers have started, or there is nothing left to do."""
    return len(crew.log) >= next_kill or await is_done(crew)


async def test_a_server_that_is_away_under_load_loses_no_job(tmp_path: Path) -> None:
    names = [f"job-{number}" for number in range(LOAD)]
    async with AsyncExitStack() as stack:
        server = stack.enter_context(postgres_server())
        make_tables(server.url)
        board = await stack.enter_async_context(new_board(server.url))
        crew = Crew(board, tmp_path, store_in(server.url, "runs"))
        stack.push_async_callback(crew.end)
        workers = [await crew.start(heartbeat_timeout=5.0) for _ in range(2)]
        await until(lambda: is_registered(crew, 2))
        for number, name in enumerate(names):
            await board.add(number, name)
        await until(lambda: len(crew.log) >= 40)
        server.kill()
        await asyncio.sleep(AWAY)
        server.start()
        async with new_board(server.url, board.name) as again:
            await again.until("succeeded", *names)
        running = [worker.returncode for worker in workers]
        statuses = [await stop(worker) for worker in workers if worker.returncode is None]

    assert running == [None, None], crew.errors
    assert statuses == [0, 0], crew.errors
    assert run_again(crew.log) == []
