"""``cnstra graph``: what a graph consists of, for a person, a document or a program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from cnstra.cli.ending import Exit, run
from cnstra.cli.loading import load_graph, load_registry
from cnstra.cli.places import DirOption
from cnstra.cli.shown import print_text
from cnstra.durable import DurableRunner
from cnstra.graphs import GraphModel, read_graph, to_dot, to_json, to_markdown, to_mermaid

__all__ = ["command"]


class Format(StrEnum):
    """What the graph is shown as."""

    MARKDOWN = "md"
    MERMAID = "mermaid"
    DOT = "dot"
    JSON = "json"


_WRITERS: Final[Mapping[Format, Callable[[GraphModel], str]]] = {
    Format.MARKDOWN: to_markdown,
    Format.MERMAID: to_mermaid,
    Format.DOT: to_dot,
    Format.JSON: to_json,
}


def command(
    target: Annotated[
        str, typer.Argument(metavar="MODULE:CNS", help="A CNS, a DurableRunner, or a function that makes one of them.")
    ],
    *,
    format_: Annotated[Format, typer.Option("--format", "-f", help="What it is shown as.")] = Format.MARKDOWN,
    registry: Annotated[
        str | None,
        typer.Option(metavar="MODULE:REGISTRY", help="What gives its parts their stored names; a runner has one."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    directory: DirOption = Path(),
) -> None:
    """Show a graph: what each neuron listens to and emits, and who is next. Nothing is run."""
    chosen = Format.JSON if as_json else format_
    run(_show(target, registry, chosen, directory.resolve()))


async def _show(target: str, registry: str | None, chosen: Format, directory: Path) -> Exit:
    found = await load_graph(target, directory)
    cns = found.cns if isinstance(found, DurableRunner) else found
    names = found.registry if isinstance(found, DurableRunner) else None
    if registry is not None:
        named = await load_registry(registry, directory)
        names = named.registry if isinstance(named, DurableRunner) else named
    print_text(_WRITERS[chosen](read_graph(cns, names)))
    return Exit.DONE
