"""Awaitable handlers are ordinary asyncio code, in their first step and in every later one, wherever they run.

The neurons of the chains here are driven in each way that the engine has: started by a synchronous turn, started beside
others, and adopted by the worker of the body before.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cnstra import CNS, Axon, Neuron, NeuronTimeout, Signal, Stimulation, StimulationFailed, collateral, neuron
from tests.core.traces import Trace

start = collateral(int, name="start")


class Outputs(Axon):
    step = collateral(int)
    beside = collateral(int)


Body = Callable[[], Awaitable[Any]]

variable = contextvars.ContextVar("variable", default="unset")


async def before(payload: int) -> Signal[int]:
    await asyncio.sleep(0)
    return Outputs.step.create_signal(payload)


async def before_two(payload: int) -> list[Signal[int]]:
    return [Outputs.beside.create_signal(payload), Outputs.step.create_signal(payload)]


def driven(body: Body, where: str) -> tuple[CNS[Any], Signal[int]]:
    """Return a graph that runs *body*, and the signal that makes it do so."""

    async def run(payload: int) -> None:
        await body()

    target: Neuron[Any] = neuron({}, name="target").dendrite(Outputs.step, run)
    ways: dict[str, list[Any]] = {"started": [], "adopted": [before], "beside others": [before_two]}
    others = ways[where]
    graph = [neuron(Outputs).dendrite(start, other) for other in others]
    graph.append(neuron({}).dendrite(Outputs.beside, lambda payload: asyncio.sleep(0)))
    entry = start if others else Outputs.step
    return CNS([*graph, target]), entry.create_signal(0)


everywhere = pytest.mark.parametrize("where", ["started", "adopted", "beside others"])
both_steps = pytest.mark.parametrize("suspends", [False, True], ids=["first step", "later step"])


@everywhere
@both_steps
async def test_a_time_out_works(where: str, *, suspends: bool) -> None:
    ended: list[str] = []

    async def body() -> None:
        if suspends:
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            ended.append("timed out")

    cns, signal = driven(body, where)
    await cns.stimulate(signal)

    assert ended == ["timed out"]


@everywhere
async def test_every_step_has_one_current_task(where: str) -> None:
    tasks: list[Any] = []

    async def body() -> None:
        for _ in range(3):
            tasks.append(asyncio.current_task())
            await asyncio.sleep(0)

    cns, signal = driven(body, where)
    await cns.stimulate(signal)

    assert len(set(tasks)) == 1
    assert isinstance(tasks[0], asyncio.Task)
    assert tasks[0] is not asyncio.current_task()


@everywhere
@both_steps
async def test_a_task_group_works(where: str, *, suspends: bool) -> None:
    ended: list[int] = []

    async def child(number: int) -> None:
        await asyncio.sleep(0)
        ended.append(number)

    async def body() -> None:
        if suspends:
            await asyncio.sleep(0)
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(child(number))

    cns, signal = driven(body, where)
    await cns.stimulate(signal)

    assert ended == [0, 1, 2]


@everywhere
async def test_a_failing_task_group_fails_the_task_with_its_group(where: str) -> None:
    async def fail() -> None:
        raise ValueError("child")

    async def body() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            await asyncio.Event().wait()

    cns, signal = driven(body, where)
    with pytest.raises(StimulationFailed) as failed:
        await cns.stimulate(signal)

    assert isinstance(failed.value.exceptions[0], ExceptionGroup)


@everywhere
async def test_gather_and_shield_and_wait_for_work(where: str) -> None:
    results: list[Any] = []

    async def value(number: int) -> int:
        await asyncio.sleep(0)
        return number

    async def body() -> None:
        results.append(await asyncio.gather(value(1), value(2)))
        results.append(await asyncio.shield(value(3)))
        results.append(await asyncio.wait_for(value(4), 10))

    cns, signal = driven(body, where)
    await cns.stimulate(signal)

    assert results == [[1, 2], 3, 4]


@everywhere
async def test_a_handler_sees_the_variables_of_whoever_started_the_run(where: str) -> None:
    seen: list[str] = []

    async def body() -> None:
        seen.append(variable.get())
        await asyncio.sleep(0)
        seen.append(variable.get())

    cns, signal = driven(body, where)
    variable.set("callers")
    run = cns.stimulate(signal)
    variable.set("changed later")
    await run

    assert seen == ["callers", "callers"]


async def test_a_variable_that_one_handler_sets_stays_its_own() -> None:
    seen: list[str] = []

    async def change(payload: int) -> Signal[int] | None:
        seen.append(variable.get())
        variable.set(f"set by {payload}")
        await asyncio.sleep(0)
        seen.append(variable.get())
        return start.create_signal(payload + 1) if payload < 2 else None

    await CNS([neuron({"start": start}).dendrite(start, change)]).stimulate(start.create_signal(0))

    assert seen == ["unset", "set by 0", "unset", "set by 1", "unset", "set by 2"]
    assert variable.get() == "unset"


async def test_a_variable_that_a_handler_sets_behind_a_listener_stays_its_own() -> None:
    seen: list[str] = []

    def change(payload: int) -> Signal[int] | None:
        seen.append(variable.get())
        variable.set("set")
        return start.create_signal(payload + 1) if payload < 2 else None

    await CNS([neuron({"start": start}).dendrite(start, change)]).stimulate(
        start.create_signal(0), on_response=lambda _: asyncio.sleep(0)
    )

    assert seen == ["unset"] * 3


# ---- when bodies start and settle ------------------------------------------------------------------------------


async def test_a_body_starts_inside_stimulate_and_never_settles_there() -> None:
    log: list[str] = []

    async def run(payload: int) -> None:
        log.append("ran")

    run_under_way = CNS([neuron({}).dendrite(start, run)]).stimulate(start.create_signal(0))

    assert log == ["ran"]
    assert not run_under_way.done
    await run_under_way
    assert run_under_way.done


async def test_bodies_settle_in_the_order_in_which_they_end() -> None:
    settled: list[int] = []
    doors = [asyncio.Event() for _ in range(3)]

    async def wait(payload: int) -> Signal[int]:
        await doors[payload].wait()
        return Outputs.step.create_signal(payload)

    cns = CNS([neuron(Outputs).dendrite(start, wait), neuron({}).dendrite(Outputs.step, settled.append)])
    run = cns.stimulate([start.create_signal(number) for number in range(3)])
    for number in (2, 0, 1):
        doors[number].set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await run

    assert settled == [2, 0, 1]


async def test_the_event_loop_goes_round_while_bodies_follow_each_other_without_suspending() -> None:
    rounds = 0

    async def count(payload: int) -> Signal[int] | None:
        return start.create_signal(payload + 1) if payload < 2000 else None

    def go_round() -> None:
        nonlocal rounds
        rounds += 1
        asyncio.get_running_loop().call_soon(go_round)

    go_round()
    await CNS([neuron({"start": start}).dendrite(start, count)]).stimulate(start.create_signal(0))

    assert rounds > 10


@everywhere
async def test_a_coroutine_function_takes_as_many_arguments_as_it_wants(where: str) -> None:
    got: list[tuple[Any, ...]] = []

    async def none() -> None:
        got.append(())

    async def two(payload: int, axon: Outputs) -> None:
        got.append((payload, type(axon)))

    async def three(payload: int, axon: Outputs, ctx: Any) -> None:
        got.append((payload, type(axon), ctx.cns))

    handlers: list[Any] = [none, two, three]
    for handler in handlers:
        target = neuron(Outputs).dendrite(Outputs.step, handler)
        beside = neuron({}).dendrite(Outputs.beside, none if where == "beside others" else lambda: None)
        source = neuron(Outputs).dendrite(start, before_two if where == "beside others" else before)
        await CNS([source, target, beside]).stimulate((Outputs.step if where == "started" else start).create_signal(1))

    assert [len(arguments) for arguments in got if arguments] == [2, 3]
    assert got.count(()) == (4 if where == "beside others" else 1)


class Pretender:
    """Says that it is a coroutine function, and then does as it likes."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.act = act

        async def pretended(payload: int) -> None: ...

        vars(self)["__call__"] = pretended  # what one sees; Python calls that of the class

    def __call__(self, payload: int) -> Any:
        return self.act()


