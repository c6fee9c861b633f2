"""What DevTools may be made of: a runner, a store, the address of one; with a graph or without."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, final

from cnstra.core.cns import CNS
from cnstra.durable import DurableRunner, Keep
from cnstra.durable.identity import new_worker_id
from cnstra.errors import GraphError
from cnstra.inspection.elsewhere import StoreElsewhere
from cnstra.inspection.graphs import DeclaredGraph
from cnstra.inspection.reading import Reader
from cnstra.inspection.servant import Servant
from cnstra.persist.ports import Store
from cnstra.persist.records import RunStatus
from cnstra.persist.registry import CNSPersistOptionsRegistry
from cnstra.stores import open_store

__all__ = ["Source", "Subject"]

Source: TypeAlias = DurableRunner | Store | str | Path
"""A runner, which is open; or a store, its URL or its path."""


@final
class Subject:
    """What DevTools are of.

    Args:
        source: Has the runs.
        cns: The graph, if *source* is no runner.
        registry: The stable names of its parts.
        scope: Which graph's runs, if *source* is no runner.

    Raises:
        GraphError: If there is a contradiction in that.
        StoreError: If *source* names no store.
    """

    def __init__(
        self,
        source: Source,
        cns: CNS[Any] | None = None,
        registry: CNSPersistOptionsRegistry | None = None,
        scope: str | None = None,
    ) -> None:
        self._runner = source if isinstance(source, DurableRunner) else None
        self._is_open = self._runner is not None
        self._is_address = isinstance(source, (str, Path))
        if isinstance(source, DurableRunner):
            if cns is not None or registry is not None or scope is not None:
                raise GraphError(
                    "a runner has its graph, registry and scope: give cns, registry and scope with a store"
                )
            cns, registry, scope = source.cns, source.registry, source.scope
            source = source.store
        if registry is not None and cns is None:
            raise GraphError("a registry names the parts of a graph: give cns as well")
        self._store = open_store(source)
        self._scope = scope or ""
        self._cns = cns
        self._registry = registry
        self.graph = None if cns is None else DeclaredGraph(cns, registry)

    def reader(self) -> Reader:
        """Return what reads the store in the event loop that a runner has it open in, or in any loop."""
        return Reader(self._store, self._scope, opens=not self._is_open)

    def reader_for_a_thread(self) -> Reader:
        """Return what reads the store in an event loop that is yet to be made, in another thread.

        A runner, or a store that was made already, belongs to the loop that runs here and now, if one does.

        Raises:
            GraphError: If it is of a runner, and no loop runs.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            if self._is_open:
                raise GraphError("a runner is served from inside its event loop, where it is open") from None
            return self.reader()
        if self._is_address:
            return self.reader()
        return Reader(StoreElsewhere(self._store, loop), self._scope, opens=False)

    @property
    def retention(self) -> Mapping[RunStatus, Keep] | None:
        """What is kept of the runs that are over; ``None`` if that is not known."""
        return None if self._runner is None or not self._runner.obeys else self._runner.retention

    def servant(self) -> Servant | None:
        """Return what carries commands out beside the reader; ``None`` if the runner that was given does it itself."""
        return self._servant(None)

    def servant_for_a_thread(self) -> Servant | None:
        """Return the same for the reader that `reader_for_a_thread` gives."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self._servant(None)
        return self._servant(None if self._is_address else loop)

    def _servant(self, loop: asyncio.AbstractEventLoop | None) -> Servant | None:
        if self._runner is not None:
            return None if self._runner.obeys else Servant(partial(self._runner.observer, obeys=True), loop)
        return Servant(self._made_runner, loop)

    def _made_runner(self) -> DurableRunner:
        return DurableRunner(
            CNS(()) if self._cns is None else self._cns,
            CNSPersistOptionsRegistry() if self._registry is None else self._registry,
            self._store,
            scope=self._scope,
            worker_id=f"devtools-{new_worker_id()}",  # so that nobody waits for it to take up runs
            max_active_runs=0,
            retention=None,
            handle_sigterm=False,
        )
