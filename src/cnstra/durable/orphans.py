"""Where the store and the worker disagree about which runs are the worker's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, final

from cnstra.errors import Fenced
from cnstra.persist.records import RunFilter, RunStatus

if TYPE_CHECKING:
    from cnstra.durable.live import LiveRuns
    from cnstra.durable.ownership import Ownership
    from cnstra.durable.recorder import RunRecorder
    from cnstra.errors import StoreError
    from cnstra.persist.ports import Store

__all__ = ["Orphans"]

_DOUBT: Final = 60.0
"""Seconds for which to look once there was a doubt: a request that was given up may still come through, later."""
_PAGE: Final = 100
_RUNNING: Final[RunFilter] = RunFilter(statuses=frozenset[RunStatus](("running",)))


@final
class Orphans:
    """Gives back runs that fell between the store and the worker, and stops those that others have taken.

    A commit that failed for good leaves an orphan behind, and so does an admission or a claim whose answer was lost, or
    whose caller was cancelled. Nothing is looked for unless one of these has happened not long ago.

    Args:
        store: What knows of the runs.
        scope: Which graph's.
        worker_id: The worker.
        live: Those that it runs.
        ownership: Keeps runs from being started meanwhile.
        patience: For how many seconds a run must look like an orphan to be one: its last write may be on its way.
        stop: Stops a run that is another worker's now.
    """

    def __init__(
        self,
        store: Store,
        scope: str,
        worker_id: str,
        live: LiveRuns,
        ownership: Ownership,
        *,
        patience: float,
        stop: Callable[[RunRecorder, StoreError], object],
    ) -> None:
        self._store = store
        self._scope = scope
        self._worker_id = worker_id
        self._live = live
        self._ownership = ownership
        self._patience = patience
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._suspected_until = self._looked_at = float("-inf")
        self._since: dict[str, float] = {}

    def suspect(self) -> None:
        """Look for orphans from now on, for a while."""
        self._suspected_until = self._loop.time() + _DOUBT

    @contextmanager
    def wary(self) -> Iterator[None]:
        """Suspect that there are orphans if what is done inside fails or is cancelled."""
        try:
            yield
        except BaseException:
            self.suspect()
            raise

    async def give_back(self) -> None:
        """Make those pending that have been orphans for long enough."""
        now = self._loop.time()
        if not self._since and now > self._suspected_until:
            return
        if now - self._looked_at < self._patience / 2:  # it reads a long list, and would come to nothing new
            return
        self._looked_at = now
        with self.wary():
            found = await self._find()
            self._since = {stimulation_id: self._since.get(stimulation_id, now) for stimulation_id in found}
            for stimulation_id in [one for one, since in self._since.items() if now - since >= self._patience]:
                async with self._ownership.taking(stimulation_id):
                    if self._live.get(stimulation_id) is None:
                        await self._store.settle(self._scope, stimulation_id, "pending", dead={self._worker_id})
                del self._since[stimulation_id]

    async def stop_taken(self) -> None:
        """Stop the runs that another worker has taken: this process may have been stopped for longer than its lease.

        Otherwise they would go on until their next commit is refused.
        """
        for _, recorder in self._live:
            run = await self._store.get(self._scope, recorder.stimulation_id)
            if run is None or run.fence > recorder.fence:
                self._stop(recorder, Fenced(recorder.stimulation_id, recorder.fence))

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
