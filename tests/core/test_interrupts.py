"""Exceptions that are no failure of a task: they leave at once, and the run can be taken up again where it stood."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cnstra import CNS, Axon, Neuron, Signal, Stimulation, StimulationFailed, collateral, neuron

start = collateral(int, name="start")


class Outputs(Axon):
    step = collateral(int)


class Weird(BaseException):
    pass


interrupts = pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, Weird])


def raising(error: type[BaseException], *, after: int = 0) -> Any:
    """Return a coroutine function that raises in its first step, or in a later one."""

    async def interrupt(payload: int) -> None:
        for _ in range(after):
            await asyncio.sleep(0)
        raise error

    return interrupt


def counting(log: list[int]) -> Neuron[Any]:
    return neuron({}, name="counting").dendrite(start, log.append)


def names(run: Stimulation) -> list[str]:
    return [task.neuron.label for task in run.get_outstanding_tasks()]


@interrupts
@pytest.mark.parametrize("options", [{}, {"on_response": lambda _: None}], ids=["plain", "watched"])
def test_an_interrupt_of_a_synchronous_handler_leaves_stimulate(
    interrupt: type[BaseException], options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    log: list[int] = []
    runs: list[Stimulation] = []

    def fail(payload: int, axon: object, ctx: Any) -> None:
        runs.append(ctx.stimulation)
        raise interrupt

    with pytest.raises(interrupt) as raised:
        CNS([neuron({}, name="broken").dendrite(start, fail), counting(log)]).stimulate(
            start.create_signal(1), **options
        )

    assert log == []
    assert runs[0].done
    assert names(runs[0]) == ["counting", "broken"]
    assert raised.value.__notes__ == ["in neuron broken on start, hop 1"]
    assert caplog.records == []


@interrupts
def test_what_an_interrupt_left_can_be_taken_up_again(interrupt: type[BaseException]) -> None:
    log: list[int] = []
    runs: list[Stimulation] = []

    def fail_once(payload: int, axon: object, ctx: Any) -> None:
        runs.append(ctx.stimulation)
        if len(runs) == 1:
            raise interrupt
        log.append(-payload)

    cns = CNS([neuron({}).dendrite(start, fail_once), counting(log)])
    with pytest.raises(interrupt):
        cns.stimulate(start.create_signal(1))
    again = cns.activate(runs[0].get_outstanding_tasks(), ctx=runs[0].get_context())

    assert again.done
    assert sorted(log) == [-1, 1]


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_cancelled_handler_stops_its_run_and_awaiting_it_raises(after: int) -> None:
    async def wait(payload: int) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    cancelled = neuron({}, name="cancelled").dendrite(start, raising(asyncio.CancelledError, after=after))
    run = CNS([neuron({}).dendrite(start, wait), cancelled]).stimulate(start.create_signal(0))

    with pytest.raises(asyncio.CancelledError):
        await run

    assert names(run) == ["cancelled"]  # the other one was active, and could finish
    assert not asyncio.current_task().cancelling()  # type: ignore[union-attr]  # a test runs in a task


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("after", [0, 2])
def test_an_interrupt_of_a_coroutine_leaves_the_event_loop(interrupt: type[BaseException], after: int) -> None:
    runs: list[Stimulation] = []

    async def main() -> None:
        runs.append(cns.stimulate(start.create_signal(0)))
        await runs[0]

    cns = CNS([neuron({}, name="broken").dendrite(start, raising(interrupt, after=after))])
    with pytest.raises(interrupt):
        asyncio.run(main())

    if runs:
        assert runs[0].done
        assert names(runs[0]) == ["broken"]


@pytest.mark.parametrize("kind", ["sync", "async", "function that returns a coroutine"])
async def test_stop_iteration_is_a_failure_like_any_other(kind: str) -> None:
    def stop(payload: int) -> None:
        raise StopIteration(payload)

    async def stop_later(payload: int) -> None:
        await asyncio.sleep(0)
        stop(payload)

    handler = {"sync": stop, "async": stop_later}.get(kind, lambda payload: stop_later(payload))  # noqa: PLW0108
    first = neuron(Outputs).dendrite(start, lambda payload: Outputs.step.create_signal(payload))  # noqa: PLW0108 - a plain function that returns an awaitable
    with pytest.raises(StimulationFailed) as failed:
        await CNS([first, neuron({}).dendrite(Outputs.step, handler)]).stimulate(start.create_signal(1))

    assert isinstance(failed.value.exceptions[0], StopIteration if kind == "sync" else RuntimeError)


@pytest.mark.parametrize("after", [0, 1])
async def test_an_interrupt_behind_an_awaitable_stops_the_run(after: int) -> None:
    async def emit(payload: int) -> Signal[int]:
        for _ in range(after):
            await asyncio.sleep(0)
        return Outputs.step.create_signal(payload)

    def interrupt(payload: int) -> None:
        raise asyncio.CancelledError

    cns = CNS([neuron(Outputs).dendrite(start, emit), neuron({}, name="broken").dendrite(Outputs.step, interrupt)])
    run = cns.stimulate(start.create_signal(1))

    with pytest.raises(asyncio.CancelledError):
        await run
    assert names(run) == ["broken"]


@pytest.mark.parametrize("after", [None, 0, 1])
async def test_an_interrupted_body_gives_its_slot_back(after: int | None) -> None:
    def interrupt(payload: int) -> None:
        raise asyncio.CancelledError

    broken: list[int] = []
    handler = interrupt if after is None else raising(asyncio.CancelledError, after=after)
    limited = neuron({}, concurrency=1).dendrite(start, handler).dendrite(Outputs.step, broken.append)
    cns = CNS([limited])
    with pytest.raises(asyncio.CancelledError):
        await cns.stimulate(start.create_signal(0))

    await cns.stimulate(Outputs.step.create_signal(7))

    assert broken == [7]


async def test_a_callable_that_is_interrupted_before_its_coroutine_exists_gives_its_slot_back() -> None:
    class Handler:
        calls = 0

        def __call__(self, payload: int) -> Any:
            self.calls += 1
            if self.calls == 1:
                raise asyncio.CancelledError
            return self.run(payload)

        async def run(self, payload: int) -> None:
            await asyncio.sleep(0)

    handler = Handler()
    cns = CNS([neuron({}, concurrency=1).dendrite(start, handler)])
    with pytest.raises(asyncio.CancelledError):
        cns.stimulate(start.create_signal(0))

    await cns.stimulate(start.create_signal(1))

    assert handler.calls == 2


async def test_a_run_that_waits_for_a_slot_when_it_is_interrupted_leaves_the_queue() -> None:
    door, log = asyncio.Event(), list[int]()

    async def wait(payload: int) -> None:
        await door.wait()
        log.append(payload)

    limited = neuron({}, concurrency=1).dendrite(start, wait)
    breaking = neuron({}).dendrite(Outputs.step, raising(asyncio.CancelledError, after=1))
    cns = CNS([limited, breaking])
    holder = cns.stimulate(start.create_signal(1))
    interrupted = cns.stimulate([start.create_signal(2), Outputs.step.create_signal(0)])
    with pytest.raises(asyncio.CancelledError):
        await interrupted
    door.set()
    await holder
    await cns.stimulate(start.create_signal(3))

    assert log == [1, 3]
    assert names(interrupted) == [limited.label, breaking.label]


async def test_halting_a_run_stops_it_for_good() -> None:
    door, error = asyncio.Event(), OSError("the disk is full")

    async def wait(payload: int) -> Signal[int]:
        await door.wait()
        return Outputs.step.create_signal(payload)

    cns = CNS([neuron(Outputs).dendrite(start, wait), neuron({}, name="after").dendrite(Outputs.step, lambda: None)])
    run = cns.stimulate(start.create_signal(1))
    run.halt(error)
    door.set()
    with pytest.raises(OSError, match="the disk is full"):
        await run

    assert names(run) == ["after"]


async def test_halting_a_run_drops_what_listeners_hold_back() -> None:
    run = CNS([counting([])]).stimulate(start.create_signal(1), on_response=lambda _: asyncio.Event().wait())

    run.halt(OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        await run

    assert names(run) == ["counting"]
