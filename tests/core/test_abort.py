from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from cnstra import (
    CNS,
    AbortController,
    Axon,
    HandlerContext,
    Signal,
    Stimulation,
    StimulationAborted,
    StimulationFailed,
    collateral,
    neuron,
)
from tests.core.traces import Trace

started = collateral(int, name="started")


class Steps(Axon):
    first = collateral(int)
    second = collateral(int)
    third = collateral(int)


class Line:
    """Three asynchronous steps; each notes down its name, then waits for its event."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.reached = {name: asyncio.Event() for name in ("one", "two", "three")}
        self.released = {name: asyncio.Event() for name in ("one", "two", "three")}
        self.results: list[int] = []
        self.cns = CNS(
            [
                neuron(Steps, name="one").dendrite(started, self.step("one", Steps.first)),
                neuron(Steps, name="two").dendrite(Steps.first, self.step("two", Steps.second)),
                neuron(Steps, name="three").dendrite(Steps.second, self.step("three", Steps.third)),
                neuron({}).dendrite(Steps.third, self.results.append),
            ]
        )

    def step(self, name: str, emits: Any) -> Any:
        async def run(payload: int, axon: Steps, ctx: HandlerContext) -> Signal[int]:
            self.log.append(name)
            ctx.set([*(ctx.get() or []), name])
            self.reached[name].set()
            await self.released[name].wait()
            return emits.create_signal(payload + 1)  # type: ignore[no-any-return]

        return run

    def release(self) -> None:
        for event in self.released.values():
            event.set()


def aborted(reason: object = None) -> AbortController:
    controller = AbortController()
    controller.abort(reason)
    return controller


async def outcome(run: Stimulation) -> BaseException | None:
    """Return what awaiting the run raises."""
    try:
        await run
    except Exception as error:  # noqa: BLE001 - it is the answer
        return error
    return None


def labels(run: Stimulation) -> list[tuple[str, bool]]:
    return [(failure.task.neuron.label, failure.aborted) for failure in run.get_failed_tasks()]


def test_an_abort_signal_is_raised_once_and_keeps_its_reason() -> None:
    controller = AbortController()
    assert not controller.signal.aborted
    assert controller.signal.reason is None

    controller.abort("first")
    controller.abort("second")

    assert controller.signal.aborted
    assert controller.signal.reason == "first"


def test_a_handler_may_leave_its_loop_early() -> None:
    AbortController().signal.raise_if_aborted()

    with pytest.raises(StimulationAborted, match="Stimulation aborted: enough"):
        aborted("enough").signal.raise_if_aborted()


def test_a_callback_is_called_when_the_flag_goes_up() -> None:
    controller, calls = AbortController(), list[str]()
    controller.signal.add_callback(lambda: calls.append("kept"))
    remove = controller.signal.add_callback(lambda: calls.append("removed"))
    remove()
    remove()

    controller.abort()
    controller.signal.add_callback(lambda: calls.append("late"))

    assert calls == ["kept", "late"]


@pytest.mark.parametrize("on_response", [None, lambda response: None], ids=["plain", "watched"])
def test_an_abort_before_the_start_leaves_everything_undone(on_response: Any) -> None:
    ran: list[int] = []
    trace = Trace()
    cns = CNS(
        [neuron({}, name="one").dendrite(started, ran.append), neuron({}, name="two").dendrite(started, ran.append)]
    )

    run = cns.stimulate(
        started.create_signal(1), abort_signal=aborted().signal, on_response=on_response, on_drain=trace.on_drain
    )

    assert ran == []
    assert run.done
    assert labels(run) == [("one", True), ("two", True)]
    assert trace.drains == "2(2/0)"


async def test_an_abort_before_the_start_inside_an_event_loop() -> None:
    line = Line()
    run = line.cns.stimulate(started.create_signal(1), abort_signal=aborted("closed").signal)

    error = await outcome(run)

    assert isinstance(error, StimulationAborted)
    assert error.reason == "closed"
    assert labels(run) == [("one", True)]
    assert line.log == []


async def test_active_work_may_finish_and_its_successors_do_not_start() -> None:
    line, controller = Line(), AbortController()
    run = line.cns.stimulate(started.create_signal(1), abort_signal=controller.signal)

    controller.abort()
    await asyncio.sleep(0)
    assert not run.done
    line.release()

    assert isinstance(await outcome(run), StimulationAborted)
    assert line.log == ["one"]
    assert labels(run) == [("two", True)]


@pytest.mark.parametrize("step", ["one", "two", "three"])
async def test_what_was_done_does_not_run_again_after_an_abort(step: str) -> None:
    line = Line()
    run = line.cns.stimulate(started.create_signal(100))
    for name in ("one", "two", "three"):
        await line.reached[name].wait()
        if name == step:
            run.abort()
        line.released[name].set()
        if name == step:
            break
    await outcome(run)
    line.release()

    again = line.cns.activate(run.get_failed_tasks(), ctx=run.get_context())
    await again

    assert line.log == ["one", "two", "three"]
    assert line.results == [103]
    assert list(again.get_context().get_all().values()) == [["one"], ["two"], ["three"]]


async def test_an_abort_inside_a_step_stops_the_next_one() -> None:
    controller, trace = AbortController(), Trace()
    ran: list[str] = []

    async def first(payload: int, axon: Steps) -> Signal[int]:
        controller.abort()
        await asyncio.sleep(0)
        return axon.first.create_signal(payload)

    async def second(payload: int) -> None:
        ran.append("second")

    cns = CNS([neuron(Steps).dendrite(started, first), neuron({}, name="two").dendrite(Steps.first, second)])
    run = cns.stimulate(started.create_signal(1), abort_signal=controller.signal, on_drain=trace.on_drain)

    assert isinstance(await outcome(run), StimulationAborted)
    assert trace.drains == "1(0/1) 1(1/0)"
    assert labels(run) == [("two", True)]

    await cns.activate(run.get_failed_tasks(), ctx=run.get_context())
    assert ran == ["second"]


async def test_an_abort_behind_a_listener_keeps_its_subscribers_from_starting() -> None:
    controller, blocked, released = AbortController(), asyncio.Event(), asyncio.Event()
    ran: list[int] = []

    async def listen(response: Any) -> None:
        if response.output_signal is not None and response.output_signal.collateral is Steps.first:
            blocked.set()
            await released.wait()

    source = neuron(Steps).dendrite(started, lambda payload, axon: axon.first.create_signal(payload))
    cns = CNS([source, neuron({}, name="sink").dendrite(Steps.first, ran.append)])
    run = cns.stimulate(started.create_signal(1), on_response=listen, abort_signal=controller.signal)
    await blocked.wait()
    controller.abort()
    released.set()

    assert isinstance(await outcome(run), StimulationAborted)
    assert ran == []
    assert labels(run) == [("sink", True)]


def test_a_synchronous_handler_may_abort_its_own_run() -> None:
    def handle(payload: int, axon: Steps, ctx: HandlerContext) -> list[Signal[int]]:
        ctx.stimulation.abort("enough")
        return [axon.first.create_signal(1), axon.first.create_signal(2)]

    ran: list[int] = []
    cns = CNS([neuron(Steps).dendrite(started, handle), neuron({}, name="sink").dendrite(Steps.first, ran.append)])
    run = cns.stimulate(started.create_signal(1))

    assert run.done
    assert ran == []
    assert [failure.task.input for failure in run.get_failed_tasks()] == [
        Steps.first.create_signal(1),
        Steps.first.create_signal(2),
    ]
    assert labels(run) == [("sink", True)] * 2


async def test_a_run_with_nothing_left_undone_is_complete_after_an_abort() -> None:
    line = Line()
    run = line.cns.activate([])
    assert run.done

    async def last(payload: int, axon: object, ctx: HandlerContext) -> None:
        ctx.stimulation.abort()
        await asyncio.sleep(0)

    run = CNS([neuron({}).dendrite(started, last)]).stimulate(started.create_signal(1))

    assert await outcome(run) is None
    assert run.get_outstanding_tasks() == []


async def test_an_abort_after_the_end_changes_nothing() -> None:
    controller = AbortController()
    run = CNS([neuron({}).dendrite(started, lambda payload: None)]).stimulate(
        started.create_signal(1), abort_signal=controller.signal
    )

    controller.abort()
    run.abort()

    assert await outcome(run) is None
    assert controller.signal._callbacks == {}


async def test_a_second_abort_changes_nothing() -> None:
    line = Line()
    run = line.cns.stimulate(started.create_signal(1))

    run.abort("first")
    run.abort("second")
    line.release()

    assert str(await outcome(run)) == "Stimulation aborted: first"
    assert len(run.get_failed_tasks()) == 1


async def test_one_signal_aborts_every_run_that_watches_it() -> None:
    line, controller = Line(), AbortController()
    runs = [line.cns.stimulate(started.create_signal(n), abort_signal=controller.signal) for n in range(3)]

    controller.abort()
    line.release()

    assert [type(await outcome(run)) for run in runs] == [StimulationAborted] * 3
    assert line.log == ["one"] * 3


async def test_the_frontier_after_an_abort_holds_what_failed_and_what_never_started_once_each() -> None:
    problem = ValueError("broken")

    async def fail(payload: int, axon: object, ctx: HandlerContext) -> None:
        ctx.stimulation.abort()
        raise problem

    cns = CNS([neuron({}, name="failing").dendrite(started, fail), neuron({}, name="late").dendrite(started, print)])
    run = cns.stimulate(started.create_signal(1), concurrency=1)
    error = await outcome(run)

    assert labels(run) == [("failing", False), ("late", True)]
    assert [task.neuron.label for task in run.get_outstanding_tasks()] == ["failing", "late"]
    assert isinstance(error, StimulationAborted)
    assert isinstance(error.__cause__, StimulationFailed)
    assert error.__cause__.exceptions == (problem,)


async def test_an_abort_comes_from_another_thread() -> None:
    line = Line()
    run = line.cns.stimulate(started.create_signal(1))

    thread = threading.Thread(target=run.abort, args=("elsewhere",))
    thread.start()
    thread.join()
    line.release()

    assert str(await outcome(run)) == "Stimulation aborted: elsewhere"
    assert line.log == ["one"]


async def test_an_abort_from_another_thread_wakes_a_run_that_waits_for_a_slot() -> None:
    line, controller = Line(), AbortController()
    one = neuron({}, name="gated", concurrency=1).dendrite(started, line.step("one", Steps.third))
    cns = CNS([one])
    holder = cns.stimulate(started.create_signal(1))
    waiter = cns.stimulate(started.create_signal(2), abort_signal=controller.signal)

    await asyncio.to_thread(controller.abort)

    assert isinstance(await outcome(waiter), StimulationAborted)
    line.release()
    await holder
    assert line.log == ["one"]


@pytest.mark.parametrize("kind", [signal.SIGUSR1, signal.SIGTERM], ids=lambda kind: kind.name)
async def test_an_abort_comes_from_a_signal_handler(kind: signal.Signals) -> None:
    line, controller = Line(), AbortController()
    run = line.cns.stimulate(started.create_signal(1), abort_signal=controller.signal)
    before = signal.signal(kind, lambda number, frame: controller.abort(number))

    try:
        os.kill(os.getpid(), kind)
        line.release()
        error = await outcome(run)
    finally:
        signal.signal(kind, before)

    assert isinstance(error, StimulationAborted)
    assert error.reason == kind
    assert line.log == ["one"]


def test_a_signal_handler_stops_a_synchronous_ring() -> None:
    controller = AbortController()
    again = collateral(int)
    count = 0

    def handle(payload: int) -> Signal[int]:
        nonlocal count
        count += 1
        if count == 1000:
            os.kill(os.getpid(), signal.SIGUSR1)
        return again.create_signal(payload)

    before = signal.signal(signal.SIGUSR1, lambda number, frame: controller.abort())
    try:
        run = CNS([neuron({"again": again}).dendrite(again, handle)]).stimulate(
            again.create_signal(1), abort_signal=controller.signal
        )
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert run.done
    assert len(run.get_failed_tasks()) == 1


async def test_a_handler_sees_the_abort_and_ends_early() -> None:
    controller, cleaned = AbortController(), list[str]()

    async def watch(payload: int, axon: object, ctx: HandlerContext) -> None:
        raised = asyncio.Event()
        ctx.abort_signal.add_callback(raised.set)
        await raised.wait()
        cleaned.append("early")

    run = CNS([neuron({}).dendrite(started, watch)]).stimulate(started.create_signal(1), abort_signal=controller.signal)
    controller.abort()

    assert await outcome(run) is None
    assert cleaned == ["early"]


ENTRIES: dict[str, Callable[[Stimulation], Any]] = {
    "failed": lambda run: run.get_failed_tasks(),
    "outstanding": lambda run: run.get_outstanding_tasks(),
}


@pytest.mark.parametrize("frontier", ENTRIES.values(), ids=ENTRIES)
def test_both_lists_of_tasks_resume_a_run(frontier: Callable[[Stimulation], Any]) -> None:
    def first(payload: int, axon: Steps, ctx: HandlerContext) -> Signal[int]:
        ctx.stimulation.abort()
        return axon.first.create_signal(payload + 1)

    ran: list[int] = []
    cns = CNS([neuron(Steps).dendrite(started, first), neuron({}).dendrite(Steps.first, ran.append)])
    run = cns.stimulate(started.create_signal(1))

    again = cns.activate(frontier(run))

    assert again.done
    assert ran == [2]


async def test_an_aborted_run_that_nobody_awaits_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    line = Line()
    line.cns.stimulate(started.create_signal(1)).abort()
    line.release()
    for _ in range(10):
        await asyncio.sleep(0)

    assert caplog.records == []
