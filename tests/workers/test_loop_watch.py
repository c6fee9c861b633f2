import asyncio
import logging
import threading
import time

import pytest

from cnstra import CNS, GraphError, collateral, neuron
from cnstra.workers import LoopWatch
from tests.durable.waiting import until


def block(until: threading.Event) -> None:
    """Do nothing, and let nobody do anything, until the watch has seen it."""
    assert until.wait(30)


async def watched(caplog: pytest.LogCaptureFixture, cns: CNS[None], signal: object, seen: threading.Event) -> str:
    with caplog.at_level(logging.WARNING, "cnstra"), LoopWatch(0.02, on_block=seen.set):
        await cns.stimulate(signal)  # type: ignore[arg-type]  # a signal
        await until(lambda: "goes on" in caplog.text)
    return caplog.text


async def test_a_synchronous_handler_that_blocks_is_named(caplog: pytest.LogCaptureFixture) -> None:
    seen = threading.Event()
    came = collateral(name="came")
    slow = neuron({}, name="slow").dendrite(came, lambda: block(seen))

    text = await watched(caplog, CNS([slow]), came.create_signal(), seen)

    assert "neuron slow on came blocks the event loop, for 0.0" in text
    assert text.count("blocks the event loop") == 1


async def test_a_coroutine_that_blocks_is_named_with_the_place(caplog: pytest.LogCaptureFixture) -> None:
    seen = threading.Event()
    came = collateral(name="came")

    async def deep() -> None:
        await asyncio.sleep(0)
        block(seen)

    slow = neuron({}, name="slow", max_duration=60.0).dendrite(came, deep)

    text = await watched(caplog, CNS([slow]), came.create_signal(), seen)

    assert "neuron slow on came blocks the event loop" in text
    assert ", in " in text


async def test_a_handler_of_a_run_that_is_listened_to_is_named(caplog: pytest.LogCaptureFixture) -> None:
    seen = threading.Event()
    came = collateral(name="came")
    cns = CNS([neuron({}, name="slow").dendrite(came, lambda: block(seen))])
    cns.add_response_listener(lambda response: None)

    assert "neuron slow on came blocks" in await watched(caplog, cns, came.create_signal(), seen)


async def test_what_blocks_beside_the_neurons_is_told_by_its_place(caplog: pytest.LogCaptureFixture) -> None:
    seen = threading.Event()

    with caplog.at_level(logging.WARNING, "cnstra"), LoopWatch(0.02, on_block=seen.set):
        await asyncio.sleep(0.01)
        block(seen)

    assert "something beside the neurons blocks the event loop" in caplog.text


async def test_what_is_to_be_done_meanwhile_is_done_again_and_again(caplog: pytest.LogCaptureFixture) -> None:
    times: list[float] = []
    enough = threading.Event()

    def renew() -> None:
        times.append(time.monotonic())
        if len(times) == 3:
            enough.set()
        raise OSError("no broker")

    with LoopWatch(0.02, on_block=renew):
        await asyncio.sleep(0.01)
        block(enough)

    assert len(times) >= 3
    assert "what is to be done while the event loop is blocked has failed" in caplog.text


async def test_an_event_loop_that_goes_round_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    called: list[None] = []

    with LoopWatch(5.0, on_block=lambda: called.append(None)):
        await asyncio.sleep(0.01)

    assert called == []
    assert caplog.text == ""
    assert "cnstra-loop-watch" not in {thread.name for thread in threading.enumerate()}


def test_a_watch_ends_with_its_event_loop() -> None:
    watch = LoopWatch(0.004)

    async def leave_it_on() -> None:
        watch.__enter__()

    asyncio.run(leave_it_on())
    while "cnstra-loop-watch" in {thread.name for thread in threading.enumerate()}:
        time.sleep(0.001)


def test_a_watch_ends_with_an_event_loop_that_was_closed_before_it_could_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.new_event_loop()
    watch = LoopWatch(0.004)
    watch._answered.clear()

    loop.close()
    watch._watch(loop, threading.get_ident())

    assert caplog.text == ""


def test_a_threshold_is_a_time() -> None:
    with pytest.raises(GraphError):
        LoopWatch(0.0)
