"""Response listeners: whom they hear, what they hold back, and what becomes of their failures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cnstra import (
    CNS,
    ActivationTask,
    Axon,
    Neuron,
    Response,
    Signal,
    StimulationAborted,
    StimulationFailed,
    collateral,
    neuron,
)
from cnstra.errors import EventLoopRequired
from tests.core.traces import Trace, counters

start = collateral(name="start")


class Outputs(Axon):
    middle = collateral(int)
    output = collateral(int)


def first() -> Neuron[Outputs]:
    return neuron(Outputs, name="first").dendrite(start, lambda: Outputs.middle.create_signal(1))


def second(log: list[str]) -> Neuron[Outputs]:
    def run(payload: int, axon: Outputs) -> Signal[int]:
        log.append("second")
        return axon.output.create_signal(payload)

    return neuron(Outputs, name="second").dendrite(Outputs.middle, run)


def label(response: Response) -> str:
    signal = response.output_signal or response.input_signal
    return "nothing" if signal is None else signal.collateral.label


class Gate:
    """An asynchronous listener that lets nothing pass until it is opened."""

    def __init__(self, *held: str) -> None:
        self.held = held
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, response: Response) -> None:
        if label(response) in self.held:
            self.reached.set()
            await self.opened.wait()


# ---- who is told ---------------------------------------------------------------------------------------------


def test_local_and_global_listeners_hear_the_same() -> None:
    own: list[str] = []
    everywhere: list[str] = []
    cns = CNS([first()])
    cns.add_response_listener(lambda response: everywhere.append(label(response)))

    cns.stimulate(start.create_signal(), on_response=lambda response: own.append(label(response)))

    assert own == everywhere == ["start", "middle"]


def test_the_runs_own_listener_is_told_before_the_global_ones() -> None:
    calls: list[str] = []
    cns = CNS([neuron({})])
    for name in ("g1", "g2"):
        cns.add_response_listener(lambda _, name=name: calls.append(name))  # type: ignore[misc]  # mypy: no default here
    cns.add_drain_listener(lambda _: calls.append("dg"))

    cns.stimulate(start.create_signal(), on_response=lambda _: calls.append("l"), on_drain=lambda _: calls.append("dl"))

    assert calls == ["l", "g1", "g2", "dl", "dg"]


def test_a_listener_that_is_taken_off_hears_no_more() -> None:
    trace = Trace()
    cns = CNS([first()])
    remove = cns.add_response_listener(trace.on_response)

    cns.stimulate(start.create_signal())
    remove()
    remove()
    cns.stimulate(start.create_signal())

    assert len(trace.responses) == 2


def test_a_listener_that_is_added_twice_is_told_twice_and_taken_off_once_each() -> None:
    trace = Trace()
    cns = CNS([neuron({})])
    removals = [cns.add_response_listener(trace.on_response) for _ in range(2)]

    heard = []
    for remove in (lambda: None, *removals):
        remove()
        trace.responses.clear()
        cns.stimulate(start.create_signal())
        heard.append(len(trace.responses))

    assert heard == [2, 1, 0]


def test_a_listener_may_take_itself_off_while_it_is_told() -> None:
    calls: list[str] = []
    cns = CNS([first()])

    def once(response: Response) -> None:
        calls.append("once")
        remove()

    remove = cns.add_response_listener(once)
    cns.add_response_listener(lambda _: calls.append("always"))
    cns.stimulate(start.create_signal())

    assert calls == ["once", "always", "always"]


async def test_a_run_under_way_is_heard_from_its_next_turn_on() -> None:
    trace, log = Trace(), list[str]()
    door = asyncio.Event()

    async def wait() -> Signal[int]:
        await door.wait()
        return Outputs.middle.create_signal(1)

    cns = CNS([neuron(Outputs).dendrite(start, wait), second(log)])
    run = cns.stimulate(start.create_signal())
    cns.add_response_listener(trace.on_response)
    door.set()
    await run

    assert [label(response) for response in trace.responses] == ["middle", "output"]
    assert trace.counters == "1(1/0) 0(0/0)"


@pytest.mark.parametrize("kind", ["first turn", "later turn"])
async def test_a_handler_may_add_a_listener_without_upsetting_its_own_run(kind: str) -> None:
    trace, ran = Trace(), list[int]()

    def listen(payload: int, axon: Outputs, ctx: Any) -> None:
        ran.append(payload)
        if payload == 0:
            ctx.cns.add_response_listener(trace.on_response)

    async def emit() -> list[Signal[int]]:
        return [Outputs.middle.create_signal(payload) for payload in range(3)]

    async def wait() -> Signal[int]:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return Outputs.output.create_signal(9)

    cns = CNS([neuron(Outputs).dendrite(Outputs.middle, listen), neuron(Outputs).dendrite(start, wait)])
    entries = [Outputs.middle.create_signal(payload) for payload in range(3)]
    if kind == "later turn":
        cns = CNS([*cns.neurons, neuron(Outputs).dendrite(start, emit)])
        entries = []
    await cns.stimulate([*entries, start.create_signal()])

    assert ran == [0, 1, 2]
    assert trace.outputs == [9]
    assert trace.responses[-1].queue_length == 0


async def test_a_task_without_an_input_stays_one_in_a_run_that_begins_to_be_heard() -> None:
    trace = Trace()
    door = asyncio.Event()

    async def wait(payload: object) -> None:
        await door.wait()

    waiting = neuron({}).dendrite(start, wait)
    cns = CNS([waiting])
    run = cns.activate([ActivationTask(waiting, start)])
    assert run.get_all_activation_tasks() == [ActivationTask(waiting, start)]
    cns.add_response_listener(trace.on_response)
    door.set()
    await run

    assert trace.responses[0].input_signal is None
    assert trace.responses[0].neuron is waiting


# ---- barriers ------------------------------------------------------------------------------------------------


async def test_subscribers_wait_for_an_asynchronous_listener() -> None:
    log: list[str] = []
    gate = Gate("middle")

    run = CNS([first(), second(log)]).stimulate(start.create_signal(), on_response=gate)
    await gate.reached.wait()
    await asyncio.sleep(0)
    before = list(log)
    gate.opened.set()
    await run

    assert before == []
    assert log == ["second"]


async def test_what_a_listener_holds_back_is_pending_and_not_active() -> None:
    told: list[str] = []

    async def yield_once(response: Response) -> None:
        told.append(counters(response))
        await asyncio.sleep(0)

    await CNS([first(), second([])]).stimulate(start.create_signal(), on_response=yield_once)

    assert told == ["1(1/0)", "1(1/0)", "0(0/0)"]


async def test_only_the_subscribers_of_that_response_are_held_back() -> None:
    log: list[str] = []
    gate = Gate("middle")
    passed = asyncio.Event()
    other = neuron({}).dendrite(Outputs.output, passed.set)

    run = CNS([second(log), other]).stimulate(
        [Outputs.middle.create_signal(1), Outputs.output.create_signal(2)], on_response=gate
    )
    await passed.wait()
    before = list(log)
    gate.opened.set()
    await run

    assert before == []
    assert log == ["second"]


async def test_listeners_of_one_response_run_side_by_side() -> None:
    calls: list[str] = []
    cns = CNS([first()])

    def listener(name: str) -> Callable[[Response], Any]:
        async def listen(response: Response) -> None:
            calls.append(f"{name} begins")
            await asyncio.sleep(0)
            calls.append(f"{name} ends")

        return listen

    cns.add_response_listener(listener("a"))
    cns.add_response_listener(listener("b"))
    await cns.stimulate(start.create_signal(), on_response=listener("l"))

    one = ["l begins", "a begins", "b begins", "l ends", "a ends", "b ends"]
    assert calls == one + one


async def test_the_run_ends_after_its_last_listener_has_settled() -> None:
    gate = Gate("output")
    run = CNS([first(), second([])]).stimulate(start.create_signal(), on_response=gate)
    await gate.reached.wait()
    await asyncio.sleep(0)
    assert not run.done

    gate.opened.set()
    await run

    assert run.done


def test_synchronous_listeners_leave_a_synchronous_run_complete() -> None:
    trace, log = Trace(), list[str]()

    run = CNS([first(), second(log)]).stimulate(start.create_signal(), on_response=trace.on_response)

    assert run.done
    assert len(trace.responses) == 3


async def test_a_listener_may_return_any_awaitable() -> None:
    log: list[str] = []
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    run = CNS([second(log)]).stimulate(
        Outputs.middle.create_signal(1), on_response=lambda r: future if label(r) == "middle" else None
    )
    await asyncio.sleep(0)
    before = list(log)
    future.set_result(None)
    await run

    assert (before, log) == ([], ["second"])


async def test_an_abort_behind_a_listener_takes_effect_when_it_settles() -> None:
    log: list[str] = []
    gate = Gate("middle")
    run = CNS([first(), second(log)]).stimulate(start.create_signal(), on_response=gate)
    await gate.reached.wait()

    run.abort("enough")
    await asyncio.sleep(0)
    still_open = not run.done
    gate.opened.set()
    with pytest.raises(StimulationAborted, match="enough"):
        await run

    assert still_open
    assert log == []
    assert [task.dendrite_collateral for task in run.get_outstanding_tasks()] == [Outputs.middle]


def test_an_asynchronous_listener_needs_an_event_loop_before_anything_runs() -> None:
    ran: list[int] = []

    async def listen(response: Response) -> None: ...

    cns = CNS([neuron({}).dendrite(start, lambda: ran.append(1))])
    with pytest.raises(EventLoopRequired, match="a response listener"):
        cns.stimulate(start.create_signal(), on_response=listen)
    cns.add_response_listener(listen)
    with pytest.raises(EventLoopRequired):
        cns.stimulate(start.create_signal())

    assert ran == []


def test_a_listener_that_turns_out_to_be_asynchronous_is_closed_where_no_loop_runs() -> None:
    async def later() -> None: ...

    with pytest.raises(EventLoopRequired):
        CNS([neuron({})]).stimulate(start.create_signal(), on_response=lambda _: later())


# ---- failures ------------------------------------------------------------------------------------------------


async def test_a_failing_listener_stops_nothing_and_the_run_raises_at_its_end() -> None:
    log: list[str] = []
    error = ValueError("local-fail")

    def fail(response: Response) -> None:
        if label(response) == "middle":
            raise error

    run = CNS([first(), second(log)]).stimulate(start.create_signal(), on_response=fail)
    with pytest.raises(StimulationFailed, match="1 failed listener") as failed:
        await run

    assert failed.value.exceptions == (error,)
    assert error.__notes__ == ["in a response listener"]
    assert log == ["second"]
    assert run.get_failed_tasks() == []


async def test_a_failing_asynchronous_listener_stops_neither_the_others_nor_the_run() -> None:
    log: list[str] = []
    cns = CNS([first(), second(log)])
    heard = Trace()

    async def fail(response: Response) -> None:
        await asyncio.sleep(0)
        raise ValueError("global-fail")

    async def listen(response: Response) -> None:
        await asyncio.sleep(0)
        heard.on_response(response)

    cns.add_response_listener(fail)
    cns.add_response_listener(listen)
    with pytest.raises(StimulationFailed, match="3 failed listeners"):
        await cns.stimulate(start.create_signal())

    assert len(heard.responses) == 3
    assert log == ["second"]


async def test_failures_of_tasks_and_of_listeners_are_raised_together() -> None:
    def fail(*_: object) -> None:
        raise ValueError

    with pytest.raises(StimulationFailed, match="1 failed task and 2 failed listeners") as failed:
        await CNS([neuron({}).dendrite(start, fail)]).stimulate(start.create_signal(), on_response=fail)

    assert len(failed.value.exceptions) == 3


async def test_a_listener_that_is_cancelled_stops_the_run_with_its_cancellation() -> None:
    log: list[str] = []

    async def listen(response: Response) -> None:
        raise asyncio.CancelledError

    run = CNS([first(), second(log)]).stimulate(start.create_signal(), on_response=listen)
    with pytest.raises(asyncio.CancelledError):
        await run

    assert log == []
    assert [task.dendrite_collateral for task in run.get_outstanding_tasks()] == [start]


def test_an_interrupt_of_a_listener_leaves_stimulate_at_once() -> None:
    log: list[str] = []
    runs: list[Any] = []

    def interrupt(response: Response) -> None:
        runs.append(response.stimulation)
        if label(response) == "middle":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        CNS([first(), second(log)]).stimulate(start.create_signal(), on_response=interrupt)

    assert log == []
    assert runs[0].done
    assert [task.dendrite_collateral for task in runs[0].get_outstanding_tasks()] == [Outputs.middle]


async def test_a_listener_may_add_tasks_to_its_run() -> None:
    log: list[str] = []
    step = second(log)
    again = ActivationTask(step, Outputs.middle, Outputs.middle.create_signal(1))

    def add(response: Response) -> None:
        if label(response) == "output" and len(log) < 3:
            response.stimulation.enqueue_tasks([again])

    await CNS([step]).stimulate(Outputs.middle.create_signal(1), on_response=add)

    assert log == ["second"] * 3
