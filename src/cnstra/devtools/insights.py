"""The part of the API about everything but runs: the graph, neurons, collaterals, workers, health."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cnstra.devtools.answering import json_response
from cnstra.devtools.asking import Asked
from cnstra.devtools.metrics import exposition, gather
from cnstra.devtools.problems import not_found
from cnstra.durable import Keep
from cnstra.graphs import GraphModel, to_dot, to_mermaid
from cnstra.inspection.activity import activity
from cnstra.inspection.declared import without_secret_values
from cnstra.inspection.graphs import DeclaredGraph
from cnstra.inspection.health import health, kept, open_commands
from cnstra.inspection.overviews import distinct_names, overview
from cnstra.inspection.reading import Reader
from cnstra.inspection.redacting import Redaction
from cnstra.inspection.refs import name_of
from cnstra.inspection.sampling import Sample, Sampler, observed_graph
from cnstra.inspection.views import Data, Views
from cnstra.persist.records import RunStatus

__all__ = ["InsightRoutes"]

_TEN_MINUTES: Final = 600
_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR
_LONGEST_WINDOW: Final = 366 * _DAY


@final
@dataclass(frozen=True, slots=True)
class InsightRoutes:
    """Answers about the graph and the store.

    Attributes:
        reader: Has the runs.
        views: Shows records.
        redaction: What must not be shown.
        graph: The graph; ``None`` if it was not given.
        meta: What the DevTools say of themselves.
        feed: Tells how many watch, and how many of their events were dropped.
        sampler: Reads histories.
        retention: What is kept of the runs that are over; ``None`` if that is not known.
        clock: Seconds since the epoch.
    """

    reader: Reader
    views: Views
    redaction: Redaction
    graph: DeclaredGraph | None
    meta: Data
    feed: Callable[[], Data]
    sampler: Sampler
    retention: Mapping[RunStatus, Keep] | None
    clock: Callable[[], float] = time.time

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/meta", self.get_meta),
            Route("/graph", self.get_graph),
            Route("/graph/mermaid", self.get_mermaid),
            Route("/graph/dot", self.get_dot),
            Route("/neurons", self.list_neurons),
            Route("/neurons/{name}", self.get_neuron),
            Route("/neurons/{name}/statistics", self.get_statistics),
            Route("/collaterals", self.list_collaterals),
            Route("/collaterals/{name}", self.get_collateral),
            Route("/statistics", self.list_statistics),
            Route("/workers", self.list_workers),
            Route("/health", self.get_health),
            Route("/activity", self.get_activity),
            Route("/metrics", self.get_metrics),
        ]

    async def get_meta(self, request: Request) -> Response:
        """Show what these DevTools are of."""
        Asked(request)
        return json_response(self.meta)

    async def get_graph(self, request: Request) -> Response:
        """Show the graph: as it is declared, or as far as it was seen at work."""
        if self.graph is not None:
            _window(Asked(request, "window"), _HOUR)
            return json_response(self.graph.overview())
        model, sample = await self._observed(request)
        answer = overview(model, distinct_names(model), "observed", is_complete=sample.is_complete)
        return json_response(answer)

    async def get_mermaid(self, request: Request) -> Response:
        """Show the graph as a Mermaid flowchart."""
        return PlainTextResponse(to_mermaid(await self._model(request)))

    async def get_dot(self, request: Request) -> Response:
        """Show the graph in the language of Graphviz."""
        return PlainTextResponse(to_dot(await self._model(request)))

    async def list_neurons(self, request: Request) -> Response:
        """Show all neurons."""
        Asked(request)
        return json_response({"neurons": [] if self.graph is None else self.graph.brief_neurons()})

    async def get_neuron(self, request: Request) -> Response:
        """Show one neuron with its contract."""
        Asked(request)
        name = name_of(request.path_params["name"])
        found = None if self.graph is None else self.graph.neurons.get(name)
        if found is None:
            raise not_found(f"the graph has no neuron {name!r}{self._why}", "no_neuron")
        context = found["context"]
        return json_response({**found, "context": None if context is None else self._contract(context)})

    async def list_collaterals(self, request: Request) -> Response:
        """Show all collaterals."""
        Asked(request)
        return json_response({"collaterals": [] if self.graph is None else self.graph.brief_collaterals()})

    async def get_collateral(self, request: Request) -> Response:
        """Show one collateral with its contract."""
        Asked(request)
        name = name_of(request.path_params["name"])
        found = None if self.graph is None else self.graph.collaterals.get(name)
        if found is None:
            raise not_found(f"the graph has no collateral {name!r}{self._why}", "no_collateral")
        return json_response({**found, "contract": self._contract(found["contract"])})

    async def list_statistics(self, request: Request) -> Response:
        """Show every neuron in numbers."""
        window = _window(Asked(request, "window"), _HOUR)
        sample = await self.sampler.of_last(window)
        declared = () if self.graph is None else self.graph.neurons
        names = dict.fromkeys([*declared, *sorted(sample.neurons)])
        neurons = [sample.statistics(name) for name in names]
        return json_response({"window": window, "sample": sample.extent(), "neurons": neurons})

    async def get_statistics(self, request: Request) -> Response:
        """Show one neuron in numbers, and its latest activations."""
        window = _window(Asked(request, "window"), _HOUR)
        name = name_of(request.path_params["name"])
        sample = await self.sampler.of_last(window)
        if name not in sample.neurons and (self.graph is None or name not in self.graph.neurons):
            raise not_found(f"no neuron {name!r} was seen in the last {window} seconds{self._why}", "no_neuron")
        latest = sample.neurons[name].latest() if name in sample.neurons else ()
        recent = [{"run": self.views.run(run), "task": self.views.settled(run, task, None)} for run, task in latest]
        answer = {"window": window, "sample": sample.extent(), **sample.statistics(name), "recent": recent}
        return json_response(answer)

    async def list_workers(self, request: Request) -> Response:
        """Show the workers of the store and their leases."""
        Asked(request)
        return json_response({"workers": [self.views.worker(worker) for worker in await self.reader.workers()]})

    async def get_health(self, request: Request) -> Response:
        """Show the store in numbers."""
        Asked(request)
        now = self.clock()
        answer = {
            **await health(self.reader, now),
            "commands": await open_commands(self.reader, now),
            "retention": kept(self.retention),
            "feed": self.feed(),
        }
        return json_response(answer)

    async def get_activity(self, request: Request) -> Response:
        """Show how many runs were stored and ended, over time."""
        window = _window(Asked(request, "window"), _HOUR)
        return json_response(await activity(self.reader, self.clock(), window))

    async def get_metrics(self, request: Request) -> Response:
        """Show the store, its neurons and these DevTools in numbers, as Prometheus collects them."""
        window = Asked(request, "window").whole("window", _TEN_MINUTES, least=0, most=_LONGEST_WINDOW)
        sample = await self.sampler.of_last(window) if window else None
        numbers = await gather(self.reader, self.clock(), meta=self.meta, sample=sample, feed=self.feed())
        text, media_type = exposition(numbers, request.headers.get("accept", ""))
        return Response(text, media_type=media_type)

    def _contract(self, contract: Data) -> Data:
        return {**contract, "schema": without_secret_values(contract["schema"], self.redaction.is_secret_key)}

    async def _model(self, request: Request) -> GraphModel:
        if self.graph is None:
            return (await self._observed(request))[0]
        _window(Asked(request, "window"), _HOUR)
        return self.graph.model

    async def _observed(self, request: Request) -> tuple[GraphModel, Sample]:
        window = _window(Asked(request, "window"), 7 * _DAY)
        sample = await self.sampler.of_last(window)
        return observed_graph(sample), sample

    @property
    def _why(self) -> str:
        return "" if self.graph is not None else "; these DevTools were given a store without its graph"


def _window(asked: Asked, default: int) -> int:
    return asked.whole("window", default, least=1, most=_LONGEST_WINDOW)
