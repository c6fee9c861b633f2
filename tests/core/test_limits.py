from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from cnstra import (
    CNS,
    Axon,
    HandlerContext,
    MaxNeuronHopsExceeded,
    Neuron,
    NeuronTimeout,
    Signal,
    Stimulation,
    StimulationAborted,
    StimulationFailed,
    collateral,
    neuron,
)
from cnstra.errors import GraphError
from tests.core.traces import Trace

started = collateral(int, name="started")


class Outputs(Axon):
    item = collateral(int)
    again = collateral(int)


class Station:
    """A neuron whose bodies wait until they are let go; counts how many are inside."""

    def __init__(self, concurrency: int | None = None, max_duration: float | None = None) -> None:
        self.log: list[str] = []
        self.inside = 0
        self.most = 0
        self.doors: dict[int, asyncio.Future[None]] = {}
        self.neuron: Neuron[Any] = neuron({}, name="station", concurrency=concurrency, max_duration=max_duration)
        self.neuron.dendrite([started, Outputs.item], self.work)
        self.cns = CNS([self.neuron])

    async def work(self, payload: int) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.log.append(f"s{payload}")
        self.doors[payload] = asyncio.get_running_loop().create_future()
        try:
            await self.doors[payload]
        finally:
            self.inside -= 1
            self.log.append(f"e{payload}")

    def start(self, *payloads: int, **options: Any) -> Stimulation:
        return self.cns.stimulate([started.create_signal(payload) for payload in payloads], **options)

    def free(self) -> int:
        """Return how many slots of the neuron nobody holds."""
        limit = self.cns._limits[self.neuron]
        return limit.slots - limit._taken

    def open(self, payload: int, error: Exception | None = None) -> None:
        if error is None:
            self.doors[payload].set_result(None)
        else:
            self.doors[payload].set_exception(error)


async def settle() -> None:
    """Let everything happen that waits for nothing."""
    for _ in range(10):
        await asyncio.sleep(0)


async def open_all(station: Station, *payloads: int) -> None:
    for payload in payloads:
        await settle()
        station.open(payload)
    await settle()


def fan_out(station: Station, count: int) -> CNS[Any]:
    source = neuron(Outputs).dendrite(started, lambda payload: [Outputs.item.create_signal(n) for n in range(count)])
    slow = neuron({}, concurrency=station.neuron.concurrency).dendrite(Outputs.item, station.work)
    return CNS([source, slow])


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (2, 2), (None, 3)])
async def test_a_neuron_runs_no_more_bodies_at_once_than_its_limit(limit: int | None, most: int) -> None:
    station = Station(limit)
    run = station.start(1, 2, 3)

    await open_all(station, 1, 2, 3)
    await run

    assert station.most == most
    assert len(station.log) == 6


@pytest.mark.parametrize("limit", [1, 2])
async def test_separate_runs_share_the_limit_first_come_first_served(limit: int) -> None:
    station = Station(limit)
    runs = [station.start(payload) for payload in range(5)]

    await open_all(station, *range(5))
    await asyncio.gather(*runs)

    assert station.most == limit
    assert [entry for entry in station.log if entry[0] == "s"] == ["s0", "s1", "s2", "s3", "s4"]
    assert station.free() == limit


async def test_a_limit_of_one_does_one_after_the_other() -> None:
    station = Station(1)
    run = station.start(1, 2, 3)

    await open_all(station, 1, 2, 3)
    await run

    assert station.log == ["s1", "e1", "s2", "e2", "s3", "e3"]


@pytest.mark.parametrize("limit", [1, 2])
async def test_a_failure_gives_its_slot_back(limit: int) -> None:
    station = Station(limit)
    failing = [station.start(n) for n in range(limit)]
    waiting = station.start(9)

    for n in range(limit):
        station.open(n, ValueError("broken"))
    await settle()
    station.open(9)
    await waiting

    assert [len(run.get_failed_tasks()) for run in failing] == [1] * limit
    assert station.free() == limit


@pytest.mark.parametrize("limit", [1, 2])
async def test_a_time_out_gives_its_slot_back(limit: int) -> None:
    station = Station(limit, max_duration=0.01)
    runs = [station.start(n) for n in range(4)]
    errors = await asyncio.gather(*runs, return_exceptions=True)

    assert [type(error) for error in errors] == [StimulationFailed] * 4
    assert station.most == limit
    assert station.free() == limit


