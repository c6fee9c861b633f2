"""The watch that an open worker keeps: for runs to take, for aborts that others ask for, for a lost lease."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING, Final, final

from cnstra.durable.complaints import Complaints
from cnstra.durable.stopping import end, is_ending

if TYPE_CHECKING:
    from cnstra.durable.live import LiveRuns
    from cnstra.durable.orphans import Orphans
    from cnstra.durable.presence import Presence
    from cnstra.durable.recovery import Recovery
    from cnstra.persist.ports import Store

__all__ = ["Watch"]

_FIRST_PAUSE: Final = 0.05
_BREATH: Final = 0.01
_LONGEST_BREATH: Final = 0.2
_SOON: Final = 0.001
_QUIET: Final = 1.0


@final
class Watch:
    """Looks after the store whenever it may have changed, and every *poll* seconds.

    Args:
        store: What is watched.
        scope: Which graph's runs.
        worker_id: Whose watch it is.
        presence: The worker's lease.
        recovery: Takes runs.
        orphans: Settles what the store and the worker disagree about.
        live: What is under way.
        come_back: Takes a lost lease anew.
        poll: Seconds between two looks if the store tells nothing.
        lease: After a pause of so many seconds others may have taken the worker's runs.
        random: For the pauses between tries.
        looked: Called after each look.
    """

    def __init__(
        self,
        *,
        store: Store,
        scope: str,
        worker_id: str,
        presence: Presence,
        recovery: Recovery,
        orphans: Orphans,
        live: LiveRuns,
        come_back: Callable[[], Awaitable[None]],
        poll: float,
        lease: float,
        random: Random,
        looked: Callable[[], None],
    ) -> None:
        self._store = store
        self._scope = scope
        self._worker_id = worker_id
        self._presence = presence
        self._recovery = recovery
        self._orphans = orphans
        self._live = live
        self._come_back = come_back
        self._poll = poll
        self._lease = lease
        self._random = random
        self._looked = looked
        self._loop = asyncio.get_running_loop()
        self._complaints = Complaints("look for runs to recover", self._loop.time)
        self._poked = asyncio.Event()
        self._changes: asyncio.Task[bool] | None = None
        self._asked: set[str] = set()
        self._in_vain = 0
        self._stalled = False
        self._timer: asyncio.TimerHandle | None = None

    def poke(self) -> None:
        """Look at once."""
        self._poked.set()

    def run_ended(self) -> None:
        """Take note that there is room for another run."""
        if self._recovery.is_short:
            self.poke()

    async def keep(self) -> None:
        """Keep watch until this is cancelled."""
        self._tick(self._loop.time())
        try:
            while not is_ending():
                try:
                    await self._listen()
                    found = await self._look()
                    self._complaints.settle()
                    self._looked()
                    if not is_ending():
                        await self._wait(found)
                except Exception as error:  # noqa: BLE001 - a watch that ends is worse than any error
                    self._complaints.add(error)
                    await asyncio.sleep(self._pause())
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if self._changes is not None:
                await end([self._changes])

    def _pause(self) -> float:
        """Return for how long to leave a store alone that has failed."""
        longest: float = min(_FIRST_PAUSE * 2 ** min(self._complaints.in_a_row, 10), self._poll)
        return longest * self._random.uniform(0.5, 1.0)

    def _tick(self, due: float) -> None:
        """Notice that the process, or its event loop, has stood still for so long that its lease may have ended."""
        now = self._loop.time()
        if now - due > self._lease / 2:
            self._stalled = True
            self.poke()
        pause = self._lease / 4
        self._timer = self._loop.call_later(pause, self._tick, now + pause)

    # ---- looking ---------------------------------------------------------------------------------------------

    async def _look(self) -> bool:
        """Do what there is to do; tell whether there was anything."""
        if self._presence.problem is not None:
            await self._come_back()
        if self._stalled:
            await self._orphans.stop_taken()
            self._stalled = False
        obeyed = await self._obey()
        await self._orphans.give_back()
        return await self._recovery.claim() or obeyed

    async def _obey(self) -> bool:
        """Abort the runs that somebody elsewhere wants aborted; tell whether there was one."""
        if not len(self._live):
            return False
        requests = await self._store.abort_requests(self._scope, self._worker_id)
        for stimulation_id, reason in requests:
            run = self._live.get(stimulation_id)
            if run is None:
                self._orphans.suspect()
            elif run.stimulation is not None:
                run.stimulation.abort(reason)
        asked, self._asked = self._asked, {stimulation_id for stimulation_id, _ in requests}
        return not asked >= self._asked

    # ---- waiting ---------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Listen for changes before the look that follows, so that nothing falls between the look and the wait."""
        if self._changes is None:
            self._changes = self._loop.create_task(self._store.changed(self._scope, self._poll), name="cnstra-changes")
            self._changes.add_done_callback(_see)
            await asyncio.sleep(0)

    async def _wait(self, found: bool) -> None:  # noqa: FBT001 - what the look came to
        """Wait for a change, for a run that becomes due, for a poke, or for *poll* seconds."""
        assert self._changes is not None  # noqa: S101 - for the type checker
        seconds = self._poll
        if self._recovery.claims:
            due = await self._store.next_due(self._scope)
            seconds = seconds if due is None else min(seconds, max(due, _SOON))
        before = self._loop.time()
        poked = self._loop.create_task(self._poked.wait())
        try:
            await asyncio.wait([self._changes, poked], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            poked.cancel()
        if self._changes.done():
            changes, self._changes = self._changes, None
            changes.result()
        is_quiet = found or self._loop.time() - before > _QUIET
        self._in_vain = 0 if is_quiet else self._in_vain + 1
        if self._in_vain > 1 and not self._poked.is_set():  # many are woken by what one of them gets
            await asyncio.sleep(min(_BREATH * 2 ** min(self._in_vain, 10), _LONGEST_BREATH))
        self._poked.clear()


def _see(changes: asyncio.Task[bool]) -> None:
    """Keep asyncio from calling an error lost: a look that fails at the same time has told of it."""
    if not changes.cancelled():
        changes.exception()
