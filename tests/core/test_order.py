"""First in, first out: whoever emits, whatever its kind, whoever listens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cnstra import CNS, Axon, Collateral, Neuron, Signal, collateral, neuron
from tests.core.traces import Trace

start = collateral(name="start")


class Outputs(Axon):
    x = collateral(int)
    y = collateral(int)
    x1 = collateral(int)
    y1 = collateral(int)


def relay(
    name: str, listens: Collateral[Any], emits: list[Collateral[int]], *, kind: str, log: list[str]
) -> Neuron[Any]:
    """Return a neuron that notes its name and emits on all of *emits*."""

    def run() -> list[Signal[int]]:
        log.append(name)
        return [output.create_signal(0) for output in emits]

    async def run_at_once() -> list[Signal[int]]:
        return run()

    async def run_later() -> list[Signal[int]]:
        await asyncio.sleep(0)
        return run()

    handlers: dict[str, Callable[[], Any]] = {"sync": run, "brief": run_at_once, "later": run_later}
    return neuron({output.label: output for output in emits}, name=name).dendrite(listens, handlers[kind])


def graph(log: list[str], *, emitter: str, rest: str) -> CNS[Any]:
    return CNS(
        [
            relay("first", start, [Outputs.x, Outputs.y], kind=emitter, log=log),
            relay("X", Outputs.x, [Outputs.x1], kind=rest, log=log),
            relay("Y", Outputs.y, [Outputs.y1], kind=rest, log=log),
            relay("X1", Outputs.x1, [], kind=rest, log=log),
            relay("Y1", Outputs.y1, [], kind=rest, log=log),
        ]
    )


@pytest.mark.parametrize("rest", ["sync", "brief", "later"])
@pytest.mark.parametrize("emitter", ["sync", "brief", "later"])
@pytest.mark.parametrize("observed", [False, True])
async def test_the_order_does_not_depend_on_who_emits(emitter: str, rest: str, *, observed: bool) -> None:
    log: list[str] = []

    await graph(log, emitter=emitter, rest=rest).stimulate(
        start.create_signal(), on_response=Trace().on_response if observed else None
    )

    assert log == ["first", "X", "Y", "X1", "Y1"]


@pytest.mark.parametrize("rest", ["sync", "brief", "later"])
async def test_an_array_of_entry_signals_is_queued_like_any_other(rest: str) -> None:
    log: list[str] = []

    await graph(log, emitter="sync", rest=rest).stimulate([Outputs.x.create_signal(1), Outputs.y.create_signal(2)])

    assert log == ["X", "Y", "X1", "Y1"]


def test_subscribers_run_in_the_order_of_the_neurons_and_then_of_their_dendrites() -> None:
    log: list[str] = []
    two = neuron({}).dendrite(start, lambda: log.append("two, first"))
    two.dendrite(start, lambda: log.append("two, second"))
    one = neuron({}).dendrite(start, lambda: log.append("one"))

    CNS([two, one]).stimulate(start.create_signal())
    CNS([one, two]).stimulate(start.create_signal())

    assert log == ["two, first", "two, second", "one", "one", "two, first", "two, second"]


def test_siblings_start_before_the_children_of_the_first() -> None:
    log: list[str] = []
    first = relay("A", start, [Outputs.x], kind="sync", log=log)
    child = relay("A1", Outputs.x, [], kind="sync", log=log)
    second = relay("B", start, [], kind="sync", log=log)

    CNS([first, child, second]).stimulate(start.create_signal())

    assert log == ["A", "B", "A1"]


def test_three_signals_at_once_are_all_told_of_before_any_of_them_runs() -> None:
    trace, done = Trace(), collateral(int)
    double = neuron({"done": done}).dendrite(Outputs.x, lambda payload: done.create_signal(payload * 2))

    CNS([double]).stimulate([Outputs.x.create_signal(n) for n in (1, 2, 3)], on_response=trace.on_response)

    assert trace.outputs == [2, 4, 6]
    assert trace.counters == "3(3/0) 3(3/0) 3(3/0) 2(2/0) 1(1/0) 0(0/0)"


async def test_entry_signals_without_listeners_are_all_run_before_the_end() -> None:
    ran: list[int] = []
    cns = CNS([neuron({}).dendrite(Outputs.x, ran.append), neuron({}).dendrite(Outputs.y, ran.append)])

    await cns.stimulate([Outputs.x.create_signal(1), Outputs.y.create_signal(2)])

    assert ran == [1, 2]


def test_the_children_of_a_later_sibling_are_counted_in() -> None:
    trace = Trace()
    leaf = neuron({}).dendrite(Outputs.x, lambda payload: None)
    branch = neuron({"x1": Outputs.x1}).dendrite(Outputs.y, lambda payload: Outputs.x1.create_signal(payload + 1))
    last = neuron({}).dendrite(Outputs.x1, lambda payload: None)

    CNS([leaf, branch, last]).stimulate(
        [Outputs.x.create_signal(1), Outputs.y.create_signal(2)], on_response=trace.on_response
    )

    inputs = [response.input_signal.payload for response in trace.responses if response.input_signal]
    assert inputs == [1, 2, 3]
    assert trace.counters == "2(2/0) 2(2/0) 1(1/0) 1(1/0) 0(0/0)"


async def test_a_chain_of_asynchronous_handlers_tells_of_each_hop() -> None:
    trace = Trace()

    async def double(payload: int) -> Signal[int]:
        await asyncio.sleep(0)
        return Outputs.y.create_signal(payload * 2)

    async def add_ten(payload: int) -> Signal[int]:
        await asyncio.sleep(0)
        return Outputs.x1.create_signal(payload + 10)

    cns = CNS([neuron(Outputs).dendrite(Outputs.x, double), neuron(Outputs).dendrite(Outputs.y, add_ten)])
    await cns.stimulate(Outputs.x.create_signal(5), on_response=trace.on_response)

    outputs = [response.output_signal for response in trace.responses]
    assert outputs == [Outputs.x.create_signal(5), Outputs.y.create_signal(10), Outputs.x1.create_signal(20)]


@pytest.mark.parametrize("returned", [None, [], ()])
def test_nothing_returned_in_any_form_ends_a_branch(returned: Any) -> None:
    trace = Trace()

    CNS([neuron({}).dendrite(start, lambda: returned)]).stimulate(start.create_signal(), on_response=trace.on_response)

    assert trace.counters == "1(1/0) 0(0/0)"
    assert trace.responses[-1].output_signal is None


async def test_a_list_from_an_awaitable_is_emitted_in_order() -> None:
    trace = Trace()

    async def three() -> list[Signal[int]]:
        await asyncio.sleep(0)
        return [Outputs.x.create_signal(index) for index in range(3)]

    await CNS([neuron(Outputs).dendrite(start, three)]).stimulate(start.create_signal(), on_response=trace.on_response)

    assert trace.outputs == [0, 1, 2]
    assert trace.counters == "1(1/0) 1(1/0) 1(1/0) 0(0/0)"


async def test_a_function_that_returns_an_awaitable_is_awaited() -> None:
    trace = Trace()

    async def later(payload: int) -> Signal[int]:
        return Outputs.y.create_signal(payload)

    await CNS([neuron(Outputs).dendrite(Outputs.x, lambda payload: later(payload))]).stimulate(  # noqa: PLW0108 - plain
        Outputs.x.create_signal(7), on_response=trace.on_response
    )

    assert trace.outputs == [7]


async def test_an_awaitable_inside_an_awaitable_is_awaited_too() -> None:
    trace = Trace()

    async def inner() -> Signal[int]:
        return Outputs.y.create_signal(1)

    async def outer() -> Any:
        return inner()

    await CNS([neuron(Outputs, concurrency=1).dendrite(start, outer)]).stimulate(
        start.create_signal(), on_response=trace.on_response
    )

    assert trace.outputs == [1]


async def test_a_future_may_be_returned() -> None:
    trace = Trace()
    future: asyncio.Future[Signal[int]] = asyncio.get_running_loop().create_future()
    run = CNS([neuron(Outputs).dendrite(start, lambda: future)]).stimulate(
        start.create_signal(), on_response=trace.on_response
    )

    future.set_result(Outputs.y.create_signal(3))
    await run

    assert trace.outputs == [3]


async def test_parallel_chains_advance_side_by_side() -> None:
    log: list[int] = []

    async def step(payload: int) -> Signal[int] | None:
        log.append(payload)
        return Outputs.x.create_signal(payload + 1) if payload % 10 < 3 else None

    cns = CNS([neuron(Outputs).dendrite(Outputs.x, step)])
    await cns.stimulate([Outputs.x.create_signal(payload) for payload in (10, 20, 30)])

    assert log == [10, 20, 30, 11, 21, 31, 12, 22, 32, 13, 23, 33]