async def test_an_abort_lets_the_next_run_have_the_slot() -> None:
    station = Station(1)
    first, second, third = (station.start(n) for n in range(3))

    second.abort()
    await settle()
    assert second.done
    first.abort()
    await open_all(station, 0, 2)
    await asyncio.gather(first, third)

    assert station.log == ["s0", "e0", "s2", "e2"]
    assert len(second.get_failed_tasks()) == 1
    assert station.free() == 1


async def test_an_abort_reaches_those_who_wait_for_a_slot() -> None:
    station = Station(1)
    run = station.start(1, 2, 3)

    run.abort()
    await open_all(station, 1)
    with pytest.raises(StimulationAborted):
        await run

    assert station.log == ["s1", "e1"]
    assert [failure.task.input for failure in run.get_failed_tasks()] == [
        started.create_signal(2),
        started.create_signal(3),
    ]
    assert station.free() == 1


@pytest.mark.parametrize("limit", [1, 2])
async def test_errors_time_outs_and_aborts_together_lose_no_slot(limit: int) -> None:
    station = Station(limit, max_duration=30.0)
    runs = {n: station.start(n) for n in range(12)}

    def abort(n: int) -> None:
        runs[n].abort()
        station.open(n)

    endings: list[Callable[[int], object]] = [
        station.open,
        lambda n: station.open(n, ValueError(n)),
        abort,
        lambda n: station.doors[n].cancel(),
    ]
    for n in range(12):
        if n == 4:
            runs[11].abort()
        await settle()
        if n in station.doors:
            endings[n % 4](n)
    await settle()

    assert all(run.done for run in runs.values())
    assert [entry for entry in station.log if entry[0] == "s"] == [f"s{n}" for n in range(11)]
    assert station.most == limit
    assert station.free() == limit


async def test_a_synchronous_body_gives_its_slot_back_at_once() -> None:
    seen: list[int] = []
    trace = Trace()
    gated = neuron({}, concurrency=1).dendrite(started, seen.append)

    CNS([gated]).stimulate([started.create_signal(n) for n in range(3)], on_drain=trace.on_drain)

    assert seen == [0, 1, 2]
    assert trace.drains == "0(0/0)"


@pytest.mark.parametrize("watched", [False, True])
def test_a_failing_synchronous_body_gives_its_slot_back(watched: bool) -> None:  # noqa: FBT001 - a parameter
    def fail() -> None:
        raise ValueError

    station = neuron({}, concurrency=1).dendrite(started, fail)
    cns = CNS([station])
    run = cns.stimulate(
        [started.create_signal(n) for n in range(3)], on_response=(lambda one: None) if watched else None
    )

    assert len(run.get_failed_tasks()) == 3
    assert cns._limits[station]._taken == 0


async def test_all_dendrites_of_a_neuron_share_its_slots() -> None:
    station = Station(1)
    run = station.cns.stimulate([started.create_signal(1), Outputs.item.create_signal(2)])

    await open_all(station, 1, 2)
    await run

    assert station.most == 1


async def test_two_graphs_have_limits_of_their_own() -> None:
    station = Station(2)
    other = CNS([station.neuron])
    runs = [station.start(1, 2, 3), other.stimulate([started.create_signal(n) for n in (4, 5, 6)])]

    await settle()
    assert station.inside == 4
    await open_all(station, 1, 2, 3, 4, 5, 6)
    await asyncio.gather(*runs)

    assert station.most == 4


async def test_who_waits_for_a_slot_is_pending() -> None:
    station, trace = Station(1), Trace()
    run = fan_out(station, 2).stimulate(started.create_signal(0), on_drain=trace.on_drain)

    await open_all(station, 0, 1)
    await run

    assert trace.drains == "2(1/1) 1(0/1) 0(0/0)"


@pytest.mark.parametrize("limit", [1, 2])
async def test_a_run_has_no_more_active_bodies_than_its_own_limit(limit: int) -> None:
    station = Station()
    run = station.start(0, 1, 2, 3, concurrency=limit)

    await open_all(station, 0, 1, 2, 3)
    await run

    assert station.most == limit
    assert station.log[:3] == {1: ["s0", "e0", "s1"], 2: ["s0", "s1", "e0"]}[limit]


async def test_the_limit_of_a_run_is_seen_in_its_counters() -> None:
    station, trace = Station(), Trace()
    run = fan_out(station, 3).stimulate(
        started.create_signal(0), concurrency=2, on_drain=trace.on_drain, on_response=trace.on_response
    )

    await open_all(station, 0, 1, 2)
    await run

    assert trace.drains == "3(1/2) 2(0/2) 1(0/1) 0(0/0)"
    assert trace.counters == "1(1/0) 3(3/0) 3(3/0) 3(3/0) 2(1/1) 1(0/1) 0(0/0)"


