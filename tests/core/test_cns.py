from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from cnstra import (
    CNS,
    ActivationTask,
    Axon,
    Collateral,
    HandlerContext,
    Signal,
    Stimulation,
    StimulationAborted,
    StimulationFailed,
    collateral,
    neuron,
)
from cnstra.errors import EventLoopRequired, GraphError, RunFinished, SubscriberNotFound
from tests.core.traces import Trace

started = collateral(int, name="started")


class Outputs(Axon):
    done = collateral(int)


def double(payload: int, axon: Outputs) -> Signal[int]:
    return axon.done.create_signal(payload * 2)


async def double_later(payload: int, axon: Outputs) -> Signal[int]:
    await asyncio.sleep(0)
    return axon.done.create_signal(payload * 2)


async def abort_own_run(payload: int, axon: object, ctx: HandlerContext) -> None:
    ctx.stimulation.abort("enough")
    await asyncio.sleep(0)


def test_an_empty_list_of_signals_is_a_run_with_one_response() -> None:
    trace = Trace()

    run = CNS([]).stimulate([], on_response=trace.on_response, on_drain=trace.on_drain)

    assert run.done
    assert (trace.counters, trace.drains) == ("0(0/0)", "0(0/0)")
    (response,) = trace.responses
    assert (response.input_signal, response.output_signal, response.neuron) == (None, None, None)


def test_an_empty_list_of_tasks_is_a_run_that_is_complete() -> None:
    trace = Trace()

    run = CNS([]).activate([], on_response=trace.on_response, on_drain=trace.on_drain)

    assert run.done
    assert (trace.counters, trace.drains) == ("", "0(0/0)")


def test_a_signal_that_nobody_listens_to_is_a_run_with_one_response() -> None:
    trace = Trace()

    run = CNS([neuron(Outputs)]).stimulate(started.create_signal(1), on_response=trace.on_response)

    assert run.done
    assert trace.counters == "0(0/0)"


@pytest.mark.parametrize("given", [None, 5, started, "started", [started], [None], {}], ids=range(7))
def test_only_signals_start_a_run(given: Any) -> None:
    with pytest.raises(GraphError, match=r"stimulate\(\) takes a signal or a list of signals"):
        CNS([]).stimulate(given)


def test_a_tuple_of_signals_starts_a_run_as_a_list_does() -> None:
    seen: list[int] = []

    CNS([neuron({}).dendrite(started, seen.append)]).stimulate((started.create_signal(1), started.create_signal(2)))

    assert seen == [1, 2]


@pytest.mark.parametrize("option", ["on_response", "on_drain"])
def test_a_listener_that_cannot_be_called_is_refused(option: str) -> None:
    options: dict[str, Any] = {option: 5}

    with pytest.raises(GraphError, match=f"{option} is 5, which cannot be called"):
        CNS([]).stimulate(started.create_signal(1), **options)


async def test_an_asynchronous_drain_listener_is_refused() -> None:
    async def listen(drain: object) -> None:
        pass

    with pytest.raises(GraphError, match="a drain listener must not be asynchronous"):
        CNS([]).stimulate([], on_drain=listen)
    with pytest.raises(GraphError, match="a drain listener must not be asynchronous"):
        CNS([]).add_drain_listener(listen)


def test_global_listeners_must_be_callable() -> None:
    with pytest.raises(GraphError, match="a response listener must be callable, not 5"):
        CNS([]).add_response_listener(5)  # type: ignore[arg-type]
    with pytest.raises(GraphError, match="a drain listener must be callable, not 5"):
        CNS([]).add_drain_listener(5)  # type: ignore[arg-type]


def test_a_neuron_that_is_given_twice_is_refused() -> None:
    parser = neuron(Outputs, name="parser").dendrite(started, double)

    with pytest.raises(GraphError, match="neuron parser is given twice"):
        CNS([parser, parser])


@pytest.mark.parametrize("other", [None, started, Outputs, "parser"], ids=range(4))
def test_a_graph_is_built_of_neurons_only(other: Any) -> None:
    with pytest.raises(GraphError, match="a CNS is built of neurons, not of"):
        CNS([neuron(Outputs), other])


def test_a_graph_that_was_refused_freezes_nothing() -> None:
    parser = neuron(Outputs)
    with pytest.raises(GraphError):
        CNS([parser, parser])

    parser.dendrite(started, double)


def test_neurons_may_come_from_any_iterable() -> None:
    parser = neuron(Outputs).dendrite(started, double)

    cns = CNS(one for one in [parser])

    assert list(cns.neurons) == [parser]
    assert repr(cns) == "<CNS of 1 neurons>"


def test_several_graphs_may_share_a_neuron() -> None:
    seen: list[int] = []
    shared = neuron({}).dendrite(started, seen.append)

    for cns in (CNS([shared]), CNS([shared])):
        cns.stimulate(started.create_signal(1))

    assert seen == [1, 1]


def test_a_collateral_that_is_not_in_the_axon_is_delivered() -> None:
    seen: list[int] = []
    foreign = collateral(int)
    source = neuron({}).dendrite(started, foreign.create_signal)

    CNS([source, neuron({}).dendrite(foreign, seen.append)]).stimulate(started.create_signal(3))

    assert seen == [3]


