"""A slot of a neuron is never lost and never given twice, whatever becomes of who waits for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cnstra import CNS, AbortController, Axon, Signal, StimulationAborted, collateral, neuron
from cnstra.core.limits import NeuronLimit
from cnstra.core.subscribers import Activation
from cnstra.errors import EventLoopRequired

start = collateral(int, name="start")


class Outputs(Axon):
    step = collateral(int)
    other = collateral(int)


def free_slots(cns: CNS[Any]) -> int:
    (limit,) = cns._limits.values()
    assert not limit._waiting
    return limit.slots - limit._taken


async def test_a_slot_that_is_on_its_way_to_a_run_that_ends_meanwhile_is_handed_on() -> None:
    door, controller, ran = asyncio.Event(), AbortController(), list[int]()

    async def wait(payload: int) -> None:
        await door.wait()
        ran.append(payload)

    cns = CNS([neuron({}, concurrency=1).dendrite(start, wait)])
    holder = cns.stimulate(start.create_signal(1))
    doomed = cns.stimulate(start.create_signal(2), abort_signal=controller.signal)
    patient = cns.stimulate(start.create_signal(3))
    door.set()
    await asyncio.sleep(0)  # the holder has settled: its slot is on the way
    controller.abort()
    with pytest.raises(StimulationAborted):
        await doomed
    await holder
    await patient

    assert ran == [1, 3]
    assert free_slots(cns) == 1


async def test_an_abort_of_everybody_at_the_end_of_a_body_loses_no_slot() -> None:
    controller = AbortController()

    async def stop(payload: int) -> None:
        await asyncio.sleep(0)
        controller.abort()

    cns = CNS([neuron({}, concurrency=1).dendrite(start, stop)])
    runs = [cns.stimulate(start.create_signal(n), abort_signal=controller.signal) for n in range(3)]
    outcomes = await asyncio.gather(*runs, return_exceptions=True)
    await asyncio.sleep(0)

    assert [isinstance(outcome, StimulationAborted) for outcome in outcomes] == [False, True, True]
    assert free_slots(cns) == 1


def test_a_coroutine_where_no_event_loop_runs_leaves_its_slot() -> None:
    async def later(payload: int) -> None: ...

    cns = CNS([neuron({}, concurrency=1).dendrite(start, lambda payload: later(payload))])  # noqa: PLW0108 - plain

    with pytest.raises(EventLoopRequired):
        cns.stimulate(start.create_signal(1))

    assert free_slots(cns) == 1
    assert cns.run(start.create_signal(1)).done


async def test_waiters_that_their_own_run_has_no_room_for_keep_their_order() -> None:
    doors = {number: asyncio.Event() for number in range(10)}
    log: list[int] = []

    async def wait(payload: int) -> None:
        log.append(payload)
        await doors[payload].wait()

    limited = neuron({}, concurrency=2).dendrite(start, wait)
    cns = CNS([limited, neuron({}).dendrite(Outputs.step, wait)])
    holder = cns.stimulate([start.create_signal(0), start.create_signal(1)])
    full = cns.stimulate([*(start.create_signal(n) for n in (2, 3, 4)), Outputs.step.create_signal(5)], concurrency=1)
    for number in (0, 1, 5, 2, 3, 4):
        doors[number].set()
        for _ in range(6):
            await asyncio.sleep(0)
    await holder
    await full

    assert log == [0, 1, 5, 2, 3, 4]
    assert free_slots(cns) == 2


async def test_two_freed_slots_start_their_waiters_in_order() -> None:
    door, log = asyncio.Event(), list[int]()

    async def wait(payload: int) -> Signal[int] | None:
        log.append(payload)
        await door.wait()
        return None

    cns = CNS([neuron({}, concurrency=2).dendrite(start, wait)])
    run = cns.stimulate([start.create_signal(n) for n in range(8)])
    door.set()
    await run

    assert log == list(range(8))
    assert free_slots(cns) == 2


class Waiter:
    """Something that a limit can tell of a slot."""

    def __init__(self, log: list[str], name: str, error: BaseException | None = None) -> None:
        self.log, self.name, self.error = log, name, error

    def admit(self, activation: Activation, /) -> None:
        self.log.append(self.name)
        if self.error is not None:
            raise self.error


def test_whoever_raises_on_its_slot_does_not_keep_it_from_the_others() -> None:
    log: list[str] = []
    limit = NeuronLimit(1)
    nobody: Any = object()
    assert limit.enter(Waiter(log, "holder"), nobody)
    first = Waiter(log, "first", KeyboardInterrupt())

    def admit_and_leave(activation: Activation, /) -> None:
        log.append("first")
        limit.leave()
        raise KeyboardInterrupt

    first.admit = admit_and_leave  # type: ignore[method-assign]
    assert not limit.enter(first, nobody)
    assert not limit.enter(Waiter(log, "second"), nobody)

    with pytest.raises(KeyboardInterrupt):
        limit.leave()

    assert log == ["first", "second"]
    limit.leave()
    assert limit.enter(Waiter(log, "third"), nobody)
    assert not limit._handing
