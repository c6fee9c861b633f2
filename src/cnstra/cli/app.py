"""The commands, each from a module of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from cnstra import __version__
from cnstra.cli import check, devtools, enqueue, graph, mcp, runs, store, worker

__all__ = ["app"]

app = typer.Typer(
    name="cnstra",
    help="Run, enqueue and look after durable runs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=(
        "Exit codes: 0 done; 1 the answer is no; 2 called wrongly; 3 the store cannot be used; "
        "4 the broker cannot be used."
    ),
)
app.command("worker")(worker.command)
app.command("enqueue")(enqueue.command)
app.command("check")(check.command)
app.command("graph")(graph.command)
app.command("devtools")(devtools.command)
app.add_typer(mcp.app, name="mcp")
app.add_typer(runs.app, name="runs")
app.add_typer(store.app, name="store")


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"cnstra {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Hold the options that every command has."""
