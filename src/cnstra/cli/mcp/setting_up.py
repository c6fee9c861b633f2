"""``cnstra mcp init``: has the assistants of a project start the server."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

import typer

from cnstra.cli.asking import confirm
from cnstra.cli.ending import CommandError, Exit, finish
from cnstra.cli.mcp.configs import CLIENTS, Change, change_of
from cnstra.cli.places import DirOption, RunnerOption, ScopeOption, StoreOption
from cnstra.cli.shown import print_text, safe

__all__ = ["ActionsOption", "GraphOption", "RegistryOption", "command"]

GraphOption: TypeAlias = Annotated[
    str | None, typer.Option("--graph", metavar="MODULE:CNS", help="A graph, where there is no runner.")
]
RegistryOption: TypeAlias = Annotated[
    str | None, typer.Option("--registry", metavar="MODULE:REGISTRY", help="The names of the parts of --graph.")
]
ActionsOption: TypeAlias = Annotated[
    bool, typer.Option("--allow-actions", help="Have tools that retry, fork, clone, abort and start runs, too.")
]


class ClientName(StrEnum):
    """Whose file is changed."""

    PROJECT = "project"
    VSCODE = "vscode"
    CURSOR = "cursor"


def command(
    *,
    client: Annotated[
        list[ClientName] | None,
        typer.Option(
            "--client",
            help="project (.mcp.json), vscode, cursor; may be given several times. "
            "Unless given: project, and the others whose folder is there.",
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What the server is called there.")] = "cnstra",
    store: StoreOption = None,
    runner: RunnerOption = None,
    graph: GraphOption = None,
    registry: RegistryOption = None,
    scope: ScopeOption = None,
    allow_actions: ActionsOption = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
    print_only: Annotated[bool, typer.Option("--print", help="Show what would be written, and write nothing.")] = False,
    directory: DirOption = Path(),
) -> None:
    """Have the assistants of the project in this folder start the server; what else is in their files stays.

    Exits with 1 if you say no, and with 2 if a file cannot be read: then none is changed.
    """
    options = {"--store": store, "--runner": runner, "--graph": graph, "--registry": registry, "--scope": scope}
    arguments = [word for option, value in options.items() if value is not None for word in (option, value)]
    if directory != Path():
        arguments += ["--dir", str(directory)]
    if allow_actions:
        arguments.append("--allow-actions")
    clients = [one.value for one in client] if client else _clients_of(Path.cwd())
    finish(partial(_set_up, clients, name, arguments, yes=yes, print_only=print_only))


def _set_up(clients: Sequence[str], name: str, arguments: Sequence[str], *, yes: bool, print_only: bool) -> Exit:
    for word in arguments:
        _require_no_password(word)
    start = [*_own_command(), "mcp", *arguments]
    changes = [change_of(CLIENTS[one], Path.cwd(), name, start) for one in dict.fromkeys(clients)]
    needed = [change for change in changes if change.is_needed]
    for change in needed:
        print_text(safe(change.diff(), lines=True))
    if not needed:
        print_text("nothing to do: the assistants know of this server")
    if print_only or not needed:
        return Exit.DONE
    confirm(f"Write {', '.join(str(change.path) for change in needed)}?", yes=yes)
    _write(needed)
    return Exit.DONE


def _write(changes: Sequence[Change]) -> None:
    for change in changes:
        change.write()
        sys.stderr.write(f"cnstra: {safe(str(change.path))} is written\n")


def _clients_of(project: Path) -> Sequence[str]:
    return [name for name, client in CLIENTS.items() if (project / client.folder).is_dir()]


def _own_command() -> Sequence[str]:
    """Return what starts this command from anywhere: its name where that is found, else its interpreter."""
    return ["cnstra"] if shutil.which("cnstra") else [sys.executable, "-m", "cnstra.cli"]


def _require_no_password(word: str) -> None:
    try:
        parts = urlsplit(word)
        has_password = parts.password is not None or "password=" in parts.query
    except ValueError:
        has_password = "@" in word
    if has_password:
        raise CommandError(
            "the address of the store has a password, which would be written into the files of the project; leave out "
            "--store, and have the assistants know CNSTRA_STORE"
        )
