"""Measuring our way of doing some work against a bare one, and printing what came of it.

The machine is assumed to be busy with other things. So a reading is short, a round reads the yardstick and then ours,
the ratio is taken within the round, and what counts is the median over all rounds; the smallest and the largest stand
beside it. One round goes ahead unrecorded, to warm up.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeAlias, final

__all__ = [
    "Limit",
    "Pair",
    "Reading",
    "Row",
    "Table",
    "compare",
    "in_fresh_process",
    "parse",
    "row_of",
    "scratch",
    "show_machine",
]

Reading: TypeAlias = Callable[[], float]
"""Does the work once; returns what it took, in the unit of its row."""

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Limit:
    """What a figure must keep to.

    Attributes:
        bound: The largest figure that is allowed; with *at_least* the smallest.
        at_least: Whether more is better.
        unit: For the table.
    """

    bound: float
    at_least: bool = False
    unit: str = "x"

    def holds(self, figure: float) -> bool:
        """Tell whether *figure* keeps to it."""
        return figure >= self.bound if self.at_least else figure <= self.bound

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{sign} {self.bound:,g}{'' if self.unit == 'x' else ' '}{self.unit}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, as text; *kept* is ``None`` where there is no limit."""

    workload: str
    ours: str
    yardstick: str
    ratio: str
    limit: str = ""
    kept: bool | None = None

    @property
    def verdict(self) -> str:
        """``ok``, ``MISSED``, or nothing where there is no limit."""
        return {None: "", True: "ok", False: "MISSED"}[self.kept]


@dataclass(frozen=True, slots=True)
class Pair:
    """The readings of all rounds: those of the yardstick, and ours."""

    yardstick: Sequence[float]
    ours: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """Ours divided by the yardstick, round by round."""
        return [ours / bare for bare, ours in zip(self.yardstick, self.ours, strict=True)]

    @property
    def differences(self) -> list[float]:
        """Ours minus the yardstick, round by round."""
        return [ours - bare for bare, ours in zip(self.yardstick, self.ours, strict=True)]


def compare(yardstick: Reading, ours: Reading, rounds: int) -> Pair:
    """Read the yardstick and ours in turn, *rounds* times each."""
    yardstick(), ours()
    readings = [(yardstick(), ours()) for _ in range(rounds)]
    return Pair([bare for bare, _ in readings], [own for _, own in readings])


def row_of(workload: str, pair: Pair, unit: str, limit: Limit | None = None) -> Row:
    """Return the row of a workload whose ratio to its yardstick counts."""
    ratios = pair.ratios
    figure = median(ratios)
    return Row(
        workload,
        f"{_short(median(pair.ours))} {unit}",
        f"{_short(median(pair.yardstick))} {unit}",
        f"{_short(figure)}x ({_short(min(ratios))}-{_short(max(ratios))})",
        "" if limit is None else str(limit),
        None if limit is None else limit.holds(figure),
    )


def _short(figure: float) -> str:
    """Return *figure* with three digits, or all those before the point."""
    return f"{figure:,.{max(0, 2 - math.floor(math.log10(abs(figure) or 1)))}f}"


@final
class Table:
    """Rows under one heading, each printed when it is known."""

    _WIDTHS = (48, 15, 15, 23, 12)
    _HEADINGS = ("workload", "ours", "yardstick", "ratio (min-max)", "limit", "")

    def __init__(self, title: str, *, only: str = "") -> None:
        self._missed = self._rows = 0
        self._only = only
        print(title)
        self._print(self._HEADINGS)

    def section(self, title: str) -> None:
        """Print another heading; the rows below are counted with those above."""
        print(f"\n{title}")
        self._print(self._HEADINGS)

    def add(self, workload: str, measure: Callable[[str], Row]) -> None:
        """Measure a workload and print its row, unless only others were asked for."""
        if self._only in workload:
            row = measure(workload)
            self._rows += 1
            self._missed += row.kept is False
            self._print((row.workload, row.ours, row.yardstick, row.ratio, row.limit, row.verdict))

    def _print(self, cells: Sequence[str]) -> None:
        first, *rest = (cell.ljust(width) for cell, width in zip(cells, (*self._WIDTHS, 0), strict=True))
        print(first, *rest, flush=True)

    def status(self, *, check: bool) -> int:
        """Return the exit status: 1 if a limit was missed and that was to be checked."""
        if not self._rows:
            print(f"no workload has {self._only!r} in its name")
        else:
            print(f"{self._missed} missed" if self._missed else "every limit kept")
        return int(check and self._missed > 0)


def parse(description: str | None, arguments: Sequence[str] | None, rounds: int) -> argparse.Namespace:
    """Return the options that both benchmarks take; *rounds* is their default number of rounds."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--rounds", type=_positive, default=rounds, help=f"readings of each side (default: {rounds})")
    parser.add_argument("--quick", action="store_true", help="few rounds, and less of what takes long")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a limit is missed")
    parser.add_argument("--only", default="", metavar="WORDS", help="only workloads that have WORDS in their name")
    parser.add_argument("--directory", type=Path, default=Path(), help="where files are written (default: here)")
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds = min(options.rounds, 5)
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def show_machine() -> None:
    """Print what the figures were measured on."""
    python = f"Python {platform.python_version()} ({platform.python_compiler()})"
    print(f"{python}, {platform.system()}, {os.cpu_count()} cores")


def in_fresh_process(code: str, *, cache: str | None = None) -> str:
    """Run *code* in an interpreter of its own, beside the modules of this folder; return what it printed.

    Args:
        code: Python statements.
        cache: Where the interpreter keeps compiled modules, to be independent of how this one was started.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *_search_path()])}
    if cache is not None:
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = cache
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def _search_path() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def scratch(directory: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a folder that goes away, on the disk of *directory*."""
    return tempfile.TemporaryDirectory(prefix=".benchmark-", dir=directory)
