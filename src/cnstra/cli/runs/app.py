"""The commands about runs, each from a module of its own."""

from __future__ import annotations

import typer

from cnstra.cli.runs import aborting, copying, dropping, listing, retrying, showing, tailing

__all__ = ["app"]

app = typer.Typer(
    help=(
        "Look at stored runs, and act on them. --store, or $CNSTRA_STORE, is enough for all but clone and fork, also "
        "while the application is dead."
    ),
    no_args_is_help=True,
)
app.command("list")(listing.command)
app.command("show")(showing.show)
app.command("tail")(tailing.command)
app.command("retry")(retrying.command)
app.command("clone")(copying.clone)
app.command("fork")(copying.fork)
app.command("abort")(aborting.command)
app.command("delete")(dropping.delete)
app.command("purge")(dropping.purge)
app.command("export")(showing.export)
