"""The workloads of any store, which is named by its address: chains, a wide frontier, recovery.

Rates are in hops a second by the clock on the wall. What would leave much to tidy up runs in a process of its own,
which ends as a crash would.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, NoReturn, final

from durable_runs import CHAIN, HOPS, ITEM, Clock, Graph, Item
from measuring import in_fresh_process

from cnstra import DurableRunner, Signal, collateral, neuron

__all__ = [
    "chain_rate",
    "leave_and_die",
    "leave_stale_runs",
    "open_chains",
    "rate_beside",
    "rate_beside_and_die",
    "recover_and_die",
    "recovery_time",
]

LAPS = 10
"""Through the chain, beside a wide frontier."""
PATIENCE = 600.0
"""Seconds after which a process gives up: a run that has failed will never come to where it is expected."""
OUTSTANDING = 3
"""Tasks of a run that was left behind."""


# ---- chains ----------------------------------------------------------------------------------------------------------


def chain_rate(store: str, runs: int, times: int = 1, **options: Any) -> float:
    """Return the hops a second of *runs* chains at once, *times* one after the other, with their admission and end."""

    async def measure() -> float:
        async with CHAIN.runner(store, **options) as runner:
            await _complete(runner)  # connections and prepared statements are there after this
            return await _rate(runner, runs, times)

    return asyncio.run(measure())


@contextmanager
def open_chains(store: str) -> Iterator[Callable[[int, int], float]]:
    """Yield what `chain_rate` is in a store that stays open from reading to reading, as that of a worker does."""
    with asyncio.Runner() as loop:
        runner = CHAIN.runner(store, handle_sigterm=False)
        loop.run(runner.open())
        try:
            yield lambda runs, times: loop.run(_rate(runner, runs, times))
        finally:
            loop.run(runner.close())


async def _rate(runner: DurableRunner, runs: int, times: int) -> float:
    start = perf_counter()
    for _ in range(times):
        await asyncio.gather(*(_complete(runner) for _ in range(runs)))
    return runs * times * HOPS / (perf_counter() - start)


async def _complete(runner: DurableRunner) -> None:
    await (await runner.stimulate(CHAIN.signal()))


# ---- a wide frontier -------------------------------------------------------------------------------------------------


def rate_beside(store: str, outstanding: int) -> float:
    """Return the hops a second of one chain in a run that has *outstanding* other activations all the time."""
    return float(in_fresh_process(f"import store_runs; store_runs.rate_beside_and_die({store!r}, {outstanding})"))


def rate_beside_and_die(store: str, outstanding: int) -> None:
    """Print that rate."""

    async def measure() -> None:
        clock = Clock(outstanding, LAPS)
        graph = clock.graph()
        async with asyncio.timeout(PATIENCE), graph.runner(store) as runner:
            await runner.stimulate(graph.signal())
            await clock.ended.wait()
            _say_and_die(clock.rate)

    asyncio.run(measure())


# ---- recovery --------------------------------------------------------------------------------------------------------


@final
class Waiters:
    """Bodies that wait for ever, and an event that is set when so many do."""

    def __init__(self, expected: int) -> None:
        self._left = expected
        self.all_wait = asyncio.Event()

    async def wait(self, _: Item) -> None:
        """Be one of them."""
        self._left -= 1
        if not self._left:
            self.all_wait.set()
        await asyncio.Event().wait()


def _countdown(waiters: Waiters) -> Graph:
    """Return a graph that loops as often as its entry says, and then has some activations that wait."""
    loop, stop = collateral(Item, name="loop"), collateral(Item, name="stop")

    def count(item: Item) -> Signal[Item] | list[Signal[Item]]:
        if item.number > 1:
            return loop.create_signal(Item(item.number - 1, item.text))
        return [stop.create_signal(item) for _ in range(OUTSTANDING)]

    return Graph.of(
        loop,
        neuron({"loop": loop, "stop": stop}, name="counter").dendrite(loop, count),
        neuron({}, name="end").dendrite(stop, waiters.wait),
    )


def leave_stale_runs(store: str, runs: int, hops: int) -> None:
    """Leave *runs* runs of a dead process in *store*, each with some outstanding tasks after *hops* hops.

    They are in a scope of their own, so that runs of various length can be in one store.
    """
    in_fresh_process(f"import store_runs; store_runs.leave_and_die({store!r}, {runs}, {hops})")


def leave_and_die(store: str, runs: int, hops: int) -> None:
    """Do that, as the process that dies."""

    async def leave() -> None:
        waiters = Waiters(runs * OUTSTANDING)
        graph = _countdown(waiters)
        signal = graph.entry.create_signal(Item(hops, ITEM.text))
        async with asyncio.timeout(PATIENCE), graph.runner(store, scope=_scope(hops)) as runner:
            for _ in range(runs):
                await runner.stimulate(signal)
            await waiters.all_wait.wait()
            os._exit(0)

    asyncio.run(leave())


def recovery_time(store: str, runs: int, hops: int) -> float:
    """Return the milliseconds that each of them takes until its outstanding tasks have begun in another process."""
    return float(in_fresh_process(f"import store_runs; store_runs.recover_and_die({store!r}, {runs}, {hops})"))


def recover_and_die(store: str, runs: int, hops: int) -> None:
    """Print that time, and leave the runs as they were."""

    async def recover() -> None:
        waiters = Waiters(runs * OUTSTANDING)
        start = perf_counter()
        options = {"scope": _scope(hops), "max_active_runs": runs, "max_recoveries": None}
        async with asyncio.timeout(PATIENCE), _countdown(waiters).runner(store, **options):
            await waiters.all_wait.wait()
            _say_and_die((perf_counter() - start) / runs * 1000)

    asyncio.run(recover())


def _scope(hops: int) -> str:
    return f"{hops} hops"


def _say_and_die(figure: float) -> NoReturn:
    print(figure, flush=True)
    os._exit(0)
