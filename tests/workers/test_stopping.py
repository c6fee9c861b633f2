import asyncio
import os
import signal
import threading

from cnstra import DurableRunner
from cnstra.workers import StopSignals
from tests.durable.graphs import line, pass_on


async def test_the_first_signal_asks_and_the_second_one_hurries() -> None:
    with StopSignals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        await signals.wait()
        first = (signals.requested, signals.hurry.is_set())
        os.kill(os.getpid(), signal.SIGINT)
        await signals.hurry.wait()

    assert first == (True, False)


async def test_after_the_second_signal_the_next_one_is_left_to_the_program() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with StopSignals([signal.SIGTERM]) as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        inside = signal.getsignal(signal.SIGTERM)
        await signals.hurry.wait()

    assert inside is before is signal.SIG_DFL


async def test_who_had_a_handler_has_it_again() -> None:
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    mine = signal.getsignal(signal.SIGTERM)
    try:
        with StopSignals():
            inside = signal.getsignal(signal.SIGTERM)
        after = signal.getsignal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert inside is not mine
    assert after is mine


async def test_an_open_runner_does_not_step_in() -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, "memory://") as runner:
        with StopSignals() as signals:
            os.kill(os.getpid(), signal.SIGTERM)
            await signals.wait()
            await asyncio.sleep(0.01)
            await (await runner.stimulate(graph.signal(1)))

    assert graph.ran == ["n0:1"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_a_runner_that_is_opened_later_does_not_step_in_either() -> None:
    graph = line(pass_on)

    with StopSignals() as signals:
        async with DurableRunner(graph.cns, graph.registry, "memory://") as runner:
            os.kill(os.getpid(), signal.SIGTERM)
            await signals.wait()
            await (await runner.stimulate(graph.signal(1)))

    assert graph.ran == ["n0:1"]


async def test_a_program_may_ask_itself() -> None:
    signals = StopSignals()
    signals.request()
    signals.request()

    await signals.wait()

    assert signals.hurry.is_set()


def test_in_another_thread_no_signal_is_heard() -> None:
    handlers: list[object] = []

    async def look() -> None:
        with StopSignals():
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=lambda: asyncio.run(look()))
    thread.start()
    thread.join()

    assert handlers == [signal.SIG_DFL]
