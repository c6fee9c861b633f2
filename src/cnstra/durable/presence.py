"""A worker's row in the store, and the lease on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, final

from cnstra.durable.clock import StoreClock
from cnstra.errors import StoreError

if TYPE_CHECKING:
    from cnstra.durable.heartbeat import MakePulse, Pulse
    from cnstra.persist.ports import Store
    from cnstra.persist.records import WorkerRecord

__all__ = ["Presence"]


@final
class Presence:
    """Takes the lease, holds it, tells when it is lost, and takes it anew.

    Args:
        store: Where the row is.
        record: The row.
        lease: Seconds that a beat is good for.
        interval: Seconds between two beats.
        make_pulse: Makes what beats.
        lost: Called in the event loop when the lease is lost, before anyone else may take the worker's runs.

    Attributes:
        problem: Why the lease is lost; ``None`` while it is held, and before it was taken.
        losses: How often it was lost.
    """

    def __init__(
        self,
        store: Store,
        record: WorkerRecord,
        *,
        lease: float,
        interval: float,
        make_pulse: MakePulse,
        lost: Callable[[StoreError], None],
    ) -> None:
        self.problem: StoreError | None = None
        self.losses = 0
        self._clock = StoreClock(lease)
        self._store = store
        self._record = record
        self._lease = lease
        self._interval = interval
        self._make_pulse = make_pulse
        self._lost = lost
        self._pulse: Pulse | None = None
        self._loop = asyncio.get_running_loop()

    async def take(self) -> None:
        """Write the row with a fresh lease, and begin to beat.

        Raises:
            StoreError: If the row cannot be written.
        """
        pulse = self._pulse = self._make_pulse(
            self._store,
            self._record.worker_id,
            lease=self._lease,
            interval=self._interval,
            wanted=self.has_loop,
            lost=self._tell,
        )
        await self._store.add_worker(self._record, self._lease)
        self.problem = None
        pulse.start()

    def now(self) -> float:
        """Return the store's time, in seconds since the epoch, as far as it is known here."""
        return self._clock.at(self._loop.time())

    def learn(self, rows: list[WorkerRecord]) -> None:
        """Tell the time by the worker's own row, which was read just now."""
        for row in rows:
            if row.worker_id == self._record.worker_id:
                self._clock.learn(row.lease_until - self._lease, self._loop.time())

    async def leave(self) -> None:
        """Beat no more, and remove the row, unless it is that of a successor with the same name.

        Raises:
            StoreError: If it cannot be removed; the lease ends, then.
        """
        if self._pulse is None:
            return
        self._pulse.stop()
        await self._pulse.wait_stopped()
        for row in await self._store.workers():
            if replace(row, lease_until=0.0, expired=False) == self._record:
                await self._store.remove_worker(self._record.worker_id)

    def stop(self) -> None:
        """Beat no more."""
        if self._pulse is not None:
            self._pulse.stop()

    def has_loop(self) -> bool:
        """Whether the event loop still is one: a worker whose loop has closed must not keep its runs."""
        return not self._loop.is_closed()

    def _tell(self, error: StoreError) -> None:
        """Come from any thread."""
        if self.has_loop():
            self._loop.call_soon_threadsafe(partial(self._lose, self._pulse, error))

    def _lose(self, pulse: Pulse | None, error: StoreError) -> None:
        if self.problem is None and pulse is self._pulse:
            self.problem = error
            self.losses += 1
            self._lost(error)
