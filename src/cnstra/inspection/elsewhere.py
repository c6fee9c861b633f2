"""A store that another event loop has open, asked from this one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar, final

from cnstra.errors import StoreError
from cnstra.inspection.reading import ReadableStore
from cnstra.persist.commands import CommandRecord, NewCommand
from cnstra.persist.ports import EVERY_RUN
from cnstra.persist.records import (
    AttemptRecord,
    FrontierTask,
    Page,
    RunFilter,
    RunRecord,
    StoredTask,
    StoreStats,
    WorkerRecord,
)

__all__ = ["StoreElsewhere"]

T = TypeVar("T")
_PATIENCE: Final = 30.0
"""Seconds after which an event loop that does not answer is taken for one that has stopped."""


@final
class StoreElsewhere:
    """Hands every question to the event loop that the store belongs to; only that loop opens and closes it.

    Args:
        store: The store.
        loop: Its event loop.
    """

    def __init__(self, store: ReadableStore, loop: asyncio.AbstractEventLoop) -> None:
        self._store = store
        self._loop = loop

    @property
    def label(self) -> str:
        """Name the store in messages."""
        return self._store.label

    async def open(self) -> None:
        """Do nothing: its own loop opens it."""

    async def close(self) -> None:
        """Do nothing: its own loop closes it."""

    async def get(self, scope: str, stimulation_id: str) -> RunRecord | None:
        """Return one run."""
        return await self._ask(self._store.get(scope, stimulation_id))

    async def attempts(self, scope: str, stimulation_id: str) -> Sequence[AttemptRecord]:
        """Return the attempts of a run."""
        return await self._ask(self._store.attempts(scope, stimulation_id))

    async def tasks(self, scope: str, stimulation_id: str, attempt_number: int | None = None) -> Sequence[StoredTask]:
        """Return the history of a run."""
        return await self._ask(self._store.tasks(scope, stimulation_id, attempt_number))

    async def frontier(self, scope: str, stimulation_id: str) -> Sequence[FrontierTask]:
        """Return what is left of a run."""
        return await self._ask(self._store.frontier(scope, stimulation_id))

    async def workers(self) -> Sequence[WorkerRecord]:
        """Return all workers."""
        return await self._ask(self._store.workers())

    async def list(
        self, scope: str, *, where: RunFilter = EVERY_RUN, limit: int = 100, cursor: str | None = None
    ) -> Page:
        """Return a page of runs."""
        return await self._ask(self._store.list(scope, where=where, limit=limit, cursor=cursor))

    async def stats(self, scope: str) -> StoreStats:
        """Return the store in numbers."""
        return await self._ask(self._store.stats(scope))

    async def changed(self, scope: str, timeout: float) -> bool:  # noqa: ASYNC109 - the store waits
        """Wait until work may have come, or for so long."""
        return await self._ask(self._store.changed(scope, timeout))

    async def order(self, command: NewCommand) -> CommandRecord:
        """Store a command."""
        return await self._ask(self._store.order(command))

    async def command(self, scope: str, key: str) -> CommandRecord | None:
        """Return one command."""
        return await self._ask(self._store.command(scope, key))

    async def commands(
        self, scope: str, *, stimulation_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[CommandRecord]:
        """Return commands, the latest first."""
        question = self._store.commands(scope, stimulation_id=stimulation_id, before=before, limit=limit)
        return await self._ask(question)

    async def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        try:
            answer = asyncio.run_coroutine_threadsafe(question, self._loop)
        except RuntimeError as error:
            question.close()
            raise StoreError(f"{self.label} is closed, with the event loop that it belongs to") from error
        try:
            async with asyncio.timeout(_PATIENCE):
                return await asyncio.wrap_future(answer)
        except TimeoutError as error:
            raise StoreError(f"{self.label} does not answer: the event loop that it belongs to is busy") from error
