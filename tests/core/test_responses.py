"""What a listener is told, and the counters of it."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from cnstra import CNS, ActivationTask, Axon, Neuron, Response, Signal, StimulationFailed, collateral, neuron
from cnstra.errors import SubscriberNotFound
from tests.core.traces import Trace

start = collateral(name="start")


class Outputs(Axon):
    middle = collateral(int)
    output = collateral(int)
    other = collateral(int)


def leaf(listens: Any = Outputs.output) -> Neuron[Any]:
    return neuron({}, name="leaf").dendrite(listens, lambda: None)


def fan(*payloads: int) -> Neuron[Any]:
    """Return a neuron that emits one signal for each payload, as a list."""
    return neuron(Outputs, name="fan").dendrite(
        start, lambda: [Outputs.output.create_signal(payload) for payload in payloads]
    )


def traced(*neurons: Neuron[Any], **options: Any) -> Trace:
    """Run a synchronous graph and return what was told; its failures are seen."""
    trace = Trace()
    run = CNS(neurons).stimulate(start.create_signal(), on_response=trace.on_response, **options)
    assert run.done
    run.get_failed_tasks()
    return trace


def test_a_synchronous_hop_is_told_before_stimulate_returns() -> None:
    trace = Trace()
    entry = Outputs.middle.create_signal(5)
    add = neuron(Outputs).dendrite(Outputs.middle, lambda payload, axon: axon.output.create_signal(payload + 5))

    CNS([add]).stimulate(entry, on_response=trace.on_response)

    first, second = trace.responses
    assert (first.input_signal, first.output_signal, first.neuron) == (None, entry, None)
    assert second.input_signal is entry
    assert second.output_signal == Outputs.output.create_signal(10)
    assert second.neuron is add
    assert trace.counters == "1(1/0) 0(0/0)"


def test_a_chain_counts_one_until_its_end() -> None:
    first = neuron(Outputs).dendrite(start, lambda: Outputs.middle.create_signal(12))
    second = neuron(Outputs).dendrite(Outputs.middle, lambda payload: Outputs.output.create_signal(payload * 3))

    trace = traced(first, second)

    assert trace.outputs == [12, 36]
    assert trace.counters == "1(1/0) 1(1/0) 0(0/0)"


def test_a_fan_out_counts_its_branches() -> None:
    branches = [
        neuron(Outputs).dendrite(start, lambda: Outputs.output.create_signal(1)),
        neuron(Outputs).dendrite(start, lambda: Outputs.other.create_signal(2)),
    ]

    trace = traced(*branches)

    assert trace.outputs == [1, 2]
    assert trace.counters == "2(2/0) 1(1/0) 0(0/0)"


def test_branches_of_unequal_length_end_once() -> None:
    short = leaf(start)
    long = neuron(Outputs).dendrite(start, lambda: Outputs.middle.create_signal(0))
    longer = neuron(Outputs).dendrite(Outputs.middle, lambda: Outputs.other.create_signal(0))
    longest = neuron(Outputs).dendrite(Outputs.other, lambda: Outputs.output.create_signal(0))

    trace = traced(short, long, longer, longest)

    assert trace.counters == "2(2/0) 1(1/0) 1(1/0) 1(1/0) 0(0/0)"
    assert [response.finished for response in trace.responses] == [False] * 4 + [True]


def test_a_long_chain_reports_as_many_tasks_as_it_counts() -> None:
    channels = [start, *(collateral() for _ in range(1001))]
    chain = [
        neuron({"next": after}).dendrite(before, lambda payload, axon: axon.next.create_signal())
        for before, after in itertools.pairwise(channels)
    ]
    told: list[tuple[int, int]] = []

    def note(response: Response) -> None:
        told.append((response.queue_length, len(response.stimulation.get_all_activation_tasks())))

    CNS(chain).stimulate(start.create_signal(), on_response=note)

    assert told == [(1, 1)] * 1001 + [(0, 0)]


def test_an_unsubscribed_entry_is_the_first_and_the_last_response() -> None:
    trace = traced(neuron({}))

    assert trace.counters == "0(0/0)"
    assert trace.responses[0].output_signal == start.create_signal()


def test_an_array_without_subscribers_ends_with_its_last_signal_only() -> None:
    trace = traced(fan(1, 2, 3))

    assert trace.outputs == [1, 2, 3]
    assert trace.counters == "1(1/0) 1(1/0) 1(1/0) 0(0/0)"


def test_an_entry_without_subscribers_before_one_with_is_no_end() -> None:
    trace = Trace()

    CNS([leaf()]).stimulate(
        [Outputs.other.create_signal(0), Outputs.output.create_signal(0)], on_response=trace.on_response
    )

    assert trace.counters == "1(1/0) 1(1/0) 0(0/0)"


def test_the_whole_array_is_outstanding_while_its_first_signal_is_told_of() -> None:
    frontiers: list[list[Any]] = []

    def note(response: Response) -> None:
        tasks = response.stimulation.get_outstanding_tasks()
        assert len(tasks) == response.queue_length
        frontiers.append([task.input and task.input.payload for task in tasks])

    CNS([fan(1, 2), leaf()]).stimulate(start.create_signal(), on_response=note)

    assert frontiers == [[None], [1, 2], [1, 2], [2], []]


async def test_an_asynchronous_body_is_active() -> None:
    trace = Trace()

    async def slow() -> Signal[int]:
        await asyncio.sleep(0)
        return Outputs.output.create_signal(0)

    cns = CNS([neuron(Outputs).dendrite(start, slow), leaf(start), leaf()])
    await cns.stimulate(start.create_signal(), on_response=trace.on_response)

    assert trace.counters == "2(2/0) 1(0/1) 1(1/0) 0(0/0)"


def test_the_failure_of_the_last_task_is_the_last_response() -> None:
    error = ValueError("boom")

    def fail() -> None:
        raise error

    trace = traced(neuron({}).dendrite(start, fail))

    assert trace.responses[-1].error is error
    assert trace.responses[-1].output_signal is None
    assert trace.counters == "1(1/0) 0(0/0)"


async def test_failing_branches_do_not_stop_the_others() -> None:
    trace, ran = Trace(), list[str]()

    def bad() -> None:
        ran.append("bad")
        raise ValueError("x")

    async def good() -> None:
        ran.append("good")
        await asyncio.sleep(0)

    async def worse() -> None:
        ran.append("worse")
        for _ in range(3):
            await asyncio.sleep(0)
        raise ValueError("y")

    cns = CNS([neuron({}).dendrite(start, handler) for handler in (bad, good, worse)])
    with pytest.raises(StimulationFailed, match="2 failed tasks") as failed:
        await cns.stimulate(start.create_signal(), on_response=trace.on_response)

    assert ran == ["bad", "good", "worse"]
    assert [str(error) for error in failed.value.exceptions] == ["x", "y"]
    assert trace.counters == "3(3/0) 2(2/0) 1(0/1) 0(0/0)"


async def test_the_very_exception_is_told_and_raised_with_a_note_that_names_its_place() -> None:
    trace, error = Trace(), KeyError("lost")

    def fail() -> None:
        raise error

    run = CNS([neuron({}, name="mailer").dendrite(start, fail)]).stimulate(
        start.create_signal(), on_response=trace.on_response
    )
    with pytest.raises(StimulationFailed) as failed:
        await run

    assert trace.errors == [error]
    assert failed.value.exceptions == (error,)
    assert error.__notes__ == ["in neuron mailer on start, hop 1"]
    assert run.get_failed_tasks()[0].error is error


def test_a_task_that_nobody_can_take_is_told_without_a_neuron() -> None:
    trace, alone = Trace(), leaf()

    run = CNS([alone]).activate([ActivationTask(alone, start)], on_response=trace.on_response)

    assert [failure.task.neuron for failure in run.get_failed_tasks()] == [alone]
    assert isinstance(trace.responses[0].error, SubscriberNotFound)
    assert trace.responses[0].neuron is None
    assert trace.counters == "0(0/0)"


def test_a_counting_loop_is_one_response_an_attempt() -> None:
    def count(payload: int, axon: Outputs, ctx: Any) -> Signal[int]:
        total = (ctx.get() or 0) + payload
        ctx.set(total)
        return axon.output.create_signal(total) if total == 10 else axon.middle.create_signal(payload)

    trace = Trace()
    CNS([neuron(Outputs).dendrite(Outputs.middle, count)]).stimulate(
        Outputs.middle.create_signal(2), on_response=trace.on_response, on_drain=trace.on_drain
    )

    assert trace.outputs[-1] == 10
    assert trace.counters == "1(1/0) 1(1/0) 1(1/0) 1(1/0) 1(1/0) 0(0/0)"
    assert trace.drains == "0(0/0)"


@pytest.mark.parametrize("returned", ["text", [None], {"a": 1}, [Outputs.output], 0, [[]]])
async def test_anything_else_that_is_returned_fails_the_task_and_names_the_neuron(returned: Any) -> None:
    run = CNS([neuron({}, name="teller").dendrite(start, lambda: returned)]).stimulate(start.create_signal())

    with pytest.raises(StimulationFailed) as failed:
        await run

    assert isinstance(failed.value.exceptions[0], TypeError)
    assert str(failed.value.exceptions[0]).startswith("the handler of neuron teller for start returned ")


class Wild:
    """Raises at whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")


@pytest.mark.parametrize("options", [{}, {"on_response": lambda _: Wild()}], ids=["plain", "watched"])
async def test_an_object_that_cannot_be_looked_at_is_refused_as_well(options: dict[str, Any]) -> None:
    with pytest.raises(StimulationFailed) as failed:
        await CNS([neuron({}).dendrite(start, Wild)]).stimulate(start.create_signal(), **options)

    assert "returned <no text: RuntimeError> (Wild)" in str(failed.value.exceptions[0])


async def test_what_an_awaitable_comes_to_is_checked_as_well() -> None:
    async def tell() -> Any:
        return "x" * 200

    with pytest.raises(StimulationFailed) as failed:
        await CNS([neuron({}).dendrite(start, tell)]).stimulate(start.create_signal())

    assert "xxx... (str)" in str(failed.value.exceptions[0])


def test_a_response_and_a_drain_show_their_counters() -> None:
    trace = Trace()
    CNS([leaf(start)]).stimulate(start.create_signal(), on_response=trace.on_response, on_drain=trace.on_drain)

    assert repr(trace.responses[0]) == "<Response Signal(start, None) 1(1/0)>"
    assert repr(trace.drained[0]) == "<Drain 0(0/0)>"
