"""What the benchmark of the workers asks of a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from cnstra.workers import StimulationJob

__all__ = ["Broker", "in_turns"]

T = TypeVar("T")


class Broker(Protocol):
    """One broker: jobs for it, a worker of ours, and a bare one. A module is one."""

    NAME: str

    def server(self) -> AbstractContextManager[str]:
        """Yield the address of a server."""
        ...

    async def fill(self, url: str, queue: str, jobs: Sequence[StimulationJob]) -> None:
        """Put jobs into a queue of that name."""

    def work_bare(self, url: str, queue: str, tally: Path) -> None:
        """Run a worker that has nothing of ours, until a signal."""

    def work(self, url: str, queue: str, store: str | None, tally: Path) -> None:
        """Run a worker of ours, until a signal; ``None`` keeps nothing on disk."""


async def in_turns(items: Sequence[T], work: Callable[[T], Awaitable[object]], *, at_once: int = 50) -> None:
    """Do something with each item: with the first alone, which connects, and then with a few at the same time."""
    await work(items[0])
    for start in range(1, len(items), at_once):
        await asyncio.gather(*map(work, items[start : start + at_once]))