def unroutable(*, known: bool) -> tuple[CNS[Any], ActivationTask]:
    parser = neuron(Outputs, name="parser").dendrite(started, double)
    return CNS([parser] if known else []), ActivationTask(parser, Outputs.done, Outputs.done.create_signal(1))


@pytest.mark.parametrize("known", [True, False])
def test_a_task_that_the_graph_cannot_route_fails_and_ends_the_run(known: bool) -> None:  # noqa: FBT001 - a parameter
    cns, task = unroutable(known=known)
    trace = Trace()

    run = cns.activate([task], on_response=trace.on_response)

    (response,) = trace.responses
    (failure,) = run.get_failed_tasks()
    assert trace.counters == "0(0/0)"
    assert response.neuron is None
    assert response.error is failure.error
    assert failure.task == task
    assert isinstance(failure.error, SubscriberNotFound)


def test_a_task_that_the_graph_cannot_route_fails_without_a_listener_too() -> None:
    cns, task = unroutable(known=True)

    assert len(cns.activate([task]).get_failed_tasks()) == 1


def test_tasks_are_activated_in_the_order_in_which_they_are_given() -> None:
    seen: list[str] = []
    first = neuron({}).dendrite(started, lambda payload: seen.append(f"first {payload}"))
    second = neuron({}).dendrite(started, lambda payload: seen.append(f"second {payload}"))
    tasks = [ActivationTask(one, started, started.create_signal(n)) for n in (1, 2) for one in (second, first)]

    CNS([first, second]).activate(tasks)

    assert seen == ["second 1", "first 1", "second 2", "first 2"]


def test_a_task_names_its_dendrite() -> None:
    seen: list[str] = []
    both = neuron({}).dendrite(started, lambda: seen.append("first")).dendrite(started, lambda: seen.append("second"))

    CNS([both]).activate([ActivationTask(both, started, started.create_signal(1), dendrite_index=1)])

    assert seen == ["second"]


@pytest.mark.parametrize("on_response", [None, lambda response: None], ids=["plain", "watched"])
def test_a_task_without_an_input_activates_with_no_payload(on_response: Any) -> None:
    seen: list[Any] = []
    parser = neuron({}).dendrite(started, seen.append)

    CNS([parser]).activate([ActivationTask(parser, started)], on_response=on_response).get_failed_tasks()

    assert seen == [None]


def test_only_what_failed_runs_again_where_a_neuron_has_two_dendrites_on_one_collateral() -> None:
    ran: list[str] = []
    problems = [ValueError("once")]

    def second(payload: int) -> None:
        ran.append("second")
        if problems:
            raise problems.pop()

    both = neuron({}).dendrite(started, lambda payload: ran.append("first")).dendrite(started, second)
    cns = CNS([both])
    run = cns.stimulate(started.create_signal(1))

    cns.activate(run.get_failed_tasks(), ctx=run.get_context())

    assert ran == ["first", "second", "second"]


async def test_tasks_may_be_added_to_a_run_under_way() -> None:
    released, seen = asyncio.Event(), list[int]()

    async def wait(payload: int) -> None:
        await released.wait()

    waiting, other = neuron({}).dendrite(started, wait), neuron({}).dendrite(Outputs.done, seen.append)
    run = CNS([waiting, other]).stimulate(started.create_signal(1))

    run.enqueue_tasks([ActivationTask(other, Outputs.done, Outputs.done.create_signal(5))])
    assert seen == [5]
    released.set()
    await run

    with pytest.raises(RunFinished):
        run.enqueue_tasks([])


def test_run_blocks_until_the_end_and_returns_the_run() -> None:
    seen: list[int] = []
    cns = CNS([neuron(Outputs).dendrite(started, double_later), neuron({}).dendrite(Outputs.done, seen.append)])

    run = cns.run(started.create_signal(3))

    assert isinstance(run, Stimulation)
    assert run.done
    assert seen == [6]


def test_run_takes_the_options_of_a_run() -> None:
    trace = Trace()

    CNS([neuron(Outputs).dendrite(started, double_later)]).run(
        started.create_signal(3), on_response=trace.on_response, concurrency=1
    )

    assert trace.outputs == [6]


def test_run_raises_what_awaiting_the_run_raises() -> None:
    problem = ValueError("broken")

    def fail(payload: int) -> None:
        raise problem

    with pytest.raises(StimulationFailed) as failed:
        CNS([neuron({}).dendrite(started, fail)]).run(started.create_signal(1))
    assert failed.value.exceptions == (problem,)

    aborting = neuron(Outputs).dendrite(started, abort_own_run).dendrite(started, double)
    with pytest.raises(StimulationAborted):
        CNS([aborting]).run(started.create_signal(1), concurrency=1)


async def test_run_is_refused_where_an_event_loop_runs() -> None:
    with pytest.raises(RuntimeError, match=r"use `await cns.stimulate\(\.\.\.\)`"):
        CNS([]).run(started.create_signal(1))


