"""``cnstra devtools``: the runs of a store in a browser, also when their application is dead."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cnstra.cli.ending import CommandError, Exit, finish
from cnstra.cli.places import DirOption, Place, RunnerOption, ScopeOption, StoreOption
from cnstra.cli.redacting import Discretion, HookOption, KeysOption

if TYPE_CHECKING:
    from cnstra.devtools.app import Options

__all__ = ["command"]

_TOKEN: Final = "CNSTRA_DEVTOOLS_TOKEN"  # noqa: S105 - the name of a variable; in an argument all could read it


def command(
    *,
    store: StoreOption = None,
    runner: RunnerOption = None,
    scope: ScopeOption = None,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")] = 8181,
    known_as: Annotated[
        list[str] | None, typer.Option("--known-as", metavar="HOST", help="A name that the server goes by, besides.")
    ] = None,
    redact_keys: KeysOption = None,
    redact: HookOption = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Let nobody do anything beside looking.")] = False,
    directory: DirOption = Path(),
) -> None:
    """Show the runs of a store in a browser, until SIGTERM or SIGINT (Ctrl-C), and carry out what is ordered there.

    A login link is printed on standard error. With a runner the graph is that of the application, and else what recent
    runs show of it. The token that opens the door is made anew, unless CNSTRA_DEVTOOLS_TOKEN has one; an address that
    others can reach needs one.
    """
    options: Options = {"hosts": known_as or (), "read_only": read_only}
    if token := os.environ.get(_TOKEN):
        options["token"] = token
    place, discretion = Place(store, runner, scope, directory), Discretion(redact_keys, redact)
    finish(partial(_serve, place, discretion, host, port, options))


def _serve(place: Place, discretion: Discretion, host: str, port: int, options: Options) -> Exit:
    try:
        from cnstra.devtools import run  # noqa: PLC0415 - its server is an extra
    except ImportError as error:
        raise CommandError(str(error)) from error
    shown = asyncio.run(place.shown())
    options["scope"] = shown.scope
    options["redact_keys"], options["redact"] = discretion.pattern, discretion.function(place.directory)
    if shown.runner is not None:
        options["cns"], options["registry"] = shown.runner.cns, shown.runner.registry
    try:
        run(shown.store, host=host, port=port, **options)
    except OSError as error:
        raise CommandError(
            f"DevTools cannot listen on {host}:{port}: {error.strerror or error}; --port 0 takes a free port"
        ) from error
    return Exit.DONE
