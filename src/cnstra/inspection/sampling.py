"""Neurons in numbers, and the graph that can be seen at work: read off the histories of recent runs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, final

from cnstra.graphs import CollateralNode, DendriteNode, Emission, GraphModel, NeuronNode, group_of
from cnstra.inspection.reading import Reader
from cnstra.inspection.refs import ref_of
from cnstra.inspection.views import Data
from cnstra.persist.records import RunFilter, RunRecord, StoredTask

__all__ = ["NeuronSample", "Sample", "Sampler", "observed_graph", "percentile"]

Edge: TypeAlias = tuple[str | None, str, str]
_RUNS: Final = 200
_HOPS: Final = 20_000
_RECENT: Final = 20
_PAGE: Final = 50
_FRESH: Final = 2.0


@final
@dataclass(slots=True)
class NeuronSample:
    """What was seen of one neuron.

    Attributes:
        durations: In seconds, of the activations that are done.
        failed: How many failed.
        recent: Its latest activations, with their runs.
    """

    durations: list[float] = field(default_factory=list)
    failed: int = 0
    recent: list[tuple[RunRecord, StoredTask]] = field(default_factory=list)

    def add(self, run: RunRecord, stored: StoredTask) -> None:
        """Count one activation."""
        if stored.settled.status == "done":
            self.durations.append(stored.settled.duration)
        else:
            self.failed += 1
        self.recent.append((run, stored))

    def latest(self) -> list[tuple[RunRecord, StoredTask]]:
        """Return some of the activations, those that began last first."""
        return sorted(self.recent, key=lambda found: -found[1].settled.started_at)[:_RECENT]


@final
class Sample:
    """Recent histories, at most so many.

    Attributes:
        runs: How many runs were looked at.
        tasks: How many activations those have.
        is_complete: Whether there are no others in the window.
        neurons: What was seen of each neuron, by its name.
        edges: Which neuron (``None``: the outside) was seen to activate which, by way of which collateral.
    """

    def __init__(self) -> None:
        self.runs = 0
        self.tasks = 0
        self.is_complete = True
        self.neurons: dict[str, NeuronSample] = {}
        self.edges: set[Edge] = set()

    def add(self, run: RunRecord, history: Sequence[StoredTask]) -> None:
        """Count one run."""
        self.runs += 1
        self.tasks += len(history)
        neuron_of = {stored.settled.ordinal: stored.settled.task.neuron_name for stored in history}
        for stored in history:
            task = stored.settled.task
            self.neurons.setdefault(task.neuron_name, NeuronSample()).add(run, stored)
            producer = None if stored.input is None else stored.input.producer
            source = None if producer is None else neuron_of.get(producer)
            self.edges.add((source, task.collateral_name, task.neuron_name))

    def statistics(self, name: str) -> Data:
        """Return one neuron in numbers."""
        seen = self.neurons.get(name, NeuronSample())
        durations = sorted(seen.durations)
        return {
            "name": name,
            "ref": ref_of(name),
            "done": len(durations),
            "failed": seen.failed,
            "p50": percentile(durations, 0.5),
            "p95": percentile(durations, 0.95),
            "longest": durations[-1] if durations else None,
        }

    def extent(self) -> Data:
        """Return how much was looked at."""
        return {"runs": self.runs, "tasks": self.tasks, "is_complete": self.is_complete}


@final
class Sampler:
    """Takes samples, one at a time, and gives each to all who ask within some seconds: it takes many reads.

    Args:
        reader: The store.
        clock: Seconds since the epoch.
    """

    def __init__(self, reader: Reader, clock: Callable[[], float]) -> None:
        self._reader = reader
        self._clock = clock
        self._lock = asyncio.Lock()
        self._taken: tuple[int, float, Sample] | None = None

    async def of_last(self, seconds: int) -> Sample:
        """Return a sample of the runs that were stored in so many seconds."""
        async with self._lock:
            now = self._clock()
            if self._taken is not None:
                window, at, sample = self._taken
                if window == seconds and 0 <= now - at < _FRESH:
                    return sample
            sample = await _taken(self._reader, now - seconds)
            self._taken = seconds, self._clock(), sample
            return sample


async def _taken(reader: Reader, created_after: float) -> Sample:
    """Read the newest histories of runs that were stored since then, until there are enough."""
    sample = Sample()
    where, cursor = RunFilter(created_after=created_after), None
    while True:
        page = await reader.list(where, limit=_PAGE, cursor=cursor)
        for run in page.runs:
            if sample.runs >= _RUNS or sample.tasks + run.hop_count > _HOPS:
                sample.is_complete = False
                return sample
            sample.add(run, await reader.history(run) if run.volume == "full" else [])
        if page.cursor is None:
            return sample
        cursor = page.cursor


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the value that *share* of the ordered values do not exceed (nearest rank); ``None`` if there are none."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else None


def observed_graph(sample: Sample) -> GraphModel:
    """Return the graph as far as it was seen at work, where the code of it is not at hand."""
    names = sorted({name for source, _, target in sample.edges for name in (source, target) if name is not None})
    ids = {name: f"n{number}" for number, name in enumerate(names)}
    channels = {name: f"c{number}" for number, name in enumerate(sorted({edge[1] for edge in sample.edges}))}
    return GraphModel(
        neurons=[_neuron(name, ids[name], channels, sample.edges) for name in names],
        collaterals=[_collateral(name, id, ids, sample.edges) for name, id in channels.items()],
        cycles=(),
    )


def _neuron(name: str, id: str, channels: Mapping[str, str], edges: Collection[Edge]) -> NeuronNode:
    emits = sorted({collateral for source, collateral, _ in edges if source == name})
    listens = sorted({collateral for _, collateral, target in edges if target == name})
    return NeuronNode(
        id=id,
        name=name,
        registered=True,
        doc=None,
        context_type=None,
        concurrency=None,
        max_duration=None,
        emits=[Emission(one, channels[one]) for one in emits],
        dendrites=[_dendrite(channels[one]) for one in listens],
        group=group_of(name),
    )


def _dendrite(channel: str) -> DendriteNode:
    return DendriteNode(
        collateral=channel,
        index=0,
        handler="",
        doc=None,
        file=None,
        line=None,
        mode="sync",
        transactional=False,
        modalities=(),
    )


def _collateral(name: str, id: str, ids: Mapping[str, str], edges: Collection[Edge]) -> CollateralNode:
    own = [edge for edge in edges if edge[1] == name]
    return CollateralNode(
        id=id,
        name=name,
        registered=True,
        payload_type=None,
        version=1,
        emitters=[ids[one] for one in sorted({source for source, _, _ in own if source is not None})],
        subscribers=[ids[one] for one in sorted({target for _, _, target in own})],
    )