def test_an_asynchronous_handler_needs_an_event_loop_and_is_not_called_without() -> None:
    called: list[int] = []

    async def later(payload: int) -> None:
        called.append(payload)

    cns = CNS([neuron({}, name="parser").dendrite(started, later)])
    with pytest.raises(EventLoopRequired, match="the handler of neuron parser on started is asynchronous"):
        cns.stimulate(started.create_signal(1))

    assert called == []


def test_a_synchronous_run_needs_no_event_loop() -> None:
    run = CNS([neuron(Outputs).dendrite(started, double)]).stimulate(started.create_signal(1))

    assert run.done


async def test_a_nested_run_is_another_run() -> None:
    trace, runs = Trace(), list[Stimulation]()

    async def nest(payload: int, axon: object, ctx: HandlerContext) -> None:
        inner = ctx.cns.stimulate(Outputs.done.create_signal(payload))
        runs.extend([ctx.stimulation, inner])
        await inner

    cns = CNS([neuron({}).dendrite(started, nest), neuron(Outputs).dendrite(Outputs.done, sleep_once)])
    outer = cns.stimulate(started.create_signal(1), on_drain=trace.on_drain)
    await outer

    assert runs[0] is outer
    assert runs[1] is not outer
    assert trace.drains == "1(0/1) 0(0/0)"


async def sleep_once(payload: int) -> None:
    await asyncio.sleep(0)


async def test_the_failure_of_a_nested_run_can_become_a_signal() -> None:
    async def nest(payload: int, axon: Outputs, ctx: HandlerContext) -> Signal[int]:
        try:
            await ctx.cns.stimulate(inner.create_signal(payload))
        except StimulationFailed as failed:
            return axon.done.create_signal(len(failed.exceptions))
        return axon.done.create_signal(0)

    def fail(payload: int) -> None:
        raise ValueError

    inner: Collateral[int] = collateral(int)
    seen: list[int] = []
    cns = CNS(
        [
            neuron(Outputs).dendrite(started, nest),
            neuron({}).dendrite(inner, fail),
            neuron({}).dendrite(Outputs.done, seen.append),
        ]
    )

    await cns.stimulate(started.create_signal(1))

    assert seen == [1]


def test_a_synchronous_handler_may_start_a_run_inside_a_run() -> None:
    log: list[str] = []

    def nest(payload: int, axon: object, ctx: HandlerContext) -> None:
        log.append(f"in {payload}")
        if payload:
            assert ctx.cns.stimulate(started.create_signal(payload - 1)).done
        log.append(f"out {payload}")

    CNS([neuron({}).dendrite(started, nest)]).stimulate(started.create_signal(2))

    assert log == ["in 2", "in 1", "in 0", "out 0", "out 1", "out 2"]


def test_a_million_hops_in_a_ring_keep_memory_flat() -> None:
    ping, pong = collateral(int), collateral(int)

    def forward(payload: int) -> Signal[int]:
        if payload in (100_000, 900_000):
            blocks.append(sys.getallocatedblocks())
        return pong.create_signal(payload + 1)

    def back(payload: int) -> Signal[int] | None:
        return ping.create_signal(payload + 1) if payload < 999_999 else None

    blocks: list[int] = []
    cns = CNS([neuron({"pong": pong}).dendrite(ping, forward), neuron({"ping": ping}).dendrite(pong, back)])

    run = cns.stimulate(ping.create_signal(0))

    assert run.hop_count == 1_000_000
    assert blocks[1] - blocks[0] < 1_000


def test_a_chain_of_10_000_neurons_runs() -> None:
    links: list[Collateral[int]] = [collateral(int) for _ in range(10_001)]

    def step(target: Collateral[int]) -> Any:
        return lambda payload: target.create_signal(payload + 1)

    chain = [neuron({}).dendrite(links[n], step(links[n + 1])) for n in range(10_000)]
    seen: list[int] = []

    CNS([*chain, neuron({}).dendrite(links[-1], seen.append)]).stimulate(links[0].create_signal(0))

    assert seen == [10_000]


async def test_an_asynchronous_ring_of_20_000_hops_does_not_recurse() -> None:
    again = collateral(int)

    async def loop(payload: int) -> Signal[int] | None:
        return again.create_signal(payload + 1) if payload < 20_000 else None

    run = CNS([neuron({"again": again}).dendrite(again, loop)]).stimulate(again.create_signal(0))
    await run

    assert run.hop_count == 20_001


@pytest.mark.parametrize("given", ["text", 1, [1], None, [None]])
def test_only_tasks_can_be_activated(given: Any) -> None:
    with pytest.raises(GraphError, match="tasks are a list of ActivationTask or TaskFailure"):
        CNS([]).activate(given)


def test_a_task_that_is_not_in_a_list_is_refused() -> None:
    listening = neuron({}).dendrite(started, lambda: None)

    with pytest.raises(GraphError, match="tasks are a list"):
        CNS([listening]).activate(ActivationTask(listening, started))  # type: ignore[arg-type]  # the point


def test_any_iterable_of_tasks_can_be_activated() -> None:
    assert CNS([]).activate(iter(())).done
