"""The workloads of durable runs: chains in a SQLite file, a wide frontier, and runs that a dead process has left.

Rates are in hops a second by the clock on the wall, since the work is mostly waiting for the disk, and the garbage
collector is on. Opening and closing the file is not timed; storing a run, its hops and its end is.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from measuring import in_fresh_process

from cnstra import CNS, CNSPersistOptionsRegistry, Collateral, DurableRunner, Neuron, Signal, collateral, neuron
from cnstra.persist.ports import Store

__all__ = ["HOPS", "PAYLOAD", "bytes_per_hop", "hop_rate", "hop_rate_beside", "leave_and_die", "recovery_time"]

HOPS = 200
"""Neurons of the chain."""


@dataclass(frozen=True, slots=True)
class Item:
    """A payload of 100 bytes as JSON."""

    number: int
    text: str


ITEM = Item(10_000, "x" * 73)
PAYLOAD = b'{"number":10000,"text":"%b"}' % ITEM.text.encode()

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph whose neurons and collaterals are registered under the names that they have."""

    cns: CNS[Any]
    registry: CNSPersistOptionsRegistry
    entry: Collateral[Item]

    @classmethod
    def of(cls, entry: Collateral[Item], *neurons: Neuron[Any]) -> Graph:
        """Make the graph that starts at *entry*."""
        registry = CNSPersistOptionsRegistry().register_collateral(entry.name or "", entry)
        for one in neurons:
            registry.register(one.name or "", one)
        return cls(CNS(neurons), registry, entry)

    def runner(self, store: Store | str | Path, **options: Any) -> DurableRunner:
        """Return a runner on *store*, for example on a file."""
        return DurableRunner(self.cns, self.registry, store, **options)

    def signal(self) -> Signal[Item]:
        """Return what starts a run."""
        return self.entry.create_signal(ITEM)


def _emits(*channels: Collateral[Item]) -> dict[str, Collateral[Item]]:
    return {channel.name or "": channel for channel in channels}


def _next_on(channel: Collateral[Item]) -> Callable[[Item], Signal[Item]]:
    return lambda item: channel.create_signal(Item(item.number + 1, item.text))


def _links(entry: Collateral[Item]) -> tuple[list[Neuron[Any]], Collateral[Item]]:
    """Return a chain of `HOPS` neurons that starts at *entry*, and the collateral that it ends on."""
    channels = [entry, *(collateral(Item, name=f"c{place}") for place in range(1, HOPS + 1))]
    neurons = [
        neuron(_emits(emits), name=f"n{place}").dendrite(hears, _next_on(emits))
        for place, (hears, emits) in enumerate(itertools.pairwise(channels))
    ]
    return neurons, channels[-1]


def _chain() -> Graph:
    entry = collateral(Item, name="c0")
    neurons, _ = _links(entry)
    return Graph.of(entry, *neurons)


CHAIN = _chain()


# ---- chains ----------------------------------------------------------------------------------------------------------


def hop_rate(folder: Path, runs: int, times: int = 1, **options: Any) -> float:
    """Return the hops a second of *runs* chains at once, *times* one after the other, in a new file in *folder*."""

    async def measure() -> float:
        async with CHAIN.runner(_new_file(folder), **options) as runner:
            start = perf_counter()
            for _ in range(times):
                await asyncio.gather(*(_complete(runner, CHAIN) for _ in range(runs)))
            return runs * times * HOPS / (perf_counter() - start)

    return asyncio.run(measure())


def bytes_per_hop(folder: Path, runs: int) -> float:
    """Return the size of a closed file that *runs* chains ran in, for each hop."""
    path = _new_file(folder)

    async def fill() -> None:
        async with CHAIN.runner(path, volume="full") as runner:
            await asyncio.gather(*(_complete(runner, CHAIN) for _ in range(runs)))

    asyncio.run(fill())
    return path.stat().st_size / (runs * HOPS)


async def _complete(runner: DurableRunner, graph: Graph) -> None:
    await (await runner.stimulate(graph.signal()))


def _new_file(folder: Path) -> Path:
    return folder / f"durable-{next(_numbers)}.db"


# ---- a wide frontier -------------------------------------------------------------------------------------------------


