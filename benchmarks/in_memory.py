"""The workloads of the core, each beside a bare way of doing the same.

Every reading is in nanoseconds for each hop. The garbage collector is off while the clock runs, for both sides, and collects
before it starts: whether one of its passes falls into a reading is chance, and neither side makes cycles on its way.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from measuring import Reading

from cnstra import CNS, Collateral, Neuron, Response, Signal, collateral, neuron

__all__ = [
    "array",
    "async_chain",
    "async_fan_out",
    "chain",
    "fan_out",
    "observed_chain",
    "one_hop",
    "ring",
    "ring_growth",
    "suspending_chain",
]

WIDTH = 1_000
"""Neurons of a chain, subscribers of a fan-out, signals of an array."""
PASSES = 10
"""How often a reading does its work; 10,000 hops take 5 ms, less than the scheduler's time slice."""


def timed(work: Callable[[], object], hops: int) -> Reading:
    """Return a reading of *work*, which is called once for *hops* hops."""

    def reading() -> float:
        gc.collect()
        gc.disable()
        try:
            start = perf_counter_ns()
            work()
            return (perf_counter_ns() - start) / hops
        finally:
            gc.enable()

    return reading


def timed_async(work: Callable[[], Awaitable[object]], hops: int) -> Reading:
    """Return a reading of *work* in an event loop of its own, whose making is not timed."""

    async def reading() -> float:
        gc.collect()
        gc.disable()
        try:
            start = perf_counter_ns()
            await work()
            return (perf_counter_ns() - start) / hops
        finally:
            gc.enable()

    return lambda: asyncio.run(reading())


def _links(make_handler: Callable[[], Callable[..., Any]]) -> tuple[list[Collateral[int]], list[Neuron[Any]]]:
    """Return a chain: each neuron listens to one collateral and emits on the next."""
    channels = [collateral(int, name=f"c{place}") for place in range(WIDTH + 1)]
    neurons = [
        neuron({"out": channels[place + 1]}, name=f"n{place}").dendrite(channels[place], make_handler())
        for place in range(WIDTH)
    ]
    return channels, neurons


def _handlers(neurons: list[Neuron[Any]]) -> list[tuple[Callable[..., Any], Any]]:
    return [(dendrite.response, one.axon) for one in neurons for dendrite in one.dendrites]


def _two_arguments() -> Callable[..., Any]:
    return lambda payload, axon: axon.out.create_signal(payload + 1)


def _three_arguments() -> Callable[..., Any]:
    return lambda payload, axon, ctx: axon.out.create_signal(payload + 1)  # noqa: ARG005 - to take one is the point


def _listen(response: Response) -> None:
    """Do nothing: what it costs to be told is measured, not what a listener does with it."""


def chain(arity: int) -> tuple[Reading, Reading]:
    """Return readings of a synchronous chain; the yardstick calls the same handlers in a loop."""
    channels, neurons = _links(_two_arguments if arity == 2 else _three_arguments)  # noqa: PLR2004 - or three
    handlers = _handlers(neurons)
    rest = (None,) * (arity - 2)
    cns = CNS(neurons)

    def bare() -> None:
        for _ in range(PASSES):
            signal = channels[0].create_signal(0)
            for handler, axon in handlers:
                signal = handler(signal._payload, axon, *rest)  # noqa: SLF001 - the property would slow the yardstick

    def bare_of_three() -> None:
        for _ in range(PASSES):
            signal = channels[0].create_signal(0)
            for handler, axon in handlers:
                signal = handler(signal._payload, axon, None)  # noqa: SLF001 - as above

    def bare_of_two() -> None:
        for _ in range(PASSES):
            signal = channels[0].create_signal(0)
            for handler, axon in handlers:
                signal = handler(signal._payload, axon)  # noqa: SLF001 - as above

    def ours() -> None:
        for _ in range(PASSES):
            cns.stimulate(channels[0].create_signal(0))

    hops = PASSES * WIDTH
    del bare
    return timed(bare_of_two if arity == 2 else bare_of_three, hops), timed(ours, hops)  # noqa: PLR2004 - or three
