"""Where the runs are that a command is about: in a store alone, or in that of an application."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeAlias, final
from urllib.parse import unquote

import typer

from cnstra.cli.ending import CommandError, Exit
from cnstra.cli.loading import load_runner
from cnstra.core.cns import CNS
from cnstra.durable import DurableRunner
from cnstra.persist.ports import Store
from cnstra.persist.registry import CNSPersistOptionsRegistry
from cnstra.stores import open_store

__all__ = ["DirOption", "JsonOption", "Place", "RunnerOption", "ScopeOption", "Shown", "StoreOption", "names_store"]

StoreOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="The address of the store; $CNSTRA_STORE unless given."),
]
RunnerOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--runner", metavar="MODULE:RUNNER", help="A DurableRunner, or a function that makes it."),
]
ScopeOption: TypeAlias = Annotated[
    str | None, typer.Option("--scope", help="Which graph's runs; the runner's scope, or the one without a name.")
]
DirOption: TypeAlias = Annotated[Path, typer.Option("--dir", help="Where to look for the module first.")]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_ENVIRONMENT: Final = "CNSTRA_STORE"
_SQLITE: Final = "sqlite:///"


@final
@dataclass(frozen=True, slots=True)
class Shown:
    """A store that is not open, and the runner of its application, if one is named."""

    store: Store
    scope: str
    runner: DurableRunner | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Store]:
        """Open the store to look at it, as nobody: no worker is added to it.

        Raises:
            StoreError: If it cannot be used.
        """
        await self.store.open()
        try:
            yield self.store
        finally:
            await self.store.close()


@final
@dataclass(frozen=True, slots=True)
class Place:
    """What the command line says about where the runs are.

    Attributes:
        store: Address of a store; goes before the one of the runner.
        runner: Names a runner of the application.
        scope: Goes before the one of the runner.
        directory: Where to look for the runner's module first.
    """

    store: str | None = None
    runner: str | None = None
    scope: str | None = None
    directory: Path = Path()

    @asynccontextmanager
    async def reading(self, *, new: bool = False) -> AsyncIterator[tuple[Store, str]]:
        """Open the store to look at it, as nobody: no worker is added to it. Yields it and the scope.

        Args:
            new: Let it come to be, if it is a file that is not there.

        Raises:
            CommandError: If no store is named, or there is none.
            StoreError: If it cannot be used.
        """
        found = await self.shown(new=new)
        async with found.opened() as store:
            yield store, found.scope

    @asynccontextmanager
    async def acting(self) -> AsyncIterator[DurableRunner]:
        """Open a runner that takes no runs; of the application's graph, or, where none is named, of an empty one.

        Raises:
            CommandError: If no store is named, or there is none.
            StoreError: If it cannot be used.
        """
        async with await self._observer() as runner:
            yield runner

    @asynccontextmanager
    async def acting_with_graph(self) -> AsyncIterator[DurableRunner]:
        """Open a runner that takes no runs, of the application's graph.

        Raises:
            CommandError: If no runner is named.
            StoreError: If its store cannot be used.
        """
        if self.runner is None:
            raise CommandError("this needs the graph of the application: say --runner MODULE:RUNNER")
        async with await self._observer() as runner:
            yield runner

    async def shown(self, *, new: bool = False) -> Shown:
        """Return what somebody else may open and show.

        Args:
            new: Let the store come to be, if it is a file that is not there.

        Raises:
            CommandError: If no store is named, or there is none.
        """
        if self.runner is not None:
            found = await load_runner(self.runner, self.directory.resolve())
            store = found.store if self.store is None else _named(self.store, new=new)
            return Shown(store, found.scope if self.scope is None else self.scope, found)
        url = self.store or os.environ.get(_ENVIRONMENT)
        if not url:
            raise CommandError(
                f"which store? say --store URL, set {_ENVIRONMENT}, or say --runner MODULE:RUNNER; "
                "an address is such as sqlite:///runs.db or postgresql://host/database"
            )
        return Shown(_named(url, new=new), self.scope or "")

    async def label(self) -> str:
        """Return the name of the store, without secrets.

        Raises:
            CommandError: If no store is named, or there is none.
        """
        found = await self.shown()
        return f"{found.store.label}, scope {found.scope!r}" if found.scope else found.store.label

    async def _observer(self) -> DurableRunner:
        if self.runner is not None:
            found = await load_runner(self.runner, self.directory.resolve())
            if self.scope in (None, found.scope):
                return found.observer(None if self.store is None else _named(self.store))
            return _observer_of(found.cns, found.registry, await self.shown())
        return _observer_of(CNS([]), CNSPersistOptionsRegistry(), await self.shown())


def names_store(place: Place) -> bool:
    """Tell whether the command line, or the environment, says where the runs are."""
    return bool(place.store or place.runner or os.environ.get(_ENVIRONMENT))


def _observer_of(cns: CNS[None], registry: CNSPersistOptionsRegistry, place: Shown) -> DurableRunner:
    return DurableRunner(
        cns,
        registry,
        place.store,
        scope=place.scope,
        max_active_runs=0,
        retention=None,
        handle_sigterm=False,
        obeys=False,
    )


def _named(url: str, *, new: bool = False) -> Store:
    """Return the store of an address; a file that is not there is a wrong address, and must not come to be."""
    store = open_store(url)
    if url.startswith("memory:"):
        raise CommandError("a store in memory is gone with its process; name another one")
    if url.startswith(_SQLITE) and not new:
        path = Path(unquote(url.removeprefix(_SQLITE)))
        if not path.exists():
            raise CommandError(f"there is no file {str(path.absolute())!r}; is the address right?", Exit.STORE)
    return store