async def test_the_limit_of_a_run_does_not_hold_back_other_runs() -> None:
    station = Station()
    runs = [station.start(1, concurrency=1), station.start(2, concurrency=1)]

    await settle()
    assert station.inside == 2
    await open_all(station, 1, 2)
    await asyncio.gather(*runs)


@pytest.mark.parametrize("option", ["concurrency", "max_neuron_hops"])
@pytest.mark.parametrize("limit", [0, -1, 1.5, True])
def test_a_limit_of_a_run_is_a_whole_number_of_at_least_one(option: str, limit: Any) -> None:
    with pytest.raises(GraphError, match="must be a whole number of 1 or more"):
        CNS([]).stimulate([], **{option: limit})


async def test_a_handler_within_its_time_is_left_alone() -> None:
    async def quick(payload: int) -> None:
        await asyncio.sleep(0)

    run = CNS([neuron({}, max_duration=60).dendrite(started, quick)]).stimulate(started.create_signal(1))

    await run


async def test_a_handler_beyond_its_time_is_cancelled_and_named() -> None:
    station = Station(max_duration=0.01)
    run = station.start(1)

    with pytest.raises(StimulationFailed) as failed:
        await run

    (error,) = failed.value.exceptions
    assert isinstance(error, NeuronTimeout)
    assert str(error) == "neuron station exceeded its max_duration of 0.01 s"
    assert station.log == ["s1", "e1"]
    assert station.doors[1].cancelled()


async def test_a_handler_that_swallows_its_cancellation_has_timed_out_all_the_same() -> None:
    async def stubborn(payload: int) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    run = CNS([neuron({}, max_duration=0.01).dendrite(started, stubborn)]).stimulate(started.create_signal(1))

    with pytest.raises(StimulationFailed) as failed:
        await run
    assert failed.group_contains(NeuronTimeout)


async def test_a_time_out_of_the_handlers_own_is_its_own() -> None:
    problem = TimeoutError("the server")

    async def impatient(payload: int) -> None:
        raise problem

    run = CNS([neuron({}, max_duration=60).dendrite(started, impatient)]).stimulate(started.create_signal(1))

    with pytest.raises(StimulationFailed) as failed:
        await run
    assert failed.value.exceptions == (problem,)


async def test_waiting_for_a_slot_does_not_count_as_time() -> None:
    order: list[str] = []

    async def quick(payload: int) -> None:
        order.append(f"ran {payload}")

    async def slow(payload: int) -> None:
        await asyncio.sleep(0.05)
        order.append("slept")

    gated = neuron({}, concurrency=1, max_duration=0.5).dendrite(started, slow).dendrite(Outputs.item, quick)
    await CNS([gated]).stimulate([started.create_signal(1), Outputs.item.create_signal(2)])

    assert order == ["slept", "ran 2"]


async def test_a_blocking_function_runs_in_another_thread() -> None:
    threads: list[int] = []

    def block(payload: int, axon: Outputs) -> Signal[int]:
        threads.append(threading.get_ident())
        return axon.item.create_signal(payload + 1)

    seen: list[int] = []
    blocking = neuron(Outputs).dendrite(started, block, in_thread=True)
    run = CNS([blocking, neuron({}).dendrite(Outputs.item, seen.append)]).stimulate(started.create_signal(1))
    assert not run.done
    await run

    assert threads != [threading.get_ident()]
    assert seen == [2]


async def test_what_a_thread_raises_fails_the_task() -> None:
    problem = ValueError("broken")

    def block(payload: int) -> None:
        raise problem

    run = CNS([neuron({}).dendrite(started, block, in_thread=True)]).stimulate(started.create_signal(1))

    with pytest.raises(StimulationFailed) as failed:
        await run
    assert failed.value.exceptions == (problem,)


async def test_a_thread_can_use_the_context_value() -> None:
    def block(payload: int, axon: object, ctx: HandlerContext) -> None:
        ctx.set(payload)

    blocking = neuron({}).dendrite(started, block, in_thread=True)
    run = CNS([blocking]).stimulate(started.create_signal(7))
    await run

    assert run.get_context().get(blocking) == 7


async def test_a_thread_that_timed_out_keeps_its_slot_until_it_ends() -> None:
    order: list[str] = []
    running, released = threading.Event(), threading.Event()

    def block(payload: int) -> None:
        order.append(f"s{payload}")
        running.set()
        if payload == 1:
            released.wait()
        order.append(f"e{payload}")

    blocking = neuron({}, concurrency=1, max_duration=0.05).dendrite(started, block, in_thread=True)
    cns = CNS([blocking])
    first, second = (cns.stimulate(started.create_signal(n)) for n in (1, 2))
    with pytest.raises(StimulationFailed):
        await first
    assert order == ["s1"]
    released.set()
    await second

    assert order == ["s1", "e1", "s2", "e2"]
    assert cns._limits[blocking]._taken == 0