def fail() -> None:
    raise ValueError


def interrupt() -> None:
    raise asyncio.CancelledError


pretenders = pytest.mark.parametrize("options", [{}, {"on_response": lambda _: None}], ids=["plain", "watched"])


@pretenders
@pytest.mark.parametrize("concurrency", [None, 1])
async def test_a_coroutine_function_may_turn_out_to_be_none(options: dict[str, Any], concurrency: int | None) -> None:
    got: list[int] = []
    pretender = Pretender(lambda: Outputs.beside.create_signal(1))
    graph = [
        neuron(Outputs).dendrite(start, before),
        neuron(Outputs, concurrency=concurrency).dendrite(Outputs.step, pretender),
        neuron({}).dendrite(Outputs.beside, got.append),
    ]

    await CNS(graph).stimulate(start.create_signal(0), **options)

    assert got == [1]


@pretenders
@pytest.mark.parametrize("act", [fail, interrupt])
@pytest.mark.parametrize("entry", [start, Outputs.step], ids=["later turn", "first turn"])
async def test_a_call_that_raises_before_there_is_a_coroutine_is_a_failure_or_an_interrupt(
    options: dict[str, Any], act: Callable[[], Any], entry: Any
) -> None:
    cns = CNS([neuron(Outputs).dendrite(start, before), neuron({}, name="it").dendrite(Outputs.step, Pretender(act))])

    runs: list[Stimulation] = []
    cns.add_drain_listener(lambda drain: runs.append(drain.stimulation))
    with pytest.raises(StimulationFailed if act is fail else asyncio.CancelledError):
        await cns.stimulate(entry.create_signal(0), **options)

    assert [task.neuron.label for task in runs[-1].get_outstanding_tasks()] == ["it"]


