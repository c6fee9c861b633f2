"""What the workers that are measured do: one handler a job, which counts, and the names of its graph."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, collateral, neuron
from cnstra.workers import StimulationJob, stimulation_job

__all__ = ["Item", "counting", "jobs", "make_graph", "make_runner"]


@dataclass(frozen=True, slots=True)
class Item:
    """What a job is about."""

    n: int


item = collateral(Item)


def counting(tally: Path) -> Callable[[Item], None]:
    """Return the work of one job: it adds a byte to a file, from whichever process."""
    file = os.open(tally, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def count(_: Item) -> None:
        os.write(file, b".")

    return count


def make_graph(tally: Path) -> tuple[CNS[Any], CNSPersistOptionsRegistry]:
    """Return a graph of one neuron that does that work, and its names."""
    counter, count = neuron({}), counting(tally)

    @counter.dendrite(item)
    async def handle(one: Item) -> None:
        count(one)

    return CNS([counter]), _names().register("counter", counter)


def make_runner(tally: Path, store: str, *, max_active_runs: int = 0) -> DurableRunner:
    """Return a runner of that graph; its hops are committed one by one, as is the default."""
    cns, registry = make_graph(tally)
    return DurableRunner(cns, registry, store, max_active_runs=max_active_runs, durability="hop")


def jobs(number: int) -> list[StimulationJob]:
    """Return so many jobs."""
    names = _names()
    return [stimulation_job(names, item.create_signal(Item(n)), stimulation_id=f"job-{n}") for n in range(number)]


def _names() -> CNSPersistOptionsRegistry:
    return CNSPersistOptionsRegistry().register_collateral("item", item)
