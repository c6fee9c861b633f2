"""Group commit: one transaction for what all runs have gathered, while the next one gathers."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextvars import copy_context
from itertools import chain
from random import Random
from typing import TYPE_CHECKING, Any, final

from cnstra.core.eager import start_eagerly
from cnstra.durable.gathering import Pending
from cnstra.durable.recorder import RunRecorder
from cnstra.durable.transacting import OpenTransaction
from cnstra.errors import Fenced, StoreError
from cnstra.persist.ports import PromptStore

if TYPE_CHECKING:
    from cnstra.persist.delta import Delta
    from cnstra.persist.ports import Store

__all__ = ["Committer"]

logger = logging.getLogger("cnstra")

_TRIES = 6
_FIRST_PAUSE = 0.05
_MAX_PAUSE = 2.0
_SWIFT = 0.0015
"""Seconds; a store whose commits take less is kept at work with a second batch while the first one's answer is on its
way. On a slow disk two small batches would need two syncs where one large one needs one."""
_FEW = 8
"""A batch of fewer deltas is not worth a commit of its own beside another one."""
_WEIGHT = 0.1
_ALONE = 5
"""After so many deltas in a row that were refused one by one, the store is at fault and not a delta."""


@final
class Committer:
    """Writes the deltas of all runs of one runner, in order, many at a time.

    Args:
        store: Where to.
        max_staleness: How many seconds a delta that nobody waits for may stay unwritten.
        max_pending: How many runs may have such a delta before new ones are waited for.
        run_finished: Called when a run has ended.
        random: For the pauses between tries.
    """

    def __init__(
        self,
        store: Store,
        *,
        max_staleness: float,
        max_pending: int,
        run_finished: Callable[[RunRecorder], None],
        random: Random | None = None,
    ) -> None:
        self._store = store
        self._gathering = max_staleness / 2  # half of what is allowed is for gathering, the other half for writing
        self._max_pending = max_pending
        self._run_finished = run_finished
        self._prompt = store if isinstance(store, PromptStore) else None
        self._random = random or Random()  # noqa: S311 - jitter, not a secret
        self._loop = asyncio.get_running_loop()
        self._context = copy_context()
        self._urgent: dict[Pending, None] = {}
        self._patient: dict[Pending, None] = {}  # in the order in which they were opened
        self._flying: dict[Pending, None] = {}  # on their way to the store
        self._batches = 0  # that they are in: at most two
        self._scheduled = False  # a batch is to be begun
        self._seconds = _SWIFT  # that a commit takes, as a moving average
        self._writers: set[asyncio.Task[None]] = set()
        self._apart: set[asyncio.Task[None]] = set()  # transactions of handlers, on their way out
        self._timer: asyncio.TimerHandle | None = None

    # ---- what the recorders ask ------------------------------------------------------------------------------

    def open(self, recorder: RunRecorder, delta: Delta) -> Pending:
        """Begin to gather *delta*."""
        return Pending(recorder, delta, self._loop.time())

    def submit(self, pending: Pending, *, at_once: bool) -> bool:
        """See that *pending* is written; tell whether its run has to wait.

        A run need not wait unless it asked for that, or the store is behind: too many runs have unwritten deltas, or
        one of them has been gathered for half of what `max_staleness` allows.
        """
        if not at_once and not self._is_behind():
            if pending not in self._urgent:
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

    @property
    def lag(self) -> float:
        """For how many seconds the oldest change that is to be written has waited to be on disk."""
        waiting = [one.opened_at for one in chain(self._flying, self._urgent, self._patient) if not one.is_over]
        return self._loop.time() - min(waiting) if waiting else 0.0

    async def drain(self) -> None:
        """Return when everything that was submitted is written, or has failed."""
        while self._urgent or self._patient or self._batches or self._scheduled or self._apart:
            self._hurry()
            if under_way := self._apart | self._writers:
                await asyncio.wait(under_way)
            else:
                await asyncio.sleep(0)

    # ---- transactions of handlers ----------------------------------------------------------------------------

    async def begin(self) -> OpenTransaction:
        """Open a transaction of the store for a handler."""
        return await OpenTransaction.begin(self._store)

    def write_in(self, transaction: OpenTransaction, pending: Pending, ended: Callable[[], None]) -> None:
        """Commit *pending* in *transaction*, beside the writer, which may wait for that very transaction."""
        self._urgent.pop(pending, None)
        self._patient.pop(pending, None)
        pending.recorder.pending = None
        self._run_apart(self._write_in(transaction, pending), ended)

    def undo(self, transaction: OpenTransaction, ended: Callable[[], None]) -> asyncio.Task[None]:
        """Undo *transaction*, then call *ended*."""
        return self._run_apart(self._undo(transaction), ended)

    def _run_apart(self, work: Coroutine[Any, Any, None], ended: Callable[[], None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._apart.add(task)

        def over(task: asyncio.Task[None]) -> None:
            self._apart.discard(task)
            ended()

        task.add_done_callback(over)
        return task

    async def _write_in(self, transaction: OpenTransaction, pending: Pending) -> None:
        """Commit once: after an error nobody knows what the store has of it, and a resume goes by what it has."""
        try:
            applied = await transaction.commit(pending.delta)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run must not wait for ever
            _fail(pending, _as_store_error(error, self._store.label))
        else:
            self._release(_waiters_of([pending], [applied]))

    async def _undo(self, transaction: OpenTransaction) -> None:
        try:
            await transaction.undo()
        except Exception as error:  # noqa: BLE001 - a connection that is gone has undone it, too
            logger.warning("a transaction could not be undone: %s", error)

    # ---- when to write ---------------------------------------------------------------------------------------

    def _is_behind(self) -> bool:
        if len(self._patient) >= self._max_pending:
            return True
        oldest = next(iter(self._patient), None)
        return oldest is not None and self._loop.time() - oldest.opened_at >= self._gathering

    def _set_timer(self) -> None:
        if self._timer is None and not (self._batches or self._scheduled):
            self._timer = self._loop.call_later(self._gathering, self._hurry)

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
        """Begin a batch with everything of this round of the event loop, unless enough is on its way."""
        if self._scheduled or self._batches > 1:
            return
        if self._batches and (self._seconds > _SWIFT or len(self._urgent) < _FEW):
            return
        self._scheduled = True
        self._loop.call_soon(self._start_writer)

    def _start_writer(self) -> None:
        self._scheduled = False
        if not self._batches and self._prompt is not None and self._write_now(self._prompt):
            return
        batch = self._take()
        if not batch:
            return
        # Eagerly: the store gets the batch in this round of the event loop, and not in the next one.
        writer = start_eagerly(self._loop, self._write(batch), self._context.copy())
        if not writer.done():
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        self._go_on()

    def _write_now(self, store: PromptStore) -> bool:
        """Write what has come in, without giving the event loop away, if the store can; tell whether it is done."""
        batch = [*self._urgent, *self._patient]
        try:
            applied = store.commit_now([pending.delta for pending in batch])
        except Exception:  # noqa: BLE001 - the writer tries again, and deals with it
            return False
        if applied is None:
            return False
        self._take_out(batch)
        self._release_now(_waiters_of(batch, applied))
        return True

    def _take(self) -> list[Pending]:
        """Take out what is to be written: half of it, if the store is quick enough to be given the other half at once.

        A run with a delta on its way waits for that one: its deltas are written in order.
        """
        batch = [*self._urgent, *self._patient]
        if self._flying:
            under_way = {pending.recorder for pending in self._flying}
            batch = [pending for pending in batch if pending.recorder not in under_way]
        elif len(batch) >= 2 * _FEW and self._seconds <= _SWIFT:
            batch = batch[: len(batch) // 2]
        self._take_out(batch)
        return batch

    def _take_out(self, batch: Sequence[Pending]) -> None:
        """Let what comes now be gathered for the next batch."""
        if len(batch) == len(self._urgent) + len(self._patient):
            self._urgent.clear()
            self._patient.clear()
        else:
            for pending in batch:
                self._urgent.pop(pending, None)
                self._patient.pop(pending, None)
        self._stop_timer()
        for pending in batch:
            pending.recorder.pending = None

    async def _write(self, batch: Sequence[Pending]) -> None:
        self._batches += 1
        self._flying.update(dict.fromkeys(batch))
        started = self._loop.time()
        try:
            await self._write_batch(batch)
        finally:
            self._seconds += (self._loop.time() - started - self._seconds) * _WEIGHT
            self._batches -= 1
            for pending in batch:
                del self._flying[pending]
            # What the released runs do now goes into one transaction with what came in meanwhile. If that were
            # written first, two batches would take turns for ever, each held up by the other's handlers.
            self._go_on()

    def _go_on(self) -> None:
        """Begin the next batch when there is one."""
        if self._urgent:
            self._write_soon()
        elif self._patient:
            self._set_timer()

    async def _write_batch(self, batch: Sequence[Pending]) -> None:
        try:
            applied = await self._commit([pending.delta for pending in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, no run may wait for ever for its write
            await self._write_apart(batch, _as_store_error(error, self._store.label))
            return
        self._release(_waiters_of(batch, applied))

    async def _write_apart(self, batch: Sequence[Pending], error: StoreError) -> None:
        """Find out which of *batch* the store refuses: the others must not fail with it."""
        refused = 0
        for pending in batch:
            if len(batch) == 1 or refused == _ALONE:
                _fail(pending, error)
                continue
            try:
                [applied] = await self._store.commit([pending.delta])
            except Exception as problem:  # noqa: BLE001 - as above
                refused += 1
                _fail(pending, _as_store_error(problem, self._store.label))
                continue
            refused = 0
            self._release(_waiters_of([pending], [applied]))

    def _release(self, waiters: deque[Callable[[], None]]) -> None:
        """Let runs go on, outside the writer's task: it must go on writing whatever their handlers do."""
        if waiters:
            self._loop.call_soon(self._release_now, waiters)

    def _release_now(self, waiters: deque[Callable[[], None]]) -> None:
        try:
            while waiters:
                waiters.popleft()()
        finally:
            self._release(waiters)  # a handler raised what must not be swallowed; the others go on all the same

    async def _commit(self, deltas: Sequence[Delta]) -> Sequence[bool]:
        """Write *deltas*, trying again a bounded number of times: a delta that was applied already stays as it is."""
        pause = _FIRST_PAUSE
        for _ in range(_TRIES - 1):
            try:
                return await self._store.commit(deltas)
            except StoreError:
                await asyncio.sleep(pause * self._random.uniform(0.5, 1.0))
                pause = min(pause * 2, _MAX_PAUSE)
        return await self._store.commit(deltas)


def _waiters_of(batch: Sequence[Pending], applied: Sequence[bool]) -> deque[Callable[[], None]]:
    """Return who waits for what was applied, and stop the runs that are this worker's no longer."""
    waiters: deque[Callable[[], None]] = deque()
    for pending, was_applied in zip(batch, applied, strict=True):
        if was_applied:
            waiters.extend(pending.waiters)
            pending.finish()
        else:
            _fence_off(pending)
    return waiters


def _fence_off(pending: Pending) -> None:
    _fail(pending, Fenced(pending.recorder.stimulation_id, pending.recorder.fence))


def _as_store_error(error: Exception, label: str) -> StoreError:
    if isinstance(error, StoreError):
        return error
    wrapped = StoreError(f"{label} failed in a way that it does not know: {error!r}")
    wrapped.__cause__ = error
    return wrapped


def _fail(pending: Pending, error: StoreError) -> None:
    recorder = pending.recorder
    recorder.broken = True
    pending.finish()
    if recorder.stimulation is None:
        recorder.finished()  # it could not even start, and now that cannot be stored
    else:
        recorder.stimulation.halt(error)