async def test_what_a_thread_raises_after_its_time_out_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    released = threading.Event()

    def block(payload: int) -> None:
        released.wait()
        raise ValueError("too late")

    blocking = neuron({}, name="slow", concurrency=1, max_duration=0.01).dendrite(started, block, in_thread=True)
    cns = CNS([blocking])
    first, second = (cns.stimulate(started.create_signal(n)) for n in (1, 2))
    with pytest.raises(StimulationFailed):
        await first
    released.set()
    with pytest.raises(StimulationFailed):  # it starts when the slot of the first is free
        await second

    assert "neuron slow on started raised after its time-out: ValueError('too late')" in caplog.messages


def looping(*, asynchronous: bool, ran: list[int]) -> Neuron[Any]:
    def loop(payload: int, axon: Outputs) -> Signal[int]:
        ran.append(payload)
        return axon.again.create_signal(payload + 1)

    async def loop_later(payload: int, axon: Outputs) -> Signal[int]:
        return loop(payload, axon)

    made = neuron(Outputs, name="loop")
    return made.dendrite(Outputs.again, loop_later if asynchronous else loop)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_hop_limit_ends_a_cycle_and_lists_what_did_not_run(asynchronous: bool) -> None:  # noqa: FBT001 - a parameter
    ran: list[int] = []
    cns = CNS([looping(asynchronous=asynchronous, ran=ran)])

    run = cns.stimulate(Outputs.again.create_signal(0), max_neuron_hops=3)
    with pytest.raises(StimulationFailed) as failed:
        await run

    assert ran == [0, 1, 2]
    assert str(failed.value.exceptions[0]) == "neuron loop reached max_neuron_hops=3 in this run"
    assert [failure.task.input for failure in run.get_failed_tasks()] == [Outputs.again.create_signal(3)]


def test_a_hop_limit_does_not_raise_where_the_run_is_started() -> None:
    run = CNS([looping(asynchronous=False, ran=[])]).stimulate(Outputs.again.create_signal(0), max_neuron_hops=1)

    assert isinstance(run.get_failed_tasks()[0].error, MaxNeuronHopsExceeded)


def test_an_unrelated_branch_completes_beside_a_hop_limit() -> None:
    seen: list[int] = []
    cns = CNS([looping(asynchronous=False, ran=[]), neuron({}).dendrite(started, seen.append)])

    run = cns.stimulate([Outputs.again.create_signal(0), started.create_signal(7)], max_neuron_hops=1)

    assert seen == [7]
    assert len(run.get_failed_tasks()) == 1


def test_hops_are_counted_for_each_neuron_and_run() -> None:
    trace, ran = Trace(), list[int]()
    cns = CNS([looping(asynchronous=False, ran=ran), neuron({}).dendrite(Outputs.again, lambda payload: None)])

    for _ in range(2):
        cns.stimulate(
            Outputs.again.create_signal(0), max_neuron_hops=2, on_response=trace.on_response
        ).get_failed_tasks()

    hops = [response.hops for response in trace.responses]
    assert hops[: len(hops) // 2] == hops[len(hops) // 2 :]
    assert hops[:5] == [None, 1, 1, 2, 2]


def test_without_a_hop_limit_no_response_has_hops() -> None:
    trace = Trace()

    CNS([neuron({}).dendrite(started, lambda payload: None)]).stimulate(
        started.create_signal(1), on_response=trace.on_response
    )

    assert [response.hops for response in trace.responses] == [None, None]


async def test_a_slot_is_given_back_when_the_hop_limit_is_met() -> None:
    async def loop(payload: int, axon: Outputs) -> Signal[int]:
        return axon.again.create_signal(payload)

    gated = neuron(Outputs, concurrency=1).dendrite(Outputs.again, loop)
    cns = CNS([gated])
    run = cns.stimulate(Outputs.again.create_signal(0), max_neuron_hops=2)
    await asyncio.gather(run, return_exceptions=True)

    assert cns._limits[gated]._taken == 0


async def test_both_limits_hold_together() -> None:
    station = Station(2)
    runs = [station.start(0, 1, 2, concurrency=1), station.start(3, 4, 5)]

    await open_all(station, 0, 3, 4, 1, 5, 2)
    await asyncio.gather(*runs)

    assert station.most == 2
    assert station.free() == 2
