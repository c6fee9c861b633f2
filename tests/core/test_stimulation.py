"""A run as its caller sees it: awaiting it, looking at it, adding to it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cnstra import CNS, ActivationTask, Axon, Neuron, Signal, Stimulation, StimulationAborted, collateral, neuron
from cnstra.errors import EventLoopRequired
from tests.core.traces import Trace

start = collateral(int, name="start")


class Outputs(Axon):
    step = collateral(int)
    other = collateral(int)


async def briefly(payload: int) -> None:
    await asyncio.sleep(0)


def payloads(tasks: list[ActivationTask]) -> list[int | None]:
    return [None if task.input is None else task.input.payload for task in tasks]


# ---- awaiting --------------------------------------------------------------------------------------------------


async def test_awaiting_a_run_is_waiting_for_its_end() -> None:
    ended: list[int] = []

    async def end(payload: int) -> None:
        await asyncio.sleep(0)
        ended.append(payload)

    cns = CNS([neuron({}).dendrite(start, end)])
    await cns.stimulate(start.create_signal(1))
    await cns.stimulate(start.create_signal(2)).wait_until_complete()
    run = cns.stimulate(start.create_signal(3))
    await asyncio.gather(run, run.wait_until_complete(), run)
    await run

    assert ended == [1, 2, 3]


async def test_firing_and_forgetting_returns_at_once() -> None:
    run = CNS([neuron({}).dendrite(start, briefly)]).stimulate(start.create_signal(1))

    assert isinstance(run, Stimulation)
    assert not run.done
    await run


def test_a_run_may_be_awaited_in_another_event_loop() -> None:
    door: list[Any] = []
    done: list[str] = []

    async def wait(payload: int) -> None:
        door.append((asyncio.get_running_loop(), event := asyncio.Event()))
        await event.wait()

    async def elsewhere(run: Stimulation) -> None:
        waiting = asyncio.ensure_future(run.wait_until_complete())
        await asyncio.sleep(0)
        loop, event = door[0]
        loop.call_soon_threadsafe(event.set)
        await waiting
        done.append("elsewhere")

    async def main() -> None:
        run = CNS([neuron({}).dendrite(start, wait)]).stimulate(start.create_signal(1))
        await asyncio.to_thread(asyncio.run, elsewhere(run))
        await run
        done.append("here")

    asyncio.run(main())

    assert done == ["elsewhere", "here"]


async def test_who_is_cancelled_at_the_very_end_leaves_no_trace() -> None:
    door = asyncio.Event()

    async def wait(payload: int) -> None:
        await door.wait()

    run = CNS([neuron({}).dendrite(start, wait)]).stimulate(start.create_signal(1))
    waiting = asyncio.ensure_future(run.wait_until_complete())
    await asyncio.sleep(0)
    door.set()
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await run

    assert run.done


# ---- the frontier ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"on_response": lambda _: None}], ids=["plain", "watched"])
def test_a_handler_sees_itself_first_and_then_what_waits(options: dict[str, Any]) -> None:
    seen: list[list[int | None]] = []

    def look(payload: int, axon: object, ctx: Any) -> None:
        seen.append(payloads(ctx.stimulation.get_all_activation_tasks()))

    CNS([neuron({}).dendrite(start, look)]).stimulate([start.create_signal(n) for n in range(3)], **options)

    assert seen == [[0, 1, 2], [1, 2], [2]]


async def test_the_frontier_has_the_active_the_waiting_the_failed_and_the_held() -> None:
    door = asyncio.Event()

    async def wait(payload: int) -> None:
        await door.wait()

    def fail(payload: int) -> None:
        raise ValueError

    cns = CNS(
        [
            neuron({}, concurrency=1).dendrite(start, wait),
            neuron({}).dendrite(Outputs.step, fail),
            neuron({}).dendrite(Outputs.other, lambda payload: None),
        ]
    )
    run = cns.stimulate(
        [start.create_signal(1), start.create_signal(2), Outputs.step.create_signal(3), Outputs.other.create_signal(4)],
        on_response=lambda r: door.wait() if r.output_signal and r.output_signal.payload == 4 else None,
    )

    frontier = payloads(run.get_outstanding_tasks())
    door.set()
    await run.wait_quietly()

    assert frontier == [1, 2, 4, 3]
    assert payloads(run.get_outstanding_tasks()) == [3]
    run.get_failed_tasks()


def test_activations_show_what_they_are() -> None:
    cns = CNS([neuron({}, name="shown").dendrite(start, lambda payload: None)])
    (activation,) = cns.activations_of([ActivationTask(cns.neurons[0], start, start.create_signal(1))])

    assert repr(activation) == "<Activation of neuron shown on start>"
    assert repr(activation.subscriber) == "<Subscriber neuron shown on start>"
    assert repr(activation.subscriber.dendrite) == "<Dendrite on start>"


# ---- starting from tasks, and adding tasks ---------------------------------------------------------------------


def failing_start(handler: Any) -> tuple[CNS[Any], ActivationTask]:
    broken: Neuron[Any] = neuron({}).dendrite(start, handler)
    return CNS([broken]), ActivationTask(broken, start, start.create_signal(1))


def test_an_interrupt_leaves_activate_as_it_leaves_stimulate() -> None:
    def interrupt(payload: int) -> None:
        raise KeyboardInterrupt

    cns, task = failing_start(interrupt)

    with pytest.raises(KeyboardInterrupt):
        cns.activate([task])


def test_a_coroutine_function_needs_an_event_loop_when_tasks_start_the_run(caplog: pytest.LogCaptureFixture) -> None:
    cns, task = failing_start(briefly)

    with pytest.raises(EventLoopRequired):
        cns.activate([task])

    assert caplog.records == []


async def test_tasks_that_are_added_keep_context_values_alive() -> None:
    door = asyncio.Event()

    def remember(payload: int, axon: object, ctx: Any) -> None:
        ctx.set((ctx.get() or 0) + payload)

    async def wait(payload: int, axon: object, ctx: Any) -> Signal[int]:
        await door.wait()
        return Outputs.step.create_signal(payload)

    remembering = neuron({}).dendrite(Outputs.step, remember)
    cns = CNS([neuron(Outputs).dendrite(start, wait), remembering], auto_cleanup_contexts=True)
    run = cns.stimulate(start.create_signal(1))
    added = Outputs.step.create_signal(10)
    run.enqueue_tasks([ActivationTask(remembering, Outputs.step, added)])
    while_alive = run.get_context().get(remembering)
    door.set()
    await run

    assert while_alive == 10
    assert run.get_context().get(remembering) is None


async def test_a_task_without_an_input_may_be_added() -> None:
    got: list[object] = []

    def take(payload: int, axon: object, ctx: Any) -> None:
        got.append(payload)
        if payload is not None:
            ctx.stimulation.enqueue_tasks([ActivationTask(taking, start)])

    taking = neuron({}).dendrite(start, take)
    await CNS([taking]).stimulate(start.create_signal(1))

    assert got == [1, None]


# ---- aborting --------------------------------------------------------------------------------------------------


async def test_a_handler_that_asks_after_the_abort_sees_it() -> None:
    seen: list[object] = []

    async def ask(payload: int, axon: object, ctx: Any) -> None:
        ctx.stimulation.abort("late")
        seen.append(ctx.abort_signal.reason)
        await asyncio.sleep(0)

    await CNS([neuron({}).dendrite(start, ask)]).stimulate(start.create_signal(1))

    assert seen == ["late"]


def test_an_abort_after_the_event_loop_was_closed_is_harmless() -> None:
    loop = asyncio.new_event_loop()

    async def begin() -> Stimulation:
        return CNS([neuron({}).dendrite(start, lambda payload: None)]).stimulate(
            start.create_signal(1), on_response=lambda _: loop.create_future()
        )

    run = loop.run_until_complete(begin())
    loop.close()

    run.abort()

    assert payloads(run.get_outstanding_tasks()) == [1]


def test_a_run_whose_event_loop_is_gone_keeps_no_slot() -> None:
    ran: list[int] = []
    door: list[asyncio.Event] = []

    async def wait(payload: int) -> None:
        ran.append(payload)
        door.append(asyncio.Event())
        await door[-1].wait()

    cns = CNS([neuron({}, concurrency=1).dendrite(start, wait)])

    async def begin(payload: int) -> Stimulation:
        return cns.stimulate(start.create_signal(payload))

    async def main() -> None:
        holder = await begin(1)
        dead = asyncio.new_event_loop()
        await asyncio.to_thread(lambda: (dead.run_until_complete(begin(2)), dead.close()))
        patient = await begin(3)
        door[0].set()
        await holder
        while len(door) < 2:  # noqa: ASYNC110 - made by the handler
            await asyncio.sleep(0)
        door[1].set()
        await patient

    asyncio.run(main())

    assert ran == [1, 3]


async def test_a_run_that_waits_for_a_slot_is_heard_when_it_goes_on() -> None:
    door, trace = asyncio.Event(), Trace()

    async def wait(payload: int) -> None:
        await door.wait()

    cns = CNS([neuron({}, concurrency=1).dendrite(start, wait)])
    holder = cns.stimulate(start.create_signal(1))
    waiting = cns.stimulate(start.create_signal(2))
    cns.add_response_listener(trace.on_response)
    door.set()
    await holder
    await waiting

    assert [response.stimulation for response in trace.responses] == [holder, waiting]


async def test_an_abort_of_a_run_that_has_no_company_leaves_nothing_behind() -> None:
    cns = CNS([neuron({}).dendrite(start, briefly)])
    run = cns.stimulate([start.create_signal(1), start.create_signal(2)], concurrency=1)
    run.abort()
    with pytest.raises(StimulationAborted):
        await run

    assert cns._live == set()
