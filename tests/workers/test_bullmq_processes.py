"""Worker processes on a queue of BullMQ: they are killed, frozen, blocked, asked to stop and told to hurry."""

import asyncio
import json
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from cnstra.stores import SqliteStore
from tests.servers.redis import redis_server, redis_url
from tests.workers.bullmq_board import Board, new_board, until
from tests.workers.working import NEURONS

ROOT = Path(__file__).parents[2]
JOBS = 300 if os.environ.get("CI") else 500
QUICK = {"lock_duration": 0.6, "stalled_interval": 0.2}


class Crew:
    """Worker processes on one queue; whoever is left is killed in the end."""

    def __init__(self, board: Board, folder: Path, store: str | None) -> None:
        self.board = board
        self.store = store
        self._folder = folder
        self._log = folder / "log"
        self._processes: list[Process] = []

    async def start(self, **options: Any) -> Process:
        given = {"url": self.board.url, "queue": self.board.queue, "store": self.store, **QUICK, **options}
        command = ("-m", "tests.workers.bullmq_working", str(self._folder), json.dumps(given))
        with (self._folder / "errors").open("a") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *command, cwd=ROOT, stdout=PIPE, stderr=errors
            )
        self._processes.append(process)
        return process

    def hold(self, what: str) -> None:
        (self._folder / "hold").write_text(what)

    @property
    def log(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

    @property
    def errors(self) -> str:
        return (self._folder / "errors").read_text()

    async def end(self) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def reached(process: Process) -> None:
    """Wait until a handler hangs."""
    assert process.stdout is not None
    assert await process.stdout.readline() == b"reached\n"


async def stop(process: Process) -> int:
    """Ask a worker to stop, and return the status with which it does."""
    process.terminate()
    return await process.wait()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_url() as url:
        yield url


@pytest.fixture(params=["a store", "the job's own progress"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    return f"sqlite:///{tmp_path / 'runs.db'}" if request.param == "a store" else None


@pytest.fixture
async def crew(url: str, tmp_path: Path, store: str | None) -> AsyncIterator[Crew]:
    async with new_board(url) as board:
        crew = Crew(board, tmp_path, store)
        yield crew
        await crew.end()


def run_again(log: list[str]) -> list[str]:
    """Return the hops that ran although they were committed: those that ran after one that follows from them."""
    reached_by: dict[str, int] = {}
    again = []
    for entry in log:
        item, name, _ = entry.split()
        number = int(name[1:])
        if number < reached_by.get(item, 0):
            again.append(entry)
        reached_by[item] = max(number, reached_by.get(item, 0))
    return again


async def test_a_job_whose_workers_are_killed_three_times_goes_on(crew: Crew) -> None:
    await crew.board.add(1, "one", attempts=2)
    for held in ("1 n1", "1 n2", "1 n2"):
        crew.hold(held)
        victim = await crew.start()
        await reached(victim)
        victim.kill()
        await victim.wait()
    crew.hold("")
    await crew.start()
    await crew.board.until("completed", "one")

    assert crew.log == ["1 n0 1", "1 n1 1", "1 n1 2", "1 n2 2", "1 n2 3", "1 n2 4", "1 n3 4"]


async def test_a_worker_that_stood_still_past_its_lock_changes_nothing(crew: Crew) -> None:
    await crew.board.add(1)
    crew.hold("1 n1")
    zombie = await crew.start()
    await reached(zombie)
    zombie.send_signal(signal.SIGSTOP)
    crew.hold("")
    await crew.start()
    await crew.board.until("completed")
    before = dict(await crew.board.fields())
    zombie.send_signal(signal.SIGCONT)
    await until(lambda: "job a was" in crew.errors)
    status = await stop(zombie)

    assert status == 0, crew.errors
    assert await crew.board.fields() == before
    assert crew.log == ["1 n0 1", "1 n1 1", "1 n1 2", "1 n2 2", "1 n3 2"]


async def test_a_handler_that_blocks_the_event_loop_keeps_its_job_and_is_named(crew: Crew) -> None:
    await crew.board.add(1)
    crew.hold("1 n1 blocking")
    blocked = await crew.start(loop_watch=0.3)
    await reached(blocked)
    await crew.start()
    await asyncio.sleep(4 * QUICK["lock_duration"])
    crew.hold("")
    await crew.board.until("completed")

    assert crew.log == ["1 n0 1", "1 n1 1", "1 n2 1", "1 n3 1"]
    assert "neuron n1 on c1 blocks the event loop" in crew.errors
    assert (await crew.board.fields())["ats"] == "1"


async def test_sigterm_gives_the_job_back_and_ends_with_status_0(crew: Crew) -> None:
    await crew.board.add(1, attempts=1)
    crew.hold("1 n2")
    first = await crew.start(grace=0.05, lock_duration=60.0)
    await reached(first)
    status = await stop(first)
    fields = await crew.board.fields()
    crew.hold("")
    second = await crew.start(lock_duration=60.0)
    await crew.board.until("completed")

    assert (status, await stop(second)) == (0, 0), crew.errors
    assert "atm" not in fields
    assert crew.log == ["1 n0 1", "1 n1 1", "1 n2 1", "1 n2 2", "1 n3 2"]


async def test_a_second_sigterm_does_not_wait_for_handlers_and_loses_nothing(crew: Crew) -> None:
    await crew.board.add(1)
    crew.hold("1 n1")
    first = await crew.start(grace=1000.0, lock_duration=60.0)
    await reached(first)
    first.terminate()
    await asyncio.sleep(0.3)
    waits = first.returncode is None
    status = await stop(first)
    crew.hold("")
    await crew.start()
    await crew.board.until("completed")

    assert waits
    assert status == 0, crew.errors
    assert crew.log == ["1 n0 1", "1 n1 1", "1 n1 2", "1 n2 2", "1 n3 2"]


async def test_many_jobs_survive_workers_that_are_killed_at_random(crew: Crew) -> None:
    dice = random.Random(7)
    for number in range(JOBS):
        await crew.board.add(number, f"job-{number}")
    for number in range(10):
        await crew.board.add_raw({"collateralName": "nobody"}, f"dead-{number}", attempts=5)
    workers = [await crew.start() for _ in range(3)]
    kills = 0
    while sum((await crew.board.counts()).values()) < JOBS + 10:
        next_kill = len(crew.log) + dice.randint(50, 400)
        await until(lambda: is_over(crew, next_kill))  # noqa: B023 - awaited here
        victim = workers.pop(dice.randrange(3))
        victim.kill()
        await victim.wait()
        workers.append(await crew.start())
        kills += 1
    starts = Counter(tuple(entry.split()[:2]) for entry in crew.log)

    assert await crew.board.counts() == {"completed": JOBS, "failed": 10}
    assert set(starts) == {(str(number), f"n{i}") for number in range(JOBS) for i in range(NEURONS)}
    assert run_again(crew.log) == []
    assert kills >= 3


async def is_over(crew: Crew, next_kill: int) -> bool:
    """Whether so many handlers have started, or there is nothing left to do."""
    return len(crew.log) >= next_kill or sum((await crew.board.counts()).values()) == JOBS + 10


async def test_a_server_that_is_away_under_load_loses_no_job(tmp_path: Path, store: str | None) -> None:
    with redis_server(aof=True) as server:
        async with new_board(server.url) as board:
            crew = Crew(board, tmp_path, store)
            names = [f"job-{number}" for number in range(60)]
            for number, name in enumerate(names):
                await board.add(number, name)
            workers = [await crew.start(lock_duration=5.0) for _ in range(2)]
            await until(lambda: len(crew.log) >= 40)
            server.kill()
            await asyncio.sleep(1.5)
            server.start()
            await board.until("completed", *names)
            statuses = [await stop(worker) for worker in workers]

    assert run_again(crew.log) == []
    assert statuses == [0, 0], crew.errors


async def test_a_run_under_way_outlives_a_redis_that_was_emptied(url: str, tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    async with new_board(url) as board:
        crew = Crew(board, tmp_path, f"sqlite:///{path}")
        await board.add(1)
        crew.hold("1 n2")
        victim = await crew.start()
        await reached(victim)
        victim.kill()
        for key in [key async for key in board.client.scan_iter(board.key("*"))]:
            await board.client.delete(key)
        crew.hold("")
        await crew.start(runs=10)
        await until(lambda: is_completed(path))
        await crew.end()

    assert crew.log == ["1 n0 1", "1 n1 1", "1 n2 1", "1 n2 2", "1 n3 2"]


async def is_completed(path: Path) -> bool:
    store = SqliteStore(path)
    await store.open()
    try:
        return {run.status for run in await store.list("")} == {"completed"}
    finally:
        await store.close()
