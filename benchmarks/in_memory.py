"""The workloads of the core, each beside a bare way of doing the same.

A function here returns two readings, the yardstick's and ours, in nanoseconds a hop. The clock is that of the thread's
processor time: nothing here waits, so on an idle machine it agrees with a clock on the wall, and on a busy one it
leaves the others out. The garbage collector is off while it runs, for both, and has collected before: which reading one
of its passes falls into is chance, and neither side makes cycles on its way.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from pathlib import Path
from time import thread_time_ns
from typing import Any, TypeAlias

from measuring import Reading

from cnstra import CNS, Axon, Response, Signal, collateral, neuron

__all__ = [
    "array",
    "async_chain",
    "chain_of_three_arguments",
    "chain_of_two_arguments",
    "concurrent_subscribers",
    "fan_out",
    "limited_chain",
    "observed_chain",
    "one_hop",
    "ring",
    "ring_growth",
    "suspending_chain",
]

Handler: TypeAlias = Callable[..., Any]
Readings: TypeAlias = tuple[Reading, Reading]

WIDTH = 1_000
"""Neurons of a chain, subscribers of a fan-out, signals of an array."""
PASSES = 5
"""How often a reading does its work: 5,000 hops take a few milliseconds, and a burst of others spoils few of them."""
BOUNCES = 100_000


def timed(work: Callable[[], object], hops: int) -> Reading:
    """Return a reading of *work*, which makes *hops* hops."""

    def reading() -> float:
        gc.collect()
        gc.disable()
        try:
            start = thread_time_ns()
            work()
            return (thread_time_ns() - start) / hops
        finally:
            gc.enable()

    return reading


def timed_async(work: Callable[[], Awaitable[object]], hops: int) -> Reading:
    """Return a reading of *work* in an event loop of its own; making the loop is not timed."""

    async def reading() -> float:
        gc.collect()
        gc.disable()
        try:
            start = thread_time_ns()
            await work()
            return (thread_time_ns() - start) / hops
        finally:
            gc.enable()

    return lambda: asyncio.run(reading())


class Chain:
    """Neurons in a row: each listens to one collateral and emits on the next.

    Attributes:
        entry: Where the chain starts.
        cns: The graph.
        handlers: Each neuron's handler and its axon, for a loop that does without the graph.
    """

    def __init__(self, make_handler: Callable[[], Handler]) -> None:
        channels = [collateral(int, name=f"c{place}") for place in range(WIDTH + 1)]
        neurons = [
            neuron({"out": emits}, name=f"n{place}").dendrite(hears, make_handler())
            for place, (hears, emits) in enumerate(pairwise(channels))
        ]
        self.entry = channels[0]
        self.cns = CNS(neurons)
        self.handlers: list[tuple[Handler, Axon]] = [
            (dendrite.response, one.axon) for one in neurons for dendrite in one.dendrites
        ]

    def run(self, **options: Any) -> None:
        """Run the graph, `PASSES` times."""
        for _ in range(PASSES):
            self.cns.stimulate(self.entry.create_signal(0), **options)

    async def run_async(self) -> None:
        """Run the graph, `PASSES` times."""
        for _ in range(PASSES):
            await self.cns.stimulate(self.entry.create_signal(0))

    def call(self) -> None:
        """Call the handlers, which take two arguments."""
        for _ in range(PASSES):
            signal = self.entry.create_signal(0)
            for handler, axon in self.handlers:
                signal = handler(signal._payload, axon)  # noqa: SLF001 - the property would make the yardstick slower

    def call_with_context(self) -> None:
        """Call the handlers, which take three arguments; nobody makes a context for them."""
        for _ in range(PASSES):
            signal = self.entry.create_signal(0)
            for handler, axon in self.handlers:
                signal = handler(signal._payload, axon, None)  # noqa: SLF001 - as in `call`


def _two_arguments() -> Handler:
    return lambda payload, axon: axon.out.create_signal(payload + 1)


def _three_arguments() -> Handler:
    return lambda payload, axon, ctx: axon.out.create_signal(payload + 1)  # noqa: ARG005 - taking it is what costs


def _coroutine_function() -> Handler:
    async def handler(payload: int, axon: Any) -> Signal[int]:
        return axon.out.create_signal(payload + 1)  # type: ignore[no-any-return]  # an axon made of a mapping

    return handler


def _suspending_function() -> Handler:
    async def handler(payload: int, axon: Any) -> Signal[int]:
        await asyncio.sleep(0)
        return axon.out.create_signal(payload + 1)  # type: ignore[no-any-return]  # as above

    return handler


def _listen(response: Response) -> None:
    """Do nothing: what counts is what being told costs."""


def chain_of_three_arguments() -> Readings:
    """Compare a chain of handlers that take a context with a loop that calls them."""
    chain = Chain(_three_arguments)
    return timed(chain.call_with_context, PASSES * WIDTH), timed(chain.run, PASSES * WIDTH)


def chain_of_two_arguments() -> Readings:
    """Compare a chain of handlers that take no context with a loop that calls them."""
    chain = Chain(_two_arguments)
    return timed(chain.call, PASSES * WIDTH), timed(chain.run, PASSES * WIDTH)


def observed_chain() -> Readings:
    """Compare a chain that one synchronous listener is told of with the same chain unobserved."""
    chain = Chain(_three_arguments)
    return timed(chain.run, PASSES * WIDTH), timed(lambda: chain.run(on_response=_listen), PASSES * WIDTH)


def limited_chain() -> Readings:
    """Compare a chain under a hop limit with the same chain without."""
    chain = Chain(_three_arguments)
    return timed(chain.run, PASSES * WIDTH), timed(lambda: chain.run(max_neuron_hops=2), PASSES * WIDTH)


def one_hop() -> Readings:
    """Compare runs of one hop with the call of their handler, the signal included in both."""
    entry = collateral(int, name="entry")
    cns = CNS([neuron({}, name="only").dendrite(entry, lambda payload: None)])  # noqa: ARG005 - it gets one
    [handler] = [dendrite.response for one in cns.neurons for dendrite in one.dendrites]

    def call() -> None:
        for _ in range(PASSES * WIDTH):
            handler(entry.create_signal(0)._payload)  # noqa: SLF001 - as in `Chain.call`

    def run() -> None:
        for _ in range(PASSES * WIDTH):
            cns.stimulate(entry.create_signal(0))

    return timed(call, PASSES * WIDTH), timed(run, PASSES * WIDTH)


def async_chain() -> Readings:
    """Compare a chain of coroutine functions that do not suspend with an empty task for each hop, awaited."""
    chain = Chain(_coroutine_function)

    async def nothing() -> None:
        pass

    async def tasks() -> None:
        for _ in range(PASSES * WIDTH):
            await asyncio.create_task(nothing())

    return timed_async(tasks, PASSES * WIDTH), timed_async(chain.run_async, PASSES * WIDTH)


def suspending_chain() -> Readings:
    """Compare a chain of coroutine functions that suspend once with a task for each of them, awaited."""
    chain = Chain(_suspending_function)

    async def tasks() -> None:
        for _ in range(PASSES):
            signal = chain.entry.create_signal(0)
            for handler, axon in chain.handlers:
                signal = await asyncio.create_task(handler(signal._payload, axon))  # noqa: SLF001 - as in `Chain.call`

    return timed_async(tasks, PASSES * WIDTH), timed_async(chain.run_async, PASSES * WIDTH)


def concurrent_subscribers() -> Readings:
    """Compare one signal that wakes 1,000 suspending subscribers with `asyncio.gather` of their handlers."""
    entry = collateral(int, name="entry")

    async def handler(payload: int) -> None:  # noqa: ARG001 - a subscriber gets one
        await asyncio.sleep(0)

    cns = CNS([neuron({}, name=f"n{place}").dendrite(entry, handler) for place in range(WIDTH)])

    async def gather() -> None:
        for _ in range(PASSES):
            await asyncio.gather(*(handler(0) for _ in range(WIDTH)))

    async def run() -> None:
        for _ in range(PASSES):
            await cns.stimulate(entry.create_signal(0))

    return timed_async(gather, PASSES * WIDTH), timed_async(run, PASSES * WIDTH)


def fan_out() -> Readings:
    """Compare one signal that 1,000 neurons take with a loop that calls their handlers."""
    entry = collateral(int, name="entry")
    handlers: Sequence[Handler] = [lambda payload: None for _ in range(WIDTH)]  # noqa: ARG005 - they get one
    cns = CNS([neuron({}, name=f"n{place}").dendrite(entry, handler) for place, handler in enumerate(handlers)])

    def call() -> None:
        for _ in range(PASSES):
            signal = entry.create_signal(0)
            for handler in handlers:
                handler(signal._payload)  # noqa: SLF001 - as in `Chain.call`

    def run() -> None:
        for _ in range(PASSES):
            cns.stimulate(entry.create_signal(0))

    return timed(call, PASSES * WIDTH), timed(run, PASSES * WIDTH)


def array() -> Readings:
    """Compare a handler that emits 1,000 signals, all taken by one neuron, with loops that do the same."""
    entry, item = collateral(int, name="entry"), collateral(int, name="item")
    source = neuron({"item": item}, name="source")

    def emit(payload: int, axon: Any) -> list[Signal[int]]:
        return [axon.item.create_signal(payload + place) for place in range(WIDTH)]

    def take(payload: int) -> None:
        pass

    cns = CNS([source.dendrite(entry, emit), neuron({}, name="sink").dendrite(item, take)])

    def call() -> None:
        for _ in range(PASSES):
            for signal in emit(entry.create_signal(0)._payload, source.axon):  # noqa: SLF001 - as in `Chain.call`
                take(signal._payload)  # noqa: SLF001 - as in `Chain.call`

    def run() -> None:
        for _ in range(PASSES):
            cns.stimulate(entry.create_signal(0))

    return timed(call, PASSES * (WIDTH + 1)), timed(run, PASSES * (WIDTH + 1))


class Ring:
    """Two neurons that bounce a counter between them until it has reached `BOUNCES`."""

    def __init__(self) -> None:
        self.ping = collateral(int, name="ping")
        pong = collateral(int, name="pong")
        self.first = neuron({"out": pong}, name="first").dendrite(self.ping, self.bounce)
        self.second = neuron({"out": self.ping}, name="second").dendrite(pong, self.bounce)
        self.cns = CNS([self.first, self.second])

    @staticmethod
    def bounce(payload: int, axon: Any) -> Signal[int] | None:
        """Send the counter back, one higher."""
        return axon.out.create_signal(payload + 1) if payload < BOUNCES else None

    def call(self) -> None:
        """Bounce without the graph."""
        signal: Signal[int] | None = self.ping.create_signal(1)
        axons = self.first.axon, self.second.axon
        turn = 0
        while signal is not None:
            signal = self.bounce(signal._payload, axons[turn])  # noqa: SLF001 - as in `Chain.call`
            turn = 1 - turn

    def run(self) -> None:
        """Bounce by way of the graph."""
        self.cns.stimulate(self.ping.create_signal(1))


def ring() -> Readings:
    """Compare a ring of two neurons with a loop that calls their handlers."""
    made = Ring()
    return timed(made.call, BOUNCES), timed(made.run, BOUNCES)


def ring_growth() -> float | None:
    """Return by how many bytes a ring raises this process's peak memory; ``None`` where that cannot be told."""
    made = Ring()
    made.cns.stimulate(made.ping.create_signal(BOUNCES))  # one hop, so that everything is loaded
    before = _peak_memory()
    made.run()
    after = _peak_memory()
    return None if before is None or after is None else after - before


def _peak_memory() -> float | None:
    """Return the largest resident size of this process so far, in bytes.

    `resource.getrusage` would include what its parent used.
    """
    status = Path("/proc/self/status")
    if sys.platform != "linux":
        return None
    [kilobytes] = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return float(kilobytes) * 1024
