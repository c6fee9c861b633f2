"""The heartbeat of a simulated process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, final

from cnstra.errors import StoreError
from tests.simulation.loop import SimulatedLoop
from tests.simulation.network import RemoteStore

if TYPE_CHECKING:
    from cnstra.durable.heartbeat import Pulse
    from cnstra.persist.ports import Store

__all__ = ["SimulatedPulse"]

_SAFETY = 0.8  # as in a real heartbeat


@final
class SimulatedPulse:
    """What `Heartbeat` does, in the virtual thread of a simulated process."""

    def __init__(
        self,
        store: Store,
        worker_id: str,
        *,
        lease: float,
        interval: float,
        wanted: Callable[[], bool],
        lost: Callable[[StoreError], None],
    ) -> None:
        assert isinstance(store, RemoteStore)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        self._store = store
        self._process = loop.process
        self._worker_id = worker_id
        self._lease = lease
        self._interval = interval
        self._wanted = wanted
        self._lost = lost
        self._renewed_at = self._process.clock()
        self._stopped = False
        self._watchdog: asyncio.TimerHandle | None = None
        self._stopping = self._process.beats.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._beating: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._beating = self._process.beats.create_task(self._beat())
        self._watch()

    def stop(self) -> None:
        self._stopped = True
        self._process.beats.call_soon_threadsafe(self._wake)
        if self._watchdog is not None:
            self._watchdog.cancel()

    async def wait_stopped(self) -> None:
        if self._beating is not None:
            await asyncio.wait([self._ended], timeout=self._lease)

    def _left(self) -> float:
        return self._renewed_at + self._lease * _SAFETY - self._process.clock()

    def _watch(self) -> None:
        left = self._left()
        if left > 0:
            self._watchdog = self._process.main.call_later(left, self._watch)
        else:
            self._lose(StoreError("no heartbeat was answered in time"))

    async def _beat(self) -> None:
        pause = self._interval
        while await self._is_wanted_after(pause):
            started = self._process.clock()
            try:
                renewed = await self._store.beat_later(self._worker_id, self._lease)
            except StoreError as error:
                if self._left() <= 0:
                    self._lose(error)
                pause = min(self._interval, self._lease / 20)
                continue
            if not renewed:
                self._lose(StoreError(f"worker {self._worker_id} is not known any more"))
                break
            self._renewed_at = started
            pause = self._interval
        self._process.main.call_soon_threadsafe(self._end)

    async def _is_wanted_after(self, pause: float) -> bool:
        await asyncio.wait([self._stopping], timeout=pause)
        return not self._stopped and self._wanted()

    def _wake(self) -> None:
        if not self._stopping.done():
            self._stopping.set_result(None)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _lose(self, error: StoreError) -> None:
        if not self._stopped:
            self._process.world.counts["leases lost"] += 1
            self._stopped = True
            self._process.beats.call_soon_threadsafe(self._wake)
            self._lost(error)


if TYPE_CHECKING:
    _: type[Pulse] = SimulatedPulse
