"""Drains: one at the end of every synchronous turn, however it ended."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from cnstra import CNS, ActivationTask, Axon, Drain, Neuron, Signal, StimulationAborted, collateral, neuron
from tests.core.traces import Trace, counters

start = collateral(name="start")


class Outputs(Axon):
    middle = collateral(int)
    output = collateral(int)


def leaf(listens: Any = start) -> Neuron[Any]:
    return neuron({}, name="leaf").dendrite(listens, lambda: None)


def fan(count: int) -> Neuron[Outputs]:
    return neuron(Outputs, name="fan").dendrite(
        start, lambda: [Outputs.middle.create_signal(index) for index in range(count)]
    )


async def briefly(payload: int) -> None:
    await asyncio.sleep(0)


# ---- the six ends of a turn ----------------------------------------------------------------------------------


def test_a_turn_that_ran_empty_ends_with_one_drain() -> None:
    trace = Trace()
    chain = [
        neuron(Outputs).dendrite(start, lambda: Outputs.middle.create_signal(1)),
        neuron(Outputs).dendrite(Outputs.middle, lambda: Outputs.output.create_signal(1)),
        leaf(Outputs.output),
    ]

    CNS(chain).stimulate(start.create_signal(), on_drain=trace.on_drain)

    assert trace.drains == "0(0/0)"
    assert trace.drained[0].finished


async def test_a_turn_whose_last_activation_went_asynchronous_ends_with_one_drain() -> None:
    trace, log, seen = Trace(), list[str](), list[list[str]]()

    async def load() -> Signal[int]:
        log.append("optimistic")
        await asyncio.sleep(0)
        return Outputs.middle.create_signal(1)

    def note(drain: Drain) -> None:
        trace.on_drain(drain)
        seen.append(list(log))

    loaded = neuron({}).dendrite(Outputs.middle, lambda: log.append("loaded"))
    run = CNS([neuron(Outputs).dendrite(start, load), loaded]).stimulate(start.create_signal(), on_drain=note)
    at_return = trace.drains
    await run

    assert at_return == "1(0/1)"
    assert trace.drains == "1(0/1) 0(0/0)"
    assert seen == [["optimistic"], ["optimistic", "loaded"]]
    assert [drain.finished for drain in trace.drained] == [False, True]


async def test_a_turn_that_the_runs_own_limit_ended_has_one_drain() -> None:
    trace = Trace()

    await CNS([fan(3), neuron({}).dendrite(Outputs.middle, briefly)]).stimulate(
        start.create_signal(), concurrency=2, on_response=trace.on_response, on_drain=trace.on_drain
    )

    assert trace.drains == "3(1/2) 2(0/2) 1(0/1) 0(0/0)"
    assert trace.counters == "1(1/0) 3(3/0) 3(3/0) 3(3/0) 2(1/1) 1(0/1) 0(0/0)"


async def test_a_turn_that_a_neurons_limit_ended_has_one_drain() -> None:
    trace = Trace()

    await CNS([fan(2), neuron({}, concurrency=1).dendrite(Outputs.middle, briefly)]).stimulate(
        start.create_signal(), on_drain=trace.on_drain
    )

    assert trace.drains == "2(1/1) 1(0/1) 0(0/0)"


async def test_a_turn_that_an_abort_ended_has_one_drain() -> None:
    trace = Trace()

    async def stop(payload: int, axon: object, ctx: Any) -> None:
        ctx.stimulation.abort()
        await asyncio.sleep(0)

    run = CNS([fan(2), neuron({}).dendrite(Outputs.middle, stop)]).stimulate(
        start.create_signal(), concurrency=1, on_drain=trace.on_drain
    )
    with pytest.raises(StimulationAborted):
        await run

    assert trace.drains == "2(1/1) 1(1/0)"
    assert [failure.aborted for failure in run.get_failed_tasks()] == [True]


async def test_a_turn_that_a_listener_ended_has_one_drain() -> None:
    trace = Trace()
    chain = [neuron(Outputs).dendrite(start, lambda: Outputs.middle.create_signal(1)), leaf(Outputs.middle)]

    await CNS(chain).stimulate(start.create_signal(), on_response=lambda _: asyncio.sleep(0), on_drain=trace.on_drain)

    assert trace.drains == "1(1/0) 1(1/0) 0(0/0) 0(0/0)"
    assert [drain.finished for drain in trace.drained] == [False, False, False, True]


def test_a_turn_that_an_interrupt_ended_has_one_drain() -> None:
    trace = Trace()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        CNS([neuron({}).dendrite(start, interrupt), leaf()]).stimulate(start.create_signal(), on_drain=trace.on_drain)

    assert trace.drains == "1(1/0)"
    assert trace.drained[0].finished


async def test_the_end_of_an_interrupted_body_has_one_drain() -> None:
    trace = Trace()

    async def interrupt() -> None:
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    run = CNS([neuron({}).dendrite(start, interrupt)]).stimulate(start.create_signal(), on_drain=trace.on_drain)
    with pytest.raises(asyncio.CancelledError):
        await run

    assert trace.drains == "1(0/1) 0(0/0)"
    assert [drain.finished for drain in trace.drained] == [False, True]


# ---- counters at the end of a turn ---------------------------------------------------------------------------


async def test_a_fan_out_under_a_limit_is_counted_at_its_first_drain() -> None:
    trace = Trace()

    await CNS([fan(3), neuron({}).dendrite(Outputs.middle, briefly)]).stimulate(
        start.create_signal(), concurrency=2, on_drain=trace.on_drain
    )

    assert counters(trace.drained[0]) == "3(1/2)"


async def test_a_synchronous_body_under_a_limit_does_not_end_the_turn() -> None:
    trace = Trace()

    await CNS([fan(2), neuron({}, concurrency=1).dendrite(Outputs.middle, lambda: None)]).stimulate(
        start.create_signal(), on_drain=trace.on_drain
    )

    assert trace.drains == "0(0/0)"


async def test_a_chain_of_coroutine_functions_has_a_drain_a_hop() -> None:
    trace = Trace()

    async def count(payload: int) -> Signal[int] | None:
        return Outputs.middle.create_signal(payload + 1) if payload < 3 else None

    await CNS([neuron(Outputs).dendrite(Outputs.middle, count)]).stimulate(
        Outputs.middle.create_signal(0), on_drain=trace.on_drain
    )

    assert trace.drains == "1(0/1) 1(0/1) 1(0/1) 1(0/1) 0(0/0)"


def test_the_end_of_an_empty_run_is_a_turn() -> None:
    trace = Trace()

    CNS([leaf()]).activate([], on_drain=trace.on_drain)
    CNS([leaf()]).stimulate([], on_drain=trace.on_drain)

    assert trace.drains == "0(0/0) 0(0/0)"


def test_failed_work_is_drained_like_any_other() -> None:
    trace = Trace()

    def fail() -> None:
        raise ValueError

    run = CNS([neuron({}).dendrite(start, fail), leaf()]).stimulate(start.create_signal(), on_drain=trace.on_drain)

    assert trace.drains == "0(0/0)"
    assert len(run.get_failed_tasks()) == 1


async def test_a_nested_run_has_drains_of_its_own() -> None:
    outer, inner = Trace(), Trace()

    async def nest(payload: object, axon: object, ctx: Any) -> None:
        await ctx.cns.stimulate(Outputs.middle.create_signal(1), on_drain=inner.on_drain)

    await CNS([neuron({}).dendrite(start, nest), leaf(Outputs.middle)]).stimulate(
        start.create_signal(), on_drain=outer.on_drain
    )

    assert outer.drains == "1(0/1) 0(0/0)"
    assert inner.drains == "0(0/0)"


async def test_a_final_commit_that_hangs_on_the_end_of_a_run_runs_once_after_an_abort() -> None:
    trace, commits = Trace(), list[str]()

    def commit(drain: Drain) -> None:
        if drain.finished:
            commits.append(counters(drain))

    run = CNS([fan(2), neuron({}).dendrite(Outputs.middle, briefly)]).stimulate(
        start.create_signal(), concurrency=1, on_drain=commit, on_response=trace.on_response
    )
    run.abort()
    with pytest.raises(StimulationAborted):
        await run

    assert commits == ["1(1/0)"]


# ---- what a drain listener may do ----------------------------------------------------------------------------


def test_a_drain_listener_may_start_other_runs() -> None:
    drained: list[Any] = []
    cns = CNS([leaf()])

    def again(drain: Drain) -> None:
        drained.append(drain.stimulation)
        if len(drained) < 3:
            cns.stimulate(start.create_signal())

    cns.add_drain_listener(again)
    outer = cns.stimulate(start.create_signal())

    assert drained.count(outer) == 1
    assert len(set(map(id, drained))) == 3


def test_work_that_a_drain_listener_adds_to_its_run_is_another_round_of_it() -> None:
    trace, ran, depth = Trace(), list[int](), list[int]()
    step = neuron({}).dendrite(Outputs.middle, ran.append)
    inside = 0

    def add(drain: Drain) -> None:
        nonlocal inside
        inside += 1
        depth.append(inside)
        trace.on_drain(drain)
        if len(ran) < 1000:
            drain.stimulation.enqueue_tasks(
                [ActivationTask(step, Outputs.middle, Outputs.middle.create_signal(len(ran)))]
            )
        inside -= 1

    run = CNS([step]).stimulate(Outputs.middle.create_signal(0), on_drain=add)

    assert run.done
    assert ran == list(range(1000))
    assert set(depth) == {1}
    assert len(trace.drained) == 1000


def test_a_drain_listener_that_fails_is_logged_and_isolated(caplog: pytest.LogCaptureFixture) -> None:
    trace = Trace()
    cns = CNS([leaf()])

    def fail(drain: Drain) -> None:
        raise ValueError("boom")

    cns.add_drain_listener(fail)
    cns.add_drain_listener(trace.on_drain)
    run = cns.stimulate(start.create_signal())

    assert run.done
    assert trace.drains == "0(0/0)"
    assert [(record.name, record.levelno) for record in caplog.records] == [("cnstra", logging.ERROR)]
    assert "boom" in caplog.text


async def test_a_drain_listener_that_returns_an_awaitable_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def later() -> None: ...

    run = CNS([leaf()]).stimulate(start.create_signal(), on_drain=lambda _: later())
    await run

    assert "a drain listener must not be asynchronous" in caplog.text


def test_an_interrupt_of_a_drain_listener_ends_the_run() -> None:
    runs: list[Any] = []

    def interrupt(drain: Drain) -> None:
        runs.append(drain.stimulation)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        CNS([leaf()]).stimulate(start.create_signal(), on_drain=interrupt)

    assert len(runs) == 1
    assert runs[0].done


async def test_an_abort_by_a_drain_listener_ends_the_run() -> None:
    def stop(drain: Drain) -> None:
        drain.stimulation.abort("drained")

    run = CNS([fan(3), neuron({}).dendrite(Outputs.middle, briefly)]).stimulate(
        start.create_signal(), concurrency=1, on_drain=stop
    )
    with pytest.raises(StimulationAborted, match="drained"):
        await run

    assert len(run.get_outstanding_tasks()) == 2


async def test_a_global_drain_listener_hears_every_run_until_it_is_taken_off() -> None:
    trace = Trace()
    cns = CNS([leaf()])
    remove = cns.add_drain_listener(trace.on_drain)

    cns.stimulate(start.create_signal())
    remove()
    remove()
    cns.stimulate(start.create_signal())

    assert trace.drains == "0(0/0)"


async def test_work_that_a_first_step_adds_to_its_run_belongs_to_the_same_turn() -> None:
    trace, log = Trace(), list[str]()
    extra = neuron({}).dendrite(Outputs.output, lambda: log.append("extra"))

    async def add(payload: int, axon: object, ctx: Any) -> Signal[int] | None:
        ctx.stimulation.enqueue_tasks([ActivationTask(extra, Outputs.output, Outputs.output.create_signal(0))])
        log.append("first step")
        await asyncio.sleep(0)
        return Outputs.middle.create_signal(payload + 1) if payload < 1 else None

    await CNS([neuron(Outputs).dendrite(Outputs.middle, add), extra]).stimulate(
        Outputs.middle.create_signal(0), on_drain=trace.on_drain
    )

    assert log == ["first step", "extra"] * 2
    assert trace.drains == "1(0/1) 1(0/1) 0(0/0)"
