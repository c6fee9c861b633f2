"""The page about the command line names every command and every option, and nothing that is not there."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from cnstra.cli.app import app
from cnstra.cli.documents import SCHEMAS
from cnstra.cli.ending import Exit
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the commands that do something, with the words that call them."""
    found: Any = group or typer.main.get_command(app)
    for name, command in found.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        if getattr(command, "invoke_without_command", True):  # as what is no group is
            yield (*path, name), command


def options_of(command: Any) -> set[str]:
    return {word for parameter in command.params for word in parameter.opts if word.startswith("-")}


@pytest.mark.parametrize(("path", "command"), [pytest.param(*one, id=" ".join(one[0])) for one in commands()])
def test_every_command_and_option_is_on_the_page(path: tuple[str, ...], command: Any) -> None:
    missing = [word for word in options_of(command) - {"--help"} if not re.search(rf"`{word}\b", PAGE)]

    assert re.search(rf"(\*\*|`cnstra |## ){path[-1]}\b", PAGE)
    assert missing == []


def test_no_option_is_on_the_page_that_is_not_there() -> None:
    known = {"--help", "--version", "--install-completion", "--show-completion"}
    for _, command in commands():
        known |= options_of(command)

    assert set(re.findall(r"`(--?[a-z][a-z-]*)", PAGE)) <= known


def test_every_exit_code_and_every_schema_is_on_the_page() -> None:
    assert all(f"| {code.value} |" in PAGE for code in Exit)
    assert all(f"(schemas/{name}.schema.json)" in PAGE for name in SCHEMAS)
