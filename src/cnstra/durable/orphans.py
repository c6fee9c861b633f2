"""Runs that the store has as a worker's own, and that the worker does not run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, final

from cnstra.persist.records import RunFilter, RunStatus

if TYPE_CHECKING:
    from cnstra.durable.live import LiveRuns
    from cnstra.durable.ownership import Ownership
    from cnstra.persist.ports import Store

__all__ = ["Orphans"]

_PAGE = 100
_RUNNING: Final[RunFilter] = RunFilter(statuses=frozenset[RunStatus](("running",)))


@final
class Orphans:
    """Gives back what fell between the store and the worker, so that it is resumed while the worker lives.

    A commit that failed for good leaves such a run behind, and so does an admission or a claim whose answer was lost,
    or whose caller was cancelled. Nothing is looked for unless one of these has happened.
    """

    def __init__(self, store: Store, scope: str, worker_id: str, live: LiveRuns, ownership: Ownership) -> None:
        self._store = store
        self._scope = scope
        self._worker_id = worker_id
        self._live = live
        self._ownership = ownership
        self._suspected = False
        self._seen: set[str] = set()

    def suspect(self) -> None:
        """Look for orphans the next time."""
        self._suspected = True

    @contextmanager
    def wary(self) -> Iterator[None]:
        """Suspect that there are orphans if what is done inside fails or is cancelled."""
        try:
            yield
        except BaseException:
            self.suspect()
            raise

    async def give_back(self) -> None:
        """Make orphans pending, if they were orphans the last time already.

        The last write of a run may be on its way, for a moment after the run has ended here.
        """
        if not self._suspected:
            return
        found = await self._find()
        for stimulation_id in found & self._seen:
            async with self._ownership.taking(stimulation_id):
                if self._live.get(stimulation_id) is None:
                    await self._store.settle(self._scope, stimulation_id, "pending", dead={self._worker_id})
        self._seen = found - self._seen
        self._suspected = bool(self._seen)

    async def _find(self) -> set[str]:
        found: set[str] = set()
        cursor = None
        while True:
            page = await self._store.list(self._scope, where=_RUNNING, limit=_PAGE, cursor=cursor)
            found.update(
                run.stimulation_id
                for run in page.runs
                if run.owner == self._worker_id and self._live.get(run.stimulation_id) is None
            )
            cursor = page.cursor
            if cursor is None:
                return found