async def test_a_thread_that_never_began_never_begins_after_its_time_out() -> None:
    release, ran = threading.Event(), list[int]()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    busy = asyncio.get_running_loop().run_in_executor(None, release.wait)
    blocking = neuron({}, concurrency=1, max_duration=0.001).dendrite(start, ran.append, in_thread=True)
    cns = CNS([blocking])

    with pytest.raises(StimulationFailed):
        await cns.stimulate(start.create_signal(1))
    release.set()
    await busy
    await asyncio.get_running_loop().run_in_executor(None, lambda: None)

    assert ran == []
    assert cns._limits[blocking]._taken == 0


async def test_the_time_limit_holds_for_an_awaitable_inside_an_awaitable() -> None:
    async def inner() -> None:
        await asyncio.Event().wait()

    async def outer(payload: int) -> Any:
        return inner()

    with pytest.raises(StimulationFailed, match="1 failed task") as failed:
        await CNS([neuron({}, max_duration=0.001).dendrite(start, outer)]).stimulate(start.create_signal(1))

    assert isinstance(failed.value.exceptions[0], NeuronTimeout)


async def test_a_handler_that_fails_while_it_is_cancelled_has_timed_out() -> None:
    async def stubborn(payload: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("cannot clean up")

    with pytest.raises(StimulationFailed) as failed:
        await CNS([neuron({}, max_duration=0.001).dendrite(start, stubborn)]).stimulate(start.create_signal(1))

    assert isinstance(failed.value.exceptions[0], NeuronTimeout)
    assert str(failed.value.exceptions[0].__cause__) == "cannot clean up"


# ---- cancellation ----------------------------------------------------------------------------------------------


def worker_of(run: Stimulation) -> asyncio.Task[Any]:
    """Return the one task that drives a body of *run*."""
    (task,) = run.bodies()
    return task


async def test_cancelling_who_awaits_a_run_does_not_cancel_the_run() -> None:
    door, log = asyncio.Event(), list[str]()

    async def wait(payload: int) -> None:
        await door.wait()
        log.append("done")

    run = CNS([neuron({}).dendrite(start, wait)]).stimulate(start.create_signal(0))
    waiting = [asyncio.ensure_future(run.wait_until_complete()) for _ in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    door.set()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert waiting[0].cancelled()
    assert not waiting[1].cancelled()
    assert log == ["done"]
    assert run._waiters == []


@everywhere
@both_steps
async def test_a_cancelled_body_stops_the_run_and_stays_in_the_frontier(where: str, *, suspends: bool) -> None:
    cleaned: list[str] = []
    reached = asyncio.Event()

    async def body() -> None:
        try:
            if suspends:
                await asyncio.sleep(0)
            reached.set()
            await asyncio.Event().wait()
        finally:
            cleaned.append("cleaned")

    cns, signal = driven(body, where)
    run = cns.stimulate(signal)
    await reached.wait()
    tasks = [task for activation, task in run._active.items() if activation.subscriber.neuron.name == "target"]
    tasks[0].cancel("outside")
    with pytest.raises(asyncio.CancelledError):
        await run

    assert cleaned == ["cleaned"]
    assert [task.neuron.label for task in run.get_outstanding_tasks()] == ["target"]
    assert run.get_failed_tasks()[0].aborted


async def test_a_body_that_is_cancelled_before_its_task_has_begun_gets_the_cancellation() -> None:
    seen: list[str] = []

    async def wait(payload: int) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    run = CNS([neuron({}).dendrite(start, wait)]).stimulate(start.create_signal(0))
    worker_of(run).cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert seen == ["cancelled"]


async def test_what_a_body_has_done_counts_although_its_worker_is_cancelled_before_it_could_say_so() -> None:
    ran: list[int] = []

    async def count(payload: int) -> Signal[int]:
        ran.append(payload)
        return Outputs.step.create_signal(payload + 1)

    cns = CNS([neuron(Outputs).dendrite(start, count), neuron({}).dendrite(Outputs.step, ran.append)])
    run = cns.stimulate(start.create_signal(0))
    worker_of(run).cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await cns.activate(run.get_outstanding_tasks())

    assert ran == [0, 1]


async def test_a_body_may_swallow_its_cancellation() -> None:
    trace = Trace()

    async def stubborn(payload: int) -> Signal[int]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return Outputs.step.create_signal(1)
        return Outputs.step.create_signal(0)

    async def after(payload: int) -> None:
        await asyncio.sleep(0)

    run = CNS([neuron(Outputs).dendrite(start, stubborn), neuron({}).dendrite(Outputs.step, after)]).stimulate(
        start.create_signal(0), on_response=trace.on_response
    )
    await asyncio.sleep(0)
    worker_of(run).cancel()
    await run

    assert trace.outputs == [1]


def test_the_end_of_the_event_loop_ends_the_run() -> None:
    cleaned: list[str] = []

    async def forever(payload: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("cleaned")

    cns = CNS([neuron({}, concurrency=1).dendrite(start, forever)])

    async def leave_it() -> Stimulation:
        return cns.stimulate([start.create_signal(0), start.create_signal(1)])

    run = asyncio.run(leave_it())

    assert run.done
    assert cleaned == ["cleaned"]
    assert len(run.get_outstanding_tasks()) == 2
    assert asyncio.run(leave_it()).done  # the slot is free again


async def test_a_run_lives_as_long_as_it_is_under_way_although_nobody_holds_it() -> None:
    door, done = asyncio.Event(), asyncio.Event()

    async def wait(payload: int) -> None:
        await door.wait()
        done.set()

    CNS([neuron({}).dendrite(start, wait)]).stimulate(start.create_signal(0))
    gc.collect()
    door.set()

    await done.wait()
