"""What a person sees while the worker is killed: a progress bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["Display"]


class Display:
    """The bar of one import, with a line above it for everything that happens."""

    def __init__(self, total: int, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("importing"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("cards"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._bar = self._progress.add_task("", total=total)
        self._total = total
        self._workers = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def started(self, pid: int) -> None:
        """A worker was started."""
        self._workers += 1
        self._say(f"worker {pid} {'starts' if self._workers == 1 else 'takes over'}")

    def advanced(self, cards: int) -> None:
        """This many cards are in the database now."""
        self._progress.update(self._bar, completed=cards)

    def killed(self, pid: int, kill: int, cards: int) -> None:
        """The *kill*-th SIGKILL was sent, when *cards* cards were in."""
        self._say(f"worker {pid} killed: SIGKILL number {kill}, with {cards} of {self._total} cards in")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
