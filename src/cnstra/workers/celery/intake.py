"""A source of jobs that is given them, instead of asking a broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from cnstra.workers.deliveries import Delivery, Outcome
    from cnstra.workers.handler import JobHandler

__all__ = ["Intake"]


@final
class Intake:
    """Hands the deliveries of one runner to its handler: a `JobSource` that is given jobs instead of taking them.

    Args:
        handler: Runs them.
        opened: Set when the runner is open.
    """

    def __init__(self, handler: JobHandler, opened: asyncio.Event) -> None:
        self._handler = handler
        self._opened = opened
        self._stopped = asyncio.Event()
        self._in_hand: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        """Let jobs in until `stop` is called: the runner is open."""
        self._opened.set()
        await self._stopped.wait()

    async def stop(self) -> None:
        """Let no more jobs in."""
        self._stopped.set()

    async def close(self) -> None:
        """Return when every delivery in hand is answered."""
        while self._in_hand:
            await asyncio.wait(self._in_hand)

    async def handle(self, delivery: Delivery) -> Outcome:
        """Run a job, in a task of its own; cancelling that gives it back."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        self._in_hand.add(task)
        try:
            return await self._handler.handle(delivery)
        finally:
            self._in_hand.discard(task)
