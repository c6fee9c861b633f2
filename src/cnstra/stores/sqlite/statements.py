"""One SQL statement for many rows at a time.

`executemany` steps once a row, and the driver gives the interpreter lock away at every step: beside a main thread that
computes, a commit of 50 runs took 91 ms so, 33 ms by way of ``json_each``, and 11 ms with the rows in one ``VALUES``
list. Beside an idle one it is 0.92, 1.96 and 0.80 ms.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from typing import final

__all__ = ["ManyRows"]

_SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96, 128)
"""Rows of one statement: few enough sizes that the driver keeps every text prepared (4 MB at the very most), and enough
that any number of rows up to 128 takes three steps or fewer."""


@final
class ManyRows:
    """A statement that holds a list of rows.

    Args:
        before: The text before the rows.
        row: The placeholders of one row.
        after: The text after the rows.
        single: The whole text for a single row, where there is a shorter way than a list of one.

    Attributes:
        texts: The text for each number of rows that is executed in one step.
    """

    def __init__(self, before: str, row: str, after: str = "", *, single: str | None = None) -> None:
        self._width = row.count("?")
        self.texts = {rows: f"{before} {', '.join([row] * rows)} {after}" for rows in _SIZES}
        if single is not None:
            self.texts[1] = single

    def execute(self, connection: sqlite3.Connection, values: list[object]) -> int:
        """Execute it for *values*, the flat list of what fills the rows; return how many table rows changed."""
        rows = len(values) // self._width
        if rows in self.texts:
            return connection.execute(self.texts[rows], values).rowcount
        changed = start = 0
        while rows:
            taken = _SIZES[bisect_right(_SIZES, rows) - 1]
            end = start + taken * self._width
            changed += connection.execute(self.texts[taken], values[start:end]).rowcount
            start = end
            rows -= taken
        return changed
