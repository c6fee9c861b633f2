"""Many jobs of BullMQ, while workers are killed, and while the broker or the store goes away, is emptied, and is back.

Little burns in CI; with CNSTRA_SOAK, 500 jobs do, and servers are away for 20 seconds. `pytest -s` shows the tolls.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cnstra.stores import open_store
from tests.fire.scale import SCALE, Scale
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.redis import RedisServer, redis_server, redis_url
from tests.workers.bullmq_board import Board, new_board, until
from tests.workers.bullmq_crew import Crew, crew_on, reached, starts_of, stop
from tests.workers.hops import run_again
from tests.workers.working import NEURONS

SOAKS = Scale() != SCALE
JOBS = 500 if SOAKS else 100
DEAD = 10 if SOAKS else 3
AWAY = 20.0 if SOAKS else 1.5
SPACING = (50, 400) if SOAKS else (20, 60)
"""How many handlers start between two kills."""
AT_ONCE = 10
"""How many jobs a worker has in hand."""

pytestmark = pytest.mark.timeout(600 if SOAKS else 120)


@pytest.fixture(params=["SQLite", "Postgres", "the job's own progress"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | None]:
    with ExitStack() as stack:
        if request.param == "Postgres":
            yield stack.enter_context(postgres_server()).url
        else:
            yield f"sqlite:///{tmp_path / 'runs.db'}" if request.param == "SQLite" else None


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server(aof=True) as server:
        yield server


async def put_jobs(board: Board, jobs: int) -> list[str]:
    return [await board.add(number, f"job-{number}") for number in range(jobs)]


async def are_open(database: PostgresServer, workers: int) -> bool:
    """Whether so many workers have entered the store."""
    store = open_store(database.url)
    await store.open()
    try:
        return len(await store.workers()) == workers
    finally:
        await store.close()


async def is_over(crew: Crew, next_kill: int) -> bool:
    """Whether so many handlers have started, or there is nothing left to do."""
    return len(crew.log) >= next_kill or sum((await crew.board.counts()).values()) == JOBS + DEAD


def tell(what: str, crew: Crew, kills: int) -> None:
    """Show how often each neuron has started, and how often with an item that it had before."""
    starts = starts_of(crew.log)
    by_neuron = Counter(name for _, name in starts.elements())
    again = Counter(name for (_, name), times in starts.items() for _ in range(times - 1))
    counts = "; ".join(f"{name} {by_neuron[name]} starts, {again[name]} again" for name in sorted(by_neuron))
    kept_by = "the jobs" if crew.store is None else crew.store.partition(":")[0]
    print(f"\n{what}, kept by {kept_by}, {kills} kills: {counts}")  # noqa: T201 - for whoever asks with -s


async def test_many_jobs_survive_workers_that_are_killed_at_random(tmp_path: Path, store: str | None) -> None:
    dice = random.Random(SCALE.seed)
    with redis_url() as url:
        async with new_board(url) as board, crew_on(board, tmp_path, store) as crew:
            await put_jobs(board, JOBS)
            for number in range(DEAD):
                await board.add_raw({"collateralName": "nobody"}, f"dead-{number}", attempts=5)
            workers = [await crew.start() for _ in range(3)]
            kills = 0
            while sum((await board.counts()).values()) < JOBS + DEAD:
                next_kill = len(crew.log) + dice.randint(*SPACING)
                await until(lambda: is_over(crew, next_kill))  # noqa: B023 - awaited here
                victim = workers.pop(dice.randrange(3))
                victim.kill()
                await victim.wait()
                workers.append(await crew.start())
                kills += 1
            counts = await board.counts()
    starts = starts_of(crew.log)
    tell(f"{JOBS} jobs", crew, kills)

    assert counts == {"completed": JOBS, "failed": DEAD}
    assert set(starts) == {(str(number), f"n{i}") for number in range(JOBS) for i in range(NEURONS)}
    assert run_again(crew.log) == []
    assert starts.total() - len(starts) <= kills * AT_ONCE
    assert kills > 0


async def test_a_broker_that_is_away_under_load_loses_no_job(
    server: RedisServer, tmp_path: Path, store: str | None
) -> None:
    async with new_board(server.url) as board, crew_on(board, tmp_path, store) as crew:
        names = await put_jobs(board, JOBS)
        workers = [await crew.start(lock_duration=5.0) for _ in range(2)]
        await until(lambda: len(crew.log) >= 40)
        server.kill()
        await asyncio.sleep(AWAY)
        server.start()
        await board.until("completed", *names)
        statuses = [await stop(worker) for worker in workers]
    tell(f"{JOBS} jobs, Redis away for {AWAY:g} s", crew, 0)

    assert {item for item, _ in starts_of(crew.log)} == {str(number) for number in range(JOBS)}
    assert run_again(crew.log) == []
    assert statuses == [0, 0], crew.errors


async def test_a_store_that_is_away_under_load_loses_no_job(tmp_path: Path) -> None:
    with redis_url() as url, postgres_server() as database:
        async with new_board(url) as board, crew_on(board, tmp_path, database.url) as crew:
            workers = [await crew.start(lock_duration=2.0) for _ in range(2)]
            await until(lambda: are_open(database, 2))
            names = await put_jobs(board, JOBS)
            await until(lambda: len(crew.log) >= 40)
            database.kill()
            await asyncio.sleep(AWAY)
            database.start()
            await board.until("completed", *names)
            statuses = [await stop(worker) for worker in workers]
    tell(f"{JOBS} jobs, Postgres away for {AWAY:g} s", crew, 0)

    assert {item for item, _ in starts_of(crew.log)} == {str(number) for number in range(JOBS)}
    assert run_again(crew.log) == []
    assert statuses == [0, 0], crew.errors


# ---- Redis emptied -------------------------------------------------------------------------------------------------


async def test_a_run_goes_on_in_the_store_while_redis_is_emptied(server: RedisServer, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    async with new_board(server.url) as board, crew_on(board, tmp_path, store) as crew:
        await board.add(1, "emptied")
        crew.hold("1 n2")
        worker = await crew.start()
        await reached(worker)
        server.ask("FLUSHALL")
        crew.hold("")
        await until(lambda: statuses_in(store, {"emptied": "completed"}))
        await board.add(2, "next")
        await board.until("completed", "next")
        gone = await board.fields("emptied")
        status = await stop(worker)

    assert crew.log == [f"{item} n{i} 1" for item in (1, 2) for i in range(NEURONS)]
    assert gone == {}
    assert status == 0, crew.errors


async def test_a_run_whose_worker_died_as_well_is_taken_up_from_the_store(server: RedisServer, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    async with new_board(server.url) as board, crew_on(board, tmp_path, store) as crew:
        await board.add(1, "emptied")
        crew.hold("1 n2")
        victim = await crew.start()
        await reached(victim)
        victim.kill()
        server.ask("FLUSHALL")
        crew.hold("")
        await crew.start(runs=10)
        await until(lambda: statuses_in(store, {"emptied": "completed"}))

    assert crew.log == ["1 n0 1", "1 n1 1", "1 n2 1", "1 n2 2", "1 n3 2"]


async def test_without_a_store_a_job_is_gone_when_redis_is_emptied_and_its_worker_goes_on(
    server: RedisServer, tmp_path: Path
) -> None:
    async with new_board(server.url) as board, crew_on(board, tmp_path, None) as crew:
        await board.add(1, "emptied")
        crew.hold("1 n2")
        worker = await crew.start()
        await reached(worker)
        server.ask("FLUSHALL")
        await until(lambda: "job emptied was lost" in crew.errors)
        crew.hold("")
        await board.add(2, "next")
        await board.until("completed", "next")
        status = await stop(worker)

    assert crew.log == ["1 n0 1", "1 n1 1", "1 n2 1", *[f"2 n{i} 1" for i in range(NEURONS)]]
    assert status == 0, crew.errors


async def statuses_in(url: str, expected: dict[str, str]) -> bool:
    """Whether these are the runs of a store, with their statuses."""
    store = open_store(url)
    await store.open()
    try:
        return {run.stimulation_id: run.status for run in await store.list("")} == expected
    finally:
        await store.close()
