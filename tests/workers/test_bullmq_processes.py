"""Worker processes on a queue of BullMQ: they are killed, frozen, blocked, asked to stop and told to hurry."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.servers.postgres import postgres_server
from tests.servers.redis import redis_url
from tests.workers.bullmq_board import new_board, until
from tests.workers.bullmq_crew import QUICK, Crew, crew_on, reached, stop


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_url() as url:
        yield url


@pytest.fixture
def postgres_server_url() -> Iterator[str]:
    with postgres_server() as server:
        yield server.url


@pytest.fixture(params=["a store", "the job's own progress"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    if request.param == "Postgres":
        url: str = request.getfixturevalue("postgres_server_url")
        return url
    return f"sqlite:///{tmp_path / 'runs.db'}" if request.param == "a store" else None


@pytest.fixture
async def crew(url: str, tmp_path: Path, store: str | None) -> AsyncIterator[Crew]:
    async with new_board(url) as board, crew_on(board, tmp_path, store) as crew:
        yield crew


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


@pytest.mark.parametrize("store", ["a store", "Postgres", "the job's own progress"], indirect=True)
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
