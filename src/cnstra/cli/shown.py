"""What a command prints: text that does no harm to a terminal, times, tables and JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Any, Final

import msgspec
import typer

from cnstra.cli.ending import CommandError

__all__ = ["brief", "moment", "print_json", "print_line", "print_table", "print_text", "safe", "took"]

_UNLIMITED: Final = 100_000
"""Columns of what is no terminal: nothing is cut off there."""
_UNITS: Final = (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))
_STYLES: Final = {"completed": "green", "failed": "red", "aborted": "yellow", "running": "cyan", "done": "green"}


def safe(text: str, *, lines: bool = False) -> str:
    """Return *text* with every character that could command a terminal, or mislead a reader, spelled out.

    Args:
        text: Perhaps from a stranger.
        lines: Let line ends and tabs be.
    """
    kept = "\n\t" if lines else ""
    return "".join(one if one.isprintable() or one in kept else _spelled(one) for one in text)


def _spelled(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def brief(value: Any, length: int = 80) -> str:
    """Return a stored value as one line of JSON, cut off after *length* characters."""
    text = safe(msgspec.json.encode(value).decode())
    return text if len(text) <= length else f"{text[: length - 3]}..."


def moment(at: datetime | float | None) -> str:
    """Return a point in time as text, in UTC; ``-`` for none."""
    if at is None:
        return "-"
    when = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    return when.strftime("%Y-%m-%d %H:%M:%S")


def took(seconds: float | None) -> str:
    """Return a duration as text; ``-`` for none."""
    if seconds is None:
        return "-"
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds * 1000:.1f} ms"


def print_line(text: str = "", *, lines: bool = False) -> None:
    """Print *text*, made safe."""
    _write(safe(text, lines=lines))


def print_text(text: str) -> None:
    """Print *text* as it is, and end its last line if it has not done so."""
    _write(text.removesuffix("\n"))


def print_json(document: Any, *, line: bool = False) -> None:
    """Print a document; on one *line*, where more may follow."""
    text = msgspec.json.encode(document)
    _write(text.decode() if line else msgspec.json.format(text, indent=2).decode())


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; what a cell has is shown as it is, made safe, and the first one of a row is never broken."""
    from rich.console import Console  # noqa: PLC0415 - it takes 50 ms, and most commands print no table
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, head in enumerate(heads):
        table.add_column(head, no_wrap=place == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(safe(cell), style=_STYLES.get(cell, "")) for cell in row))
    if sys.stdout.isatty():
        Console(markup=False, highlight=False, emoji=False).print(table)
        return
    console = Console(file=StringIO(), width=_UNLIMITED, markup=False, highlight=False, emoji=False, color_system=None)
    with console.capture() as captured:
        console.print(table)
    _write("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _write(text: str) -> None:
    try:
        typer.echo(text)
    except BrokenPipeError:  # whoever read has read enough; typer ends the process quietly
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in its buffer has nowhere to go
        raise CommandError(f"standard output cannot be written: {error.strerror}") from error
