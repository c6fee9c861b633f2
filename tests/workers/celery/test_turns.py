"""A job's way into the event loop of another thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial

import pytest

from cnstra.workers import Delivery, Done
from cnstra.workers.celery.turns import Turn
from cnstra.workers.deliveries import Outcome

DELIVERY = Delivery("job", "{}")
colour: ContextVar[str] = ContextVar("colour", default="none")


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Yield an event loop that runs in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def asleep(delivery: Delivery) -> Outcome:
    await asyncio.sleep(3600)
    return Done()


def test_the_thread_gets_the_outcome_once_the_turn_is_over(loop: asyncio.AbstractEventLoop) -> None:
    over: list[Turn] = []

    async def handle(delivery: Delivery) -> Outcome:
        task = asyncio.current_task()
        assert task is not None
        assert colour.get() == "green", "what is set in the thread that runs the task is seen by the job"
        await asyncio.sleep(0.01)
        assert task.get_name() == "cnstra-job-job"
        return Done(len(over) + 7)

    colour.set("green")
    turn = Turn(DELIVERY, handle)
    loop.call_soon_threadsafe(turn.begin, over.append)
    assert turn.wait() == Done(7)
    assert over == [turn]


def test_what_needs_no_waiting_is_over_in_the_same_round(loop: asyncio.AbstractEventLoop) -> None:
    async def handle(delivery: Delivery) -> Outcome:
        return Done()

    turn = Turn(DELIVERY, handle)
    loop.call_soon_threadsafe(turn.begin, lambda _: None)
    assert turn.wait() == Done()


def test_an_error_is_raised_in_the_thread(loop: asyncio.AbstractEventLoop) -> None:
    async def handle(delivery: Delivery) -> Outcome:
        raise RuntimeError("boom")

    turn = Turn(DELIVERY, handle)
    loop.call_soon_threadsafe(turn.begin, lambda _: None)
    with pytest.raises(RuntimeError, match="boom"):
        turn.wait()


@pytest.mark.parametrize("first", ["begin", "cancel"])
def test_a_turn_that_is_cancelled_ends(loop: asyncio.AbstractEventLoop, first: str) -> None:
    turn, over = Turn(DELIVERY, asleep), list[Turn]()
    calls: list[Callable[[], None]] = [turn.cancel, partial(turn.begin, over.append)]
    for call in calls if first == "cancel" else reversed(calls):
        loop.call_soon_threadsafe(call)
    with pytest.raises(asyncio.CancelledError):
        turn.wait()
    assert over == [turn]


@pytest.mark.parametrize("rounds", [0, 1])
def test_the_thread_does_not_wait_for_an_event_loop_that_a_job_has_ended(rounds: int) -> None:
    async def leave(delivery: Delivery) -> Outcome:
        for _ in range(rounds):
            await asyncio.sleep(0)
        raise SystemExit(3)

    def live() -> None:
        loop.call_soon(turn.begin, lambda _: None)
        with pytest.raises(SystemExit), asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(asyncio.sleep(3600))

    loop, turn = asyncio.new_event_loop(), Turn(DELIVERY, leave)
    thread = threading.Thread(target=live)
    thread.start()
    with pytest.raises((asyncio.CancelledError, SystemExit)):
        turn.wait()
    thread.join()
