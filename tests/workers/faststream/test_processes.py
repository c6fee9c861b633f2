"""Worker processes on RabbitMQ and NATS: they are killed, frozen, blocked, asked to stop and told to hurry."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.workers.faststream.boards import NatsBoard, RabbitBoard, job, until
from tests.workers.faststream.conftest import BOARDS, board_of
from tests.workers.faststream.crew import ACK_WAIT, Crew, crew_on, reached

SOON_MISSED = 2
"""Seconds between two heartbeats of RabbitMQ, for workers that are to be missed soon."""
SOON_LOST = 3.0
"""Seconds of the lease of those."""
BLOCKED = 3.0
"""Seconds that NATS waits for a sign of a worker that blocks its event loop for twice as long."""


@pytest.fixture(params=BOARDS)
async def crew(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Crew]:
    url = request.getfixturevalue(f"{request.param}_url")
    async with board_of(request.param, url, ack_wait=ACK_WAIT) as board, crew_on(board, tmp_path) as crew:
        yield crew


async def test_a_job_whose_workers_are_killed_three_times_goes_on(crew: Crew) -> None:
    await crew.board.put(job())
    for held in ("1 n1", "1 n2", "1 n2"):
        crew.hold(held)
        victim = await crew.start()
        await reached(crew, victim)
        victim.kill()
        await victim.wait()
    crew.hold("")
    await crew.start()
    await crew.until_completed()
    attempts = [(one.attempt_number, one.status) for one in await crew.attempts("a")]

    assert attempts == [(1, "lost"), (2, "lost"), (3, "lost"), (4, "completed")]
    assert crew.log == ["1 n0 1", "1 n1 1", "1 n1 2", "1 n2 2", "1 n2 3", "1 n2 4", "1 n3 4"]


async def test_a_worker_that_stood_still_until_its_job_was_another_s_changes_nothing(crew: Crew) -> None:
    await crew.board.put(job())
    crew.hold("1 n1")
    zombie = await crew.start(url=_soon_missed(crew), lease=SOON_LOST)
    await reached(crew, zombie)
    zombie.send_signal(signal.SIGSTOP)
    crew.hold("")
    last = await crew.start(lease=SOON_LOST)
    await crew.until_completed()
    before = await crew.runs()
    zombie.send_signal(signal.SIGCONT)
    await until(lambda: crew.errors.count("job a goes back") + crew.errors.count("job a was not answered") >= 1)
    [status] = await crew.stop(zombie)

    assert (status, await crew.stop(last)) == (0, [0]), crew.errors
    assert await crew.runs() == before
    assert await crew.statuses() == ["lost", "completed"]
    assert crew.log == ["1 n0 1", "1 n1 1", "1 n1 2", "1 n2 2", "1 n3 2"]
    assert await crew.board.left() == 0


def _soon_missed(crew: Crew) -> str:
    """Return the address with which the broker finds out soon that a worker says nothing."""
    return f"{crew.board.url}?heartbeat={SOON_MISSED}" if isinstance(crew.board, RabbitBoard) else crew.board.url


async def test_a_handler_that_blocks_the_event_loop_keeps_its_job_and_is_named(crew: Crew) -> None:
    if isinstance(crew.board, NatsBoard):
        crew.board.ack_wait = BLOCKED
    await crew.board.put(job())
    crew.hold("1 n1 blocking")
    blocked = await crew.start(loop_watch=0.3)
    await reached(crew, blocked)
    await crew.start()
    await asyncio.sleep(2 * BLOCKED)
    crew.hold("")
    await crew.until_completed()

    assert crew.log == ["1 n0 1", "1 n1 1", "1 n2 1", "1 n3 1"]
    assert "neuron n1 on c1 blocks the event loop" in crew.errors
    assert "goes back to the broker" not in crew.errors


async def test_sigterm_gives_the_job_back_and_ends_with_status_0(crew: Crew) -> None:
    if isinstance(crew.board, NatsBoard):
        crew.board.ack_wait = 600.0  # so that nobody waits for it
    await crew.board.put(job())
    crew.hold("1 n2")
    first = await crew.start(grace=0.05, lease=600.0)
    await reached(crew, first)
    [status] = await crew.stop(first)
    crew.hold("")
    second = await crew.start(lease=600.0)
    await crew.until_completed()

    assert (status, await crew.stop(second)) == (0, [0]), crew.errors
    assert await crew.statuses() == ["interrupted", "completed"]
    assert crew.log == ["1 n0 1", "1 n1 1", "1 n2 1", "1 n2 2", "1 n3 2"]
    assert await crew.board.left() == 0


async def test_a_second_sigterm_does_not_wait_for_handlers_and_loses_nothing(crew: Crew) -> None:
    if isinstance(crew.board, NatsBoard):
        crew.board.ack_wait = 600.0
    await crew.board.put(job())
    crew.hold("1 n1")
    first = await crew.start(grace=1000.0, lease=600.0)
    await reached(crew, first)
    first.terminate()
    await until(lambda: "this worker stops" in crew.errors)
    [status] = await crew.stop(first)
    crew.hold("")
    await crew.start(lease=600.0)
    await crew.until_completed()

    assert status == 0, crew.errors
    assert await crew.statuses() == ["interrupted", "completed"]
    assert crew.log == ["1 n0 1", "1 n1 1", "1 n1 2", "1 n2 2", "1 n3 2"]
