"""The store, its workers and neurons, and the DevTools themselves, as numbers that Prometheus collects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, final

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from cnstra.inspection.health import health
from cnstra.inspection.reading import Reader
from cnstra.inspection.sampling import NeuronSample, Sample, percentile
from cnstra.inspection.views import Data
from cnstra.persist.records import RunFilter

__all__ = ["Numbers", "exposition", "gather"]

_OPEN: Final = RunFilter(statuses=("pending", "running"))
_OPEN_RUNS: Final = 500
_NEURONS: Final = 200
"""So many neurons at most have numbers of their own, those with the most activations: a label has few values."""
_LONGEST_NAME: Final = 200
_SHARES: Final = (0.5, 0.95, 1.0)


@final
@dataclass(frozen=True, slots=True)
class Numbers:
    """What is told.

    Attributes:
        meta: What the DevTools say of themselves.
        store: The store, as `health` tells it.
        outstanding: How many activations the open runs that were looked at have left.
        is_whole: Whether those are all open runs.
        sample: Recent histories; ``None`` if they were not asked for.
        feed: How many watch, and how many events there were.
    """

    meta: Data
    store: Data
    outstanding: int
    is_whole: bool
    sample: Sample | None
    feed: Mapping[str, int]

    def collect(self) -> Iterable[Metric]:
        """Return the families of metrics."""
        yield InfoMetricFamily("cnstra_devtools", "These DevTools.", {"version": self.meta["version"]})
        yield from self._of_the_store()
        yield _gauge("cnstra_devtools_clients", "Streams of events that are open.", self.feed["clients"])
        yield _counter("cnstra_devtools_events", "Events of the feed.", self.feed["events"])
        yield _counter(
            "cnstra_devtools_overflows",
            "How often a client was so slow that its events were dropped, and it was told to fetch everything again.",
            self.feed["overflows"],
        )
        if self.sample is not None:
            yield from _of_neurons(self.sample)

    def _of_the_store(self) -> Iterable[Metric]:
        store = self.store
        yield _gauges("cnstra_runs", "Stored runs, by status.", "status", store["runs"])
        if store["oldest_open_age"] is not None:
            age = "Seconds since the oldest run that is not over was stored."
            yield _gauge("cnstra_oldest_open_run_age_seconds", age, store["oldest_open_age"])
        outstanding = f"Activations that the newest {_OPEN_RUNS} open runs have left, failed ones included."
        yield _gauge("cnstra_outstanding_activations", outstanding, self.outstanding)
        whole = "Whether cnstra_outstanding_activations is of all open runs."
        yield _gauge("cnstra_outstanding_activations_is_whole", whole, self.is_whole)
        workers = {"living": store["workers"], "expired": store["expired_workers"]}
        yield _gauges("cnstra_workers", "Workers of the store, by whether their lease holds.", "state", workers)
        if store["size"] is not None:
            yield _gauge("cnstra_store_size_bytes", "What the store takes, all scopes together.", store["size"])


async def gather(reader: Reader, now: float, *, meta: Data, sample: Sample | None, feed: Mapping[str, int]) -> Numbers:
    """Ask the store for what is told of it at a moment, in seconds since the epoch."""
    page = await reader.list(_OPEN, limit=_OPEN_RUNS)
    outstanding = sum(run.outstanding for run in page.runs)
    store = await health(reader, now)
    return Numbers(meta, store, outstanding, is_whole=page.cursor is None, sample=sample, feed=feed)


def exposition(numbers: Numbers, accept: str) -> tuple[bytes, str]:
    """Return *numbers* as text, and the type of that text; *accept* is the header of the request."""
    encode, media_type = choose_encoder(accept)
    return encode(numbers), media_type


def _of_neurons(sample: Sample) -> Iterable[Metric]:
    activations = GaugeMetricFamily(
        "cnstra_recent_activations",
        "Activations in the histories of the runs that were stored within the window, by how they ended.",
        labels=["neuron", "outcome"],
    )
    durations = GaugeMetricFamily(
        "cnstra_recent_activation_duration_seconds",
        "Seconds that those of them took that are done: the time that a share (quantile) of them did not exceed.",
        labels=["neuron", "quantile"],
    )
    told: dict[str, NeuronSample] = {}
    for name, seen in sorted(sample.neurons.items(), key=lambda item: (-len(item[1].recent), item[0])):
        if len(told) < _NEURONS:
            told.setdefault(name[:_LONGEST_NAME], seen)
    for label, seen in told.items():
        activations.add_metric([label, "done"], len(seen.durations))
        activations.add_metric([label, "failed"], seen.failed)
        ordered = sorted(seen.durations)
        for share in _SHARES:
            longest = percentile(ordered, share)
            if longest is not None:
                durations.add_metric([label, f"{share:g}"], longest)
    yield activations
    yield durations
    runs = "Runs whose histories were looked at for this."
    yield _gauge("cnstra_recent_runs_looked_at", runs, sample.runs)
    whole = "Whether those are all runs that were stored within the window."
    yield _gauge("cnstra_recent_runs_is_whole", whole, sample.is_complete)
    left_out = f"Neurons that have no numbers of their own here, since {_NEURONS} others had more activations."
    yield _gauge("cnstra_recent_neurons_left_out", left_out, len(sample.neurons) - len(told))


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, figure in values.items():
        family.add_metric([value], figure)
    return family
