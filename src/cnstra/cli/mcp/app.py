"""``cnstra mcp`` serves; ``cnstra mcp init`` has assistants start it."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import redirect_stdout
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, final

import typer

from cnstra.cli.ending import CommandError, Exit, finish
from cnstra.cli.loading import load_graph, load_registry
from cnstra.cli.mcp import setting_up
from cnstra.cli.places import DirOption, Place, RunnerOption, ScopeOption, StoreOption, names_store
from cnstra.cli.redacting import Discretion, HookOption, KeysOption
from cnstra.durable import DurableRunner

if TYPE_CHECKING:
    from cnstra.mcp.server import Options
    from cnstra.persist.ports import Store

__all__ = ["app"]

app = typer.Typer(invoke_without_command=True)
app.command("init")(setting_up.command)

_TOKEN: Final = "CNSTRA_DEVTOOLS_TOKEN"  # noqa: S105 - the name of a variable; in an argument all could read it


class Transport(StrEnum):
    """How an assistant is served."""

    STDIO = "stdio"
    HTTP = "http"


@app.callback()
def serve(
    context: typer.Context,
    *,
    store: StoreOption = None,
    runner: RunnerOption = None,
    graph: setting_up.GraphOption = None,
    registry: setting_up.RegistryOption = None,
    scope: ScopeOption = None,
    allow_actions: setting_up.ActionsOption = False,
    transport: Annotated[
        Transport, typer.Option("--transport", help="stdio for the assistant that starts it, http for others.")
    ] = Transport.STDIO,
    host: Annotated[str, typer.Option("--host", help="With http: the address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="With http: the port; 0 takes a free one.")
    ] = 8182,
    known_as: Annotated[
        list[str] | None, typer.Option("--known-as", metavar="HOST", help="A name that the server goes by, besides.")
    ] = None,
    redact_keys: KeysOption = None,
    redact: HookOption = None,
    directory: DirOption = Path(),
) -> None:
    """Show the graph and the runs to an assistant (Model Context Protocol), until it goes or is stopped by Ctrl-C.

    A store is enough for the tools about runs, also while the application is dead; a graph is enough for those about
    the graph; a runner has both. Over http the token that opens the door is made anew and printed on standard error,
    unless CNSTRA_DEVTOOLS_TOKEN has one; an address that others can reach needs one.
    """
    if context.invoked_subcommand is not None:
        return
    subject = Subject(Place(store, runner, scope, directory), graph, registry)
    discretion = Discretion(redact_keys, redact)
    listening = (host, port, known_as or ()) if transport is Transport.HTTP else None
    finish(partial(_serve, subject, discretion, listening, allow_actions=allow_actions))


@final
class Subject:
    """What the command line says about what is to be shown."""

    def __init__(self, place: Place, graph: str | None, registry: str | None) -> None:
        self.place = place
        self._graph = graph
        self._registry = registry

    async def options(self) -> tuple[Store | None, Options]:
        """Return the store, if there is one, and the options of a server.

        Raises:
            CommandError: If nothing is named, or what is named is not there, or contradicts itself.
        """
        options: Options = {"scope": self.place.scope}
        if self.place.runner is not None and self._graph is not None:
            raise CommandError("--runner has a graph: leave out --graph, or leave it out")
        if self._registry is not None and self._graph is None:
            raise CommandError("--registry gives the parts of a graph their names: say --graph MODULE:CNS, too")
        if self._graph is not None:
            await self._take_graph(self._graph, options)
        if not names_store(self.place):
            if self._graph is None:
                raise CommandError(
                    "what is to be shown? say --store URL or --runner MODULE:RUNNER, or --graph MODULE:CNS for no runs"
                )
            return None, {**options, "scope": None}
        found = await self.place.shown()
        options["scope"] = found.scope
        if found.runner is not None:
            options["cns"], options["registry"] = found.runner.cns, found.runner.registry
        return found.store, options

    async def _take_graph(self, target: str, options: Options) -> None:
        directory = self.place.directory.resolve()
        graph = await load_graph(target, directory)
        options["cns"] = graph.cns if isinstance(graph, DurableRunner) else graph
        options["registry"] = graph.registry if isinstance(graph, DurableRunner) else None
        if self._registry is not None:
            named = await load_registry(self._registry, directory)
            options["registry"] = named.registry if isinstance(named, DurableRunner) else named


def _serve(
    subject: Subject,
    discretion: Discretion,
    listening: tuple[str, int, list[str] | tuple[()]] | None,
    *,
    allow_actions: bool,
) -> Exit:
    try:
        from cnstra.mcp import run_http, run_stdio  # noqa: PLC0415 - its SDK is an extra
    except ImportError as error:
        raise CommandError(str(error)) from error
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)-7s %(name)s: %(message)s")
    with redirect_stdout(sys.stderr):  # what an application prints when it is imported is not for the assistant
        store, options = asyncio.run(subject.options())
    options["redact_keys"], options["redact"] = discretion.pattern, discretion.function(subject.place.directory)
    options["allow_actions"] = allow_actions
    if listening is None:
        if sys.stdin.isatty():
            sys.stderr.write("cnstra: an assistant starts this and talks to it here; `cnstra mcp init` has it do so\n")
        run_stdio(store, **options)
        return Exit.DONE
    host, port, known_as = listening
    try:
        run_http(store, host=host, port=port, token=os.environ.get(_TOKEN) or None, hosts=known_as, **options)
    except OSError as error:
        raise CommandError(
            f"the server cannot listen on {host}:{port}: {error.strerror or error}; --port 0 takes a free port"
        ) from error
    return Exit.DONE
