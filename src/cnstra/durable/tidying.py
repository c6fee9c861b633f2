"""Keeping a store from growing for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING, Final, final

from cnstra.durable.complaints import Complaints
from cnstra.durable.stopping import is_ending

if TYPE_CHECKING:
    from cnstra.durable.retention import Retention
    from cnstra.persist.ports import Store

__all__ = ["COMMANDS_KEPT", "Tidying"]

_EVERY: Final = 3600.0
COMMANDS_KEPT: Final = 90 * 24 * 3600.0
"""Seconds since their end; they are small, and tell who has done what."""
_BATCH: Final = 500


@final
class Tidying:
    """Applies the retention, and forgets workers that are long gone, when a worker opens and about every hour.

    Args:
        store: What is tidied.
        scope: Which graph's runs.
        retention: Which runs are kept.
        bury: Forgets workers.
        random: Keeps many workers from tidying at the same moment.
        keeps_commands: Whether commands are left alone that ended long ago.
    """

    def __init__(
        self,
        store: Store,
        scope: str,
        *,
        retention: Retention,
        bury: Callable[[], Awaitable[None]],
        random: Random,
        keeps_commands: bool = False,
    ) -> None:
        self._store = store
        self._scope = scope
        self._retention = retention
        self._bury = bury
        self._random = random
        self._keeps_commands = keeps_commands
        self._complaints = Complaints("tidy up the store", asyncio.get_running_loop().time)

    async def keep(self) -> None:
        """Tidy up until this is cancelled."""
        while not is_ending():
            try:
                await self._retention.apply(self._store, self._scope)
                await self._bury()
                await self._forget_commands()
                self._complaints.settle()
            except Exception as error:  # noqa: BLE001 - the next time it may work
                self._complaints.add(error)
            if not is_ending():
                await asyncio.sleep(_EVERY * self._random.uniform(0.9, 1.1))

    async def _forget_commands(self) -> None:
        if self._keeps_commands:
            return
        while await self._store.purge_commands(self._scope, older_than=COMMANDS_KEPT, limit=_BATCH) == _BATCH:
            pass
