"""The store as the faces see it: opened when it is first asked, and asked for no more than it can give at once.

Nothing of a run is changed through it: what people want done is stored as a command, for a worker to carry out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol, final

from cnstra.errors import RunNotFound
from cnstra.inspection.problems import NotShown
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

__all__ = ["MAX_HISTORY", "ReadableStore", "Reader"]

MAX_HISTORY: Final = 50_000
"""Activations. A longer history is not read, because a store gives a history whole."""


class ReadableStore(Protocol):
    """What is asked of a store here; the methods are those of `cnstra.persist.ports.Store`."""

    @property
    def label(self) -> str:
        """Name the store in messages."""
        ...

    async def open(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Disconnect."""

    async def get(self, scope: str, stimulation_id: str) -> RunRecord | None:
        """Return one run."""
        ...

    async def attempts(self, scope: str, stimulation_id: str) -> Sequence[AttemptRecord]:
        """Return the attempts of a run."""
        ...

    async def tasks(self, scope: str, stimulation_id: str, attempt_number: int | None = None) -> Sequence[StoredTask]:
        """Return the history of a run."""
        ...

    async def frontier(self, scope: str, stimulation_id: str) -> Sequence[FrontierTask]:
        """Return what is left of a run."""
        ...

    async def workers(self) -> Sequence[WorkerRecord]:
        """Return all workers."""
        ...

    async def list(
        self, scope: str, *, where: RunFilter = EVERY_RUN, limit: int = 100, cursor: str | None = None
    ) -> Page:
        """Return a page of runs."""
        ...

    async def stats(self, scope: str) -> StoreStats:
        """Return the store in numbers."""
        ...

    async def changed(self, scope: str, timeout: float) -> bool:  # noqa: ASYNC109 - the store waits
        """Wait until work may have come, or for so long."""
        ...

    async def order(self, command: NewCommand) -> CommandRecord:
        """Store a command."""
        ...

    async def command(self, scope: str, key: str) -> CommandRecord | None:
        """Return one command."""
        ...

    async def commands(
        self, scope: str, *, stimulation_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[CommandRecord]:
        """Return commands, the latest first."""
        ...


@final
class Reader:
    """Reads the runs of one scope, and takes commands about them.

    Every method raises `StoreError` when the store is out of reach, and is right again when it is back.

    Args:
        store: The store.
        scope: Which graph's runs.
        opens: Whether the store is opened here; if not, somebody else has it open.
    """

    def __init__(self, store: ReadableStore, scope: str, *, opens: bool = True) -> None:
        self.store = store
        self.scope = scope
        self._is_open = not opens
        self._opens = opens
        self._opening = asyncio.Lock()

    async def _opened(self) -> ReadableStore:
        if not self._is_open:
            async with self._opening:
                if not self._is_open:
                    await self.store.open()
                    self._is_open = True
        return self.store

    async def close(self) -> None:
        """Close the store, if it was opened here."""
        async with self._opening:
            if self._opens and self._is_open:
                self._is_open = False
                await self.store.close()

    async def find(self, stimulation_id: str) -> RunRecord | None:
        """Return a run, or ``None``."""
        return await (await self._opened()).get(self.scope, stimulation_id)

    async def run(self, stimulation_id: str) -> RunRecord:
        """Return a run.

        Raises:
            RunNotFound: If there is none.
        """
        found = await self.find(stimulation_id)
        if found is None:
            raise RunNotFound(stimulation_id)
        return found

    async def attempts(self, run: RunRecord) -> Sequence[AttemptRecord]:
        """Return the attempts of a run."""
        return await (await self._opened()).attempts(self.scope, run.stimulation_id)

    async def history(self, run: RunRecord, attempt_number: int | None = None) -> Sequence[StoredTask]:
        """Return what has settled of a run, in order.

        Raises:
            NotShown: If that is too much to be read at once.
        """
        if run.hop_count > MAX_HISTORY:
            detail = f"{run.hop_count:,} activations have settled; a history of over {MAX_HISTORY:,} is not read"
            raise NotShown("history_too_long", detail)
        return await (await self._opened()).tasks(self.scope, run.stimulation_id, attempt_number)

    async def frontier(self, run: RunRecord) -> Sequence[FrontierTask]:
        """Return what is left of a run."""
        return await (await self._opened()).frontier(self.scope, run.stimulation_id)

    async def workers(self) -> Sequence[WorkerRecord]:
        """Return all workers of the store, whatever scope they work on."""
        return await (await self._opened()).workers()

    async def stats(self) -> StoreStats:
        """Return the store in numbers."""
        return await (await self._opened()).stats(self.scope)

    async def changed(self, seconds: float) -> bool:
        """Wait until work may have come, or for so long."""
        return await (await self._opened()).changed(self.scope, seconds)

    async def list(self, where: RunFilter = EVERY_RUN, *, limit: int, cursor: str | None = None) -> Page:
        """Return runs, the newest first."""
        return await (await self._opened()).list(self.scope, where=where, limit=limit, cursor=cursor)

    async def order(self, command: NewCommand) -> CommandRecord:
        """Store a command for a worker to carry out; one of this key that is there already is returned as it is."""
        return await (await self._opened()).order(command)

    async def command(self, key: str) -> CommandRecord | None:
        """Return the command of this key, or ``None``."""
        return await (await self._opened()).command(self.scope, key)

    async def commands(
        self, stimulation_id: str | None = None, *, before: int | None = None, limit: int
    ) -> Sequence[CommandRecord]:
        """Return commands, the latest first: all of them, or those about one run and what made it."""
        store = await self._opened()
        return await store.commands(self.scope, stimulation_id=stimulation_id, before=before, limit=limit)
