"""Claiming runs that nobody holds: what the dead have left, and what waits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from cnstra.durable.colleagues import Colleagues
    from cnstra.durable.launching import Launcher
    from cnstra.durable.live import LiveRuns
    from cnstra.durable.orphans import Orphans
    from cnstra.durable.ownership import Ownership
    from cnstra.durable.suspects import Suspects
    from cnstra.persist.limits import Limits
    from cnstra.persist.ports import Store
    from cnstra.persist.records import RunState

__all__ = ["Recovery", "Unfit"]

_BATCH: Final = 64
_BREATH: Final = 0.01
_MAX_UNFIT: Final = 1000


@final
class Unfit:
    """The keys of the latest runs that this code cannot go on with, so that it does not claim them over and over."""

    def __init__(self, most: int = _MAX_UNFIT) -> None:
        self._keys: deque[int] = deque(maxlen=most)

    def add(self, key: int) -> None:
        """Remember a run, and perhaps forget the one that was remembered longest."""
        if key not in self._keys:
            self._keys.append(key)

    def keys(self) -> Collection[int]:
        """Return what is remembered."""
        return tuple(self._keys)


@final
class Recovery:
    """Takes runs in batches, as many as there is room for, and starts them.

    Args:
        store: Where they are.
        scope: Which graph's.
        worker_id: Who takes them.
        launcher: Starts them.
        live: Those that are under way here.
        ownership: Keeps claims apart from other ways to get at a run.
        orphans: Finds what was claimed and not started.
        wary: Wraps a claim; see `Worker.wary`.
        colleagues: Who else claims.
        suspects: Knows which runs to start with care.
        max_active_runs: Above so many runs under way, none is claimed.
        max_recoveries: See `Store.claim`, as for the next.
        limits: Of the keys of runs.
        accepts: Whether the worker may start runs.

    Attributes:
        is_short: Whether more may be waiting than there was room for.
    """

    def __init__(
        self,
        *,
        store: Store,
        scope: str,
        worker_id: str,
        launcher: Launcher,
        live: LiveRuns,
        ownership: Ownership,
        orphans: Orphans,
        wary: Callable[[], AbstractContextManager[None]],
        colleagues: Colleagues,
        suspects: Suspects,
        max_active_runs: int,
        max_recoveries: int | None,
        limits: Limits,
        accepts: Callable[[], bool],
    ) -> None:
        self.is_short = False
        self._store = store
        self._scope = scope
        self._worker_id = worker_id
        self._launcher = launcher
        self._live = live
        self._ownership = ownership
        self._orphans = orphans
        self._wary = wary
        self._colleagues = colleagues
        self._suspects = suspects
        self._max_active_runs = max_active_runs
        self._max_recoveries = max_recoveries
        self._limits = limits
        self._accepts = accepts
        self._unfit = Unfit()

    @property
    def claims(self) -> bool:
        """Whether it claims at all."""
        return self._max_active_runs > 0

    async def claim_own(self) -> None:
        """Take what this worker held when it was last alive under its name; called before it starts anything else."""
        dead = await self._colleagues.look() | {self._worker_id}
        taken: set[int] = set()
        while room := self._room():
            limit = min(room, _BATCH)
            states, _ = await self._claim(dead, limit, taken)
            taken.update(state.key for state in states)
            if len(states) < limit:
                return
        self._orphans.suspect()  # others may have room for what is left

    async def claim(self, *, most: int | None = None) -> bool:
        """Take what waits and what the dead have left, while there is room, a fair share at a time.

        Args:
            most: How many at most; ``None`` for as many as there is room for.

        Returns:
            Whether any was started.
        """
        claimed = unfit = 0
        while self._accepts() and self.claims and unfit < _MAX_UNFIT:
            room = self._room() if most is None else min(self._room(), most - claimed)
            self.is_short = room <= 0
            if self.is_short:
                break
            dead = await self._colleagues.look()
            limit = min(room, max(1, _BATCH // self._colleagues.living))
            states, misfits = await self._claim(dead, limit, ())
            claimed += len(states)
            unfit += misfits
            if len(states) < limit or self._suspects.held_back():
                break
            await asyncio.sleep(_BREATH if self._colleagues.living > 1 else 0)  # others get their share
        self.is_short = self.is_short or bool(self._suspects.held_back())
        return claimed > unfit

    def _room(self) -> int:
        return max(0, self._max_active_runs - len(self._live))

    async def _claim(
        self, dead: Collection[str], limit: int, passed_over: Collection[int]
    ) -> tuple[Sequence[RunState], int]:
        """Claim once, and start what may start now; return the claimed, and how many went back."""
        unfit: list[RunState] = []
        async with self._ownership.claims:
            with self._orphans.wary():
                with self._wary():
                    states = await self._store.claim(
                        self._scope,
                        self._worker_id,
                        dead=dead,
                        limit=limit,
                        max_recoveries=self._max_recoveries,
                        unfit=(*self._unfit.keys(), *self._suspects.held_back(), *passed_over),
                        limits=self._limits,
                    )
                for state in states:
                    self._ownership.claimed(state.run.stimulation_id)
                chosen, held_back = await self._suspects.choose(states)
                for state in held_back:  # before anything starts that may kill this process
                    await self._store.put_back(state.key, state.run.fence)
                for state in chosen:
                    if not self._accepts():  # it was stopped meanwhile
                        self._orphans.suspect()
                        break
                    if not self._launcher.resume(state):
                        unfit.append(state)
                for state in unfit:
                    self._unfit.add(state.key)
                    await self._store.put_back(state.key, state.run.fence)
        return states, len(unfit) + len(held_back)
