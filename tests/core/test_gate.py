from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cnstra import (
    CNS,
    AbortController,
    HandlerContext,
    StimulationAborted,
    StimulationFailed,
    StimulationGate,
    collateral,
    neuron,
)
from cnstra.errors import EventLoopRequired, GraphError

started = collateral(int, name="started")


class Worker:
    """A graph of one neuron that waits until it is released or its run is aborted."""

    def __init__(self) -> None:
        self.starts = 0
        self.released = asyncio.Event()
        self.cns = CNS([neuron({}).dendrite(started, self.work)])

    async def work(self, payload: int, axon: object, ctx: HandlerContext) -> None:
        self.starts += 1
        raised = asyncio.Event()
        remove = ctx.abort_signal.add_callback(raised.set)
        waits = [asyncio.ensure_future(event.wait()) for event in (raised, self.released)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()
        remove()
        if raised.is_set():
            raise ValueError("stopped")

    def gate(self, **options: Any) -> StimulationGate:
        return StimulationGate(self.cns, started.create_signal(1), **options)


async def test_repeated_drains_share_one_run() -> None:
    worker = Worker()
    gate = worker.gate()

    run = gate.drain()

    assert gate.drain() is run
    assert gate.current_stimulation is run
    assert gate.is_draining
    assert worker.starts == 1
    worker.released.set()
    await run
    assert not gate.is_draining
    assert gate.current_stimulation is None


async def test_a_drain_after_the_end_starts_another_run() -> None:
    worker = Worker()
    gate = worker.gate()
    worker.released.set()

    await gate.drain()
    await gate.drain()

    assert worker.starts == 2


async def test_the_gate_aborts_the_run_under_way() -> None:
    gate = Worker().gate()
    run = gate.drain()

    assert gate.abort("closing") is True
    assert gate.abort("again") is False
    with pytest.raises(StimulationAborted):
        await run

    assert not gate.is_draining


async def test_a_gate_can_be_used_again_after_an_abort() -> None:
    worker = Worker()
    gate = worker.gate()
    run = gate.drain()
    gate.abort()
    await asyncio.gather(run, return_exceptions=True)
    worker.released.set()

    await gate.drain()

    assert worker.starts == 2


async def test_the_gate_leaves_a_run_alone_that_the_caller_may_abort() -> None:
    controller = AbortController()
    gate = Worker().gate(abort_signal=controller.signal)
    run = gate.drain()

    assert gate.abort() is False
    assert gate.is_draining
    controller.abort()
    with pytest.raises(StimulationAborted):
        await run

    assert not gate.is_draining


async def test_an_idle_gate_has_nothing_to_abort() -> None:
    assert Worker().gate().abort() is False


async def test_a_failed_run_leaves_the_gate_idle() -> None:
    outcomes: list[Exception | None] = [ValueError("broken"), None]

    async def work(payload: int) -> None:
        if (error := outcomes.pop(0)) is not None:
            raise error

    gate = StimulationGate(CNS([neuron({}).dendrite(started, work)]), started.create_signal(1))

    with pytest.raises(StimulationFailed):
        await gate.drain()
    assert not gate.is_draining
    await gate.drain()


def test_a_synchronous_handler_that_drains_again_gets_the_same_run() -> None:
    inner: list[object] = []

    def work(payload: int) -> None:
        inner.append(gate.drain())

    gate = StimulationGate(CNS([neuron({}).dendrite(started, work)]), started.create_signal(1))

    outer = gate.drain()

    assert inner == [outer]
    assert not gate.is_draining


def test_a_run_that_cannot_start_leaves_the_gate_idle() -> None:
    async def work(payload: int) -> None:
        pass

    gate = StimulationGate(CNS([neuron({}).dendrite(started, work)]), started.create_signal(1))

    with pytest.raises(EventLoopRequired):
        gate.drain()

    assert not gate.is_draining
    assert gate.abort() is False


@pytest.mark.parametrize("options", [{"concurrency": 0}, {"on_response": 5}, {"max_neuron_hops": -1}], ids=str)
def test_wrong_options_are_refused_when_the_gate_is_made(options: dict[str, Any]) -> None:
    with pytest.raises(GraphError):
        StimulationGate(CNS([]), started.create_signal(1), **options)


async def test_every_run_gets_the_options_of_the_gate() -> None:
    seen: list[Any] = []
    ctx = object()
    cns = CNS([neuron({}).dendrite(started, lambda payload, axon, ctx: seen.append(ctx.stimulation_context))])
    gate = StimulationGate(cns, started.create_signal(1), stimulation_context=ctx)

    await gate.drain()
    await gate.drain()

    assert seen == [ctx, ctx]
