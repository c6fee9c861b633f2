"""The table of what was done to workers and servers, and what came of it."""

from __future__ import annotations

from typing import Final, final

__all__ = ["Statistics"]

_COLUMNS: Final = (
    "what",
    "store",
    "completed",
    "failed",
    "kills",
    "stops",
    "zombies",
    "outages",
    "cuts",
    "lost answers",
    "transfers",
    "hops",
    "repeated",
    "fenced",
    "attempts",
    "most of one",
    "seconds",
)


@final
class Statistics:
    """Gathers rows; the columns that nobody fills are left out."""

    def __init__(self) -> None:
        self._rows: list[dict[str, str]] = []

    def add(self, what: str, store: str, **figures: float) -> None:
        """Add a row; the names of figures are those of columns, with underscores."""
        named = {name.replace("_", " "): _text(figure) for name, figure in figures.items()}
        unknown = named.keys() - set(_COLUMNS)
        assert not unknown, f"there are no columns {unknown}"
        self._rows.append({"what": what, "store": store, **named})

    def table(self) -> list[str]:
        """Return the lines of the table; none if there are no rows."""
        columns = [name for name in _COLUMNS if any(name in row for row in self._rows)]
        lines = [columns, *([row.get(name, "") for name in columns] for row in self._rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]


def _text(figure: float) -> str:
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:,.1f}"
