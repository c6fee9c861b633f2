"""Group commit: one transaction for what all runs have gathered, while the next one gathers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, final

from cnstra.durable.recorder import Pending, RunRecorder
from cnstra.errors import Fenced, StoreError

if TYPE_CHECKING:
    from cnstra.persist.delta import Delta
    from cnstra.persist.ports import Store

__all__ = ["Committer"]

_TRIES = 6
_FIRST_PAUSE = 0.05
_MAX_PAUSE = 2.0


@final
class Committer:
    """Writes the deltas of all runs of one runner, in order, many at a time.

    Args:
        store: Where to.
        max_staleness: How many seconds a delta that nobody waits for may stay unwritten.
        max_pending: How many runs may have such a delta before new ones are waited for.
        run_finished: Called when a run has ended.
    """

    def __init__(
        self, store: Store, *, max_staleness: float, max_pending: int, run_finished: Callable[[RunRecorder], None]
    ) -> None:
        self._store = store
        self._max_staleness = max_staleness
        self._max_pending = max_pending
        self._run_finished = run_finished
        self._loop = asyncio.get_running_loop()
        self._urgent: dict[Pending, None] = {}
        self._patient: dict[Pending, None] = {}  # in the order in which they were opened
        self._writing = False
        self._writer: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # ---- what the recorders ask ------------------------------------------------------------------------------

    def open(self, recorder: RunRecorder, delta: Delta) -> Pending:
        """Begin to gather *delta*."""
        return Pending(recorder, delta, self._loop.time())

    def submit(self, pending: Pending, *, at_once: bool) -> bool:
        """See that *pending* is written; tell whether its run has to wait.

        A run need not wait unless it asked for that, or the store is behind: too many runs have unwritten deltas, or
        one of them is as old as `max_staleness` allows.
        """
        if not at_once and not self._is_behind():
            self._patient.setdefault(pending)
            self._set_timer()
            return False
        self._patient.pop(pending, None)
        self._urgent[pending] = None
        self._write_soon()
        return True

    def run_finished(self, recorder: RunRecorder) -> None:
        """Pass on that a run has ended."""
        self._run_finished(recorder)

    async def drain(self) -> None:
        """Return when everything that was submitted is written, or has failed."""
        while self._urgent or self._patient or self._writing:
            self._hurry()
            if self._writer is not None:
                await asyncio.wait([self._writer])
            else:
                await asyncio.sleep(0)

    # ---- when to write ---------------------------------------------------------------------------------------

    def _is_behind(self) -> bool:
        if len(self._patient) >= self._max_pending:
            return True
        oldest = next(iter(self._patient), None)
        return oldest is not None and self._loop.time() - oldest.opened_at >= self._max_staleness

    def _set_timer(self) -> None:
        if self._timer is None and not self._writing:
            # Half of what is allowed is for gathering, the other half for writing.
            self._timer = self._loop.call_later(self._max_staleness / 2, self._hurry)

    def _hurry(self) -> None:
        """Write what is patient now."""
        self._stop_timer()
        self._urgent.update(self._patient)
        self._patient.clear()
        if self._urgent:
            self._write_soon()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _write_soon(self) -> None:
        if not self._writing:
            self._writing = True  # from now on everything of this round of the event loop goes into one transaction
            self._loop.call_soon(self._start_writer)

    def _start_writer(self) -> None:
        self._writer = self._loop.create_task(self._write(), name="cnstra-commit")

    async def _write(self) -> None:
        try:
            while self._urgent:
                batch = list(self._urgent)
                batch.extend(self._patient)
                self._urgent.clear()
                self._patient.clear()
                self._stop_timer()
                for pending in batch:
                    pending.recorder.pending = None  # what comes now is gathered for the next transaction
                await self._write_batch(batch)
        finally:
            self._writing = False
            self._writer = None
            if self._urgent:
                self._write_soon()
            elif self._patient:
                self._set_timer()

    async def _write_batch(self, batch: Sequence[Pending]) -> None:
        try:
            applied = await self._commit([pending.delta for pending in batch])
        except StoreError as error:
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            for pending in batch:  # one of them may be what the store refuses: the others must not fail with it
                await self._write_alone(pending)
            return
        for pending, was_applied in zip(batch, applied, strict=True):
            self._conclude(pending, applied=was_applied)

    async def _write_alone(self, pending: Pending) -> None:
        try:
            [applied] = await self._store.commit([pending.delta])
        except StoreError as error:
            _fail(pending, error)
        else:
            self._conclude(pending, applied=applied)

    def _conclude(self, pending: Pending, *, applied: bool) -> None:
        if not applied:
            _fail(pending, Fenced(pending.recorder.stimulation_id, pending.recorder.fence))
            return
        for waiter in pending.waiters:  # each in a callback of its own: a handler that raises must not harm the others
            self._loop.call_soon(waiter)

    async def _commit(self, deltas: Sequence[Delta]) -> Sequence[bool]:
        """Write *deltas*, trying again a bounded number of times: a delta that was applied already stays as it is."""
        pause = _FIRST_PAUSE
        for _ in range(_TRIES - 1):
            try:
                return await self._store.commit(deltas)
            except StoreError:
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
                pause = min(pause * 2, _MAX_PAUSE)
        return await self._store.commit(deltas)


def _fail(pending: Pending, error: StoreError) -> None:
    recorder = pending.recorder
    recorder.broken = True
    if recorder.stimulation is not None:
        recorder.stimulation.halt(error)
