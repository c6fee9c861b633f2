"""What a server knows: a graph, a store, or both."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, final

from cnstra.core.cns import CNS
from cnstra.durable import DurableRunner
from cnstra.errors import CNSError, GraphError
from cnstra.graphs import GraphModel
from cnstra.inspection.declared import NO_SECRETS
from cnstra.inspection.details import Details
from cnstra.inspection.graphs import DeclaredGraph
from cnstra.inspection.overviews import GraphSource, Names, distinct_names
from cnstra.inspection.reading import Reader
from cnstra.inspection.redacting import Redaction
from cnstra.inspection.sampling import Sampler, observed_graph
from cnstra.inspection.servant import Servant
from cnstra.inspection.sources import Subject
from cnstra.inspection.views import Views
from cnstra.persist.ports import Store
from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["Known", "MissingError", "SeenGraph"]

_WEEK = 7 * 24 * 3600


class MissingError(CNSError):
    """A tool needs what the server was not given."""


@final
class SeenGraph:
    """A graph with a name for each part.

    Attributes:
        model: Its parts.
        names: Id to name.
        source: Whether it is in the code, or was seen at work.
        is_complete: Of one that was seen: whether every run of a week was looked at.
    """

    def __init__(self, model: GraphModel, source: GraphSource, *, is_complete: bool = True) -> None:
        self.model = model
        self.names: Names = distinct_names(model)
        self.source: GraphSource = source
        self.is_complete = is_complete


@final
class Known:
    """The graph and the store that the tools are about.

    Args:
        source: A runner, a store, or the address of one; ``None``: no runs are known.
        cns: The graph, if *source* is no runner.
        registry: The names of its parts.
        scope: Which graph's runs, if *source* is no runner.
        redaction: What must not be shown.

    Raises:
        GraphError: If there is a contradiction in that, or nothing at all.
        StoreError: If *source* names no store.
    """

    def __init__(
        self,
        source: DurableRunner | Store | str | Path | None,
        cns: CNS[Any] | None,
        registry: CNSPersistOptionsRegistry | None,
        scope: str | None,
        redaction: Redaction,
    ) -> None:
        if source is None and cns is None:
            raise GraphError("a server for assistants is of a graph, of a store, or of both: give one of them")
        self._reader: Reader | None = None
        self.servant: Servant | None = None
        if source is None:
            self.graph = DeclaredGraph(cns, registry) if cns is not None else None
            self.registry = registry
        else:
            subject = Subject(source, cns, registry, scope)
            self._reader, self.servant, self.graph = subject.reader(), subject.servant(), subject.graph
            self.registry = source.registry if isinstance(source, DurableRunner) else registry
        self.redaction = redaction
        self.secrets = NO_SECRETS if self.graph is None else self.graph.secrets
        self.views = Views(redaction)
        self._sampler = None if self._reader is None else Sampler(self._reader, time.time)

    @property
    def has_runs(self) -> bool:
        """Whether there is a store."""
        return self._reader is not None

    @property
    def reader(self) -> Reader:
        """The store.

        Raises:
            MissingError: If there is none.
        """
        if self._reader is None:
            raise MissingError("this server knows no runs: start it with --store URL, or with --runner MODULE:RUNNER")
        return self._reader

    @property
    def sampler(self) -> Sampler:
        """Takes samples of recent runs.

        Raises:
            MissingError: If there is no store.
        """
        assert self.reader is not None  # noqa: S101 - it raises
        assert self._sampler is not None  # noqa: S101 - there is one where there is a reader
        return self._sampler

    @property
    def declared(self) -> DeclaredGraph:
        """The graph with the contracts of its parts.

        Raises:
            MissingError: If it was not given.
        """
        if self.graph is None:
            raise MissingError(
                "this server was given a store without the graph of its application, so that contracts are not known: "
                "start it with --runner MODULE:RUNNER, or --graph MODULE:CNS"
            )
        return self.graph

    async def seen_graph(self) -> SeenGraph:
        """Return the graph as it is declared, or else as far as the runs of the last week show it."""
        if self.graph is not None:
            return SeenGraph(self.graph.model, "declared")
        sample = await self.sampler.of_last(_WEEK)
        return SeenGraph(observed_graph(sample), "observed", is_complete=sample.is_complete)

    def details(self, *, full: bool = False) -> Details:
        """Return what shows records whole."""
        return Details(self.views, self.redaction, self.secrets, full=full)

    async def close(self) -> None:
        """Close the store, if it was opened here."""
        if self.servant is not None:
            await self.servant.close()
        if self._reader is not None:
            await self._reader.close()
