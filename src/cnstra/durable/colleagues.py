"""The other workers of the store: how many live, and which are known to be dead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from cnstra.durable.identity import Host
    from cnstra.persist.ports import Store
    from cnstra.persist.records import WorkerRecord

__all__ = ["Colleagues"]

_FORGOTTEN_AFTER: Final = 3600.0


@final
class Colleagues:
    """What is known of the workers of a store, which includes this one.

    Args:
        store: Where they are.
        worker_id: This worker.
        host: Knows who has died on this machine.
        patience: Seconds that what is known may be old.
        seen: Called with the rows each time that they are read.

    Attributes:
        dead: Those that are gone although their lease may last; never this one.
        living: How many live, at least 1.
    """

    def __init__(
        self,
        store: Store,
        worker_id: str,
        host: Host,
        *,
        patience: float,
        seen: Callable[[list[WorkerRecord]], None],
    ) -> None:
        self.dead: set[str] = set()
        self.living = 1
        self._store = store
        self._worker_id = worker_id
        self._host = host
        self._patience = patience
        self._seen = seen
        self._loop = asyncio.get_running_loop()
        self._looked_at = float("-inf")

    async def look(self, *, afresh: bool = False) -> set[str]:
        """Find out who lives, unless that was found out just now; return `dead`."""
        if afresh or self._loop.time() - self._looked_at >= self._patience:
            rows = await self._store.workers()
            self._looked_at = self._loop.time()
            self._seen(rows)
            self.dead = self._host.dead(rows) - {self._worker_id}
            self.living = max(1, sum(not row.expired and row.worker_id not in self.dead for row in rows))
        return self.dead

    async def dead_and_this(self) -> set[str]:
        """Return the dead, and this worker among them: it asks for runs that it does not run."""
        return await self.look(afresh=True) | {self._worker_id}

    async def bury(self, store_time: float) -> None:
        """Remove the rows of workers whose lease has ended long ago; one that comes back writes its row anew."""
        for row in await self._store.workers():
            if row.expired and row.lease_until < store_time - _FORGOTTEN_AFTER:
                await self._store.remove_worker(row.worker_id)