class Clock:
    """Takes the time of some laps through a chain, beside which other activations are outstanding.

    Attributes:
        rate: Hops a second, of the chain and of the bell that ends a lap.
        ended: Set at the last hop; then the other activations end too.
    """

    def __init__(self, outstanding: int, laps: int = 1) -> None:
        self._outstanding = outstanding
        self._laps = self._left = laps
        self.ended = asyncio.Event()
        self._start = self.rate = 0.0

    def graph(self) -> Graph:
        """Return a graph that activates a waiting body for each outstanding activation, then the chain."""
        entry, waiting, ready, first = (collateral(Item, name=name) for name in ("entry", "waiting", "ready", "c0"))
        neurons, last = _links(first)
        return Graph.of(
            entry,
            neuron(_emits(waiting, ready), name="source").dendrite(
                entry, lambda item: [*[waiting.create_signal(item)] * self._outstanding, ready.create_signal(item)]
            ),
            neuron({}, name="waiter").dendrite(waiting, self._wait),
            neuron(_emits(first), name="clock").dendrite(ready, partial(self._begin, first)),
            *neurons,
            neuron(_emits(first), name="bell").dendrite(last, partial(self._lap, first)),
        )

    async def _wait(self, _: Item) -> None:
        await self.ended.wait()

    async def _begin(self, first: Collateral[Item], item: Item) -> Signal[Item]:
        await asyncio.sleep(0)  # the others came first, so each of them waits in its task after this
        self._start = perf_counter()
        return first.create_signal(item)

    def _lap(self, first: Collateral[Item], item: Item) -> Signal[Item] | None:
        self._left -= 1
        if self._left:
            return first.create_signal(item)
        self.rate = self._laps * (HOPS + 1) / (perf_counter() - self._start)
        self.ended.set()
        return None


def hop_rate_beside(folder: Path, outstanding: int) -> float:
    """Return the hops a second of one chain in a run that has *outstanding* other activations all the time."""

    async def measure() -> float:
        clock = Clock(outstanding)
        graph = clock.graph()
        async with graph.runner(_new_file(folder)) as runner:
            await _complete(runner, graph)
        return clock.rate

    return asyncio.run(measure())


# ---- recovery --------------------------------------------------------------------------------------------------------


def _countdown(at_end: Callable[[Item], Awaitable[None] | None]) -> Graph:
    """Return a graph that loops as often as its entry says, and then calls *at_end*."""
    loop, stop = collateral(Item, name="loop"), collateral(Item, name="stop")

    def count(item: Item) -> Signal[Item]:
        return loop.create_signal(Item(item.number - 1, item.text)) if item.number > 1 else stop.create_signal(item)

    return Graph.of(
        loop,
        neuron(_emits(loop, stop), name="counter").dendrite(loop, count),
        neuron({}, name="end").dendrite(stop, at_end),
    )


def leave_and_die(path: str, runs: int, hops: int) -> None:
    """Bring *runs* runs to their last hop, after *hops* others, and end this process as a crash would."""
    arrived = itertools.count(1)

    async def wait(_: Item) -> None:
        if next(arrived) == runs:
            os._exit(0)
        await asyncio.Event().wait()

    async def leave() -> None:
        graph = _countdown(wait)
        async with graph.runner(Path(path)) as runner:
            for _ in range(runs):
                await runner.stimulate(graph.entry.create_signal(Item(hops, ITEM.text)))
            await runner.wait_until_idle()

    asyncio.run(leave())


def recovery_time(folder: Path, runs: int, hops: int) -> float:
    """Return the milliseconds that a run takes to be taken up and completed, *hops* hops after its start."""
    path = _new_file(folder)
    in_fresh_process(f"import durable_runs; durable_runs.leave_and_die({str(path)!r}, {runs}, {hops})")
    graph = _countdown(lambda _: None)

    async def recover() -> float:
        start = perf_counter()
        async with graph.runner(path) as runner:
            await runner.wait_until_idle()
            taken = perf_counter() - start
            unfinished = (await runner.list(status=("pending", "running", "failed", "aborted"))).runs
            if unfinished:
                raise RuntimeError(f"{len(unfinished)} runs were not completed")
        return taken / runs * 1000

    return asyncio.run(recover())
