"""What a runner does to runs that exist: wait for them, retry, abort and delete them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from cnstra.durable.commands import version_of
from cnstra.durable.failures import reason_text
from cnstra.durable.fitness import Fitness
from cnstra.durable.retention import FINAL_STATUSES
from cnstra.durable.stored import StoredRuns
from cnstra.errors import RunNotFound, RunNotReady, StoreError
from cnstra.persist.records import ErrorRecord, RunStatus

if TYPE_CHECKING:
    from cnstra.durable.handles import DurableRun
    from cnstra.durable.views import RunInfo
    from cnstra.persist.records import RunState

__all__ = ["HeldRuns"]

_PAUSE: Final = 0.02
_MAX_PAUSE: Final = 1.0
_ENDED_EARLY: Final[Collection[RunStatus]] = ("failed", "aborted")
_RETRIED: Final[Collection[RunStatus]] = ("failed", "aborted", "pending", "running")


class HeldRuns(StoredRuns):
    """What a runner does to runs that exist, whoever holds them."""

    async def wait(self, stimulation_id: str) -> None:
        """Wait for the end of a stored run, wherever it runs, and raise as awaiting it does.

        Raises:
            RunNotFound: If there is no such run.
            StoreError: If the store has not answered several times in a row.
        """
        info = await self._require(stimulation_id)
        await self._worker.outcomes.handle(stimulation_id, info.attempt_number)

    async def retry(self, stimulation_id: str) -> DurableRun:
        """Start a new attempt of a failed or aborted run from its frontier: what was done is not done again.

        It starts here, and now; `requeue` leaves it to whoever has room. The policy of a run that was enqueued with one
        has all its tries before it again. A run that waits, or whose worker is dead, is taken at once.

        Raises:
            RunNotFound: If there is no such run.
            RunNotReady: If it runs, has completed, or has nothing left to do; or if this code cannot go on with it, in
                which case it stays as it is.
        """
        self._worker.require_lease()
        async with self._worker.ownership.taking(stimulation_id):
            return await self._retry(await self._require(stimulation_id))

    async def _retry(self, info: RunInfo) -> DurableRun:
        stimulation_id = info.stimulation_id
        if await self._is_under_way(info):
            raise RunNotReady(stimulation_id, info.status, "it is under way here; await it, or abort it first")
        if info.status == "completed":
            raise RunNotReady(stimulation_id, info.status, "there is nothing to retry; use clone() for a fresh run")
        _require_tasks(info)
        await self._require_fit(info)
        with self._worker.wary():
            state = await self._take(stimulation_id, _RETRIED)
        self._worker.require_lease()
        try:
            return self._worker.launcher.revive(state)
        except Exception as error:
            await self._worker.committer.drain()
            raise RunNotReady(stimulation_id, "failed", f"this code cannot resume it: {error}") from error

    async def requeue(self, stimulation_id: str) -> DurableRun:
        """Let any worker take up a failed or aborted run from its frontier, when it has room; nothing starts here.

        What was done is not done again. The policy of the run has all its tries before it again.

        Raises:
            RunNotFound: If there is no such run.
            RunNotReady: If it has not failed and was not aborted, or has nothing left to do.
        """
        return await self._requeue(stimulation_id)

    async def _requeue(self, stimulation_id: str, seen: str | None = None) -> DurableRun:
        """Let any worker take up a run, unless it is not any more in the version that somebody has seen."""
        self._worker.require_lease()
        async with self._worker.ownership.taking(stimulation_id):
            info = await self._require(stimulation_id)
            _require_unchanged(info, seen)
            if await self._is_under_way(info) or info.status not in _ENDED_EARLY:
                raise RunNotReady(stimulation_id, info.status, "only one that has failed or was aborted is requeued")
            _require_tasks(info)
            # If this worker dies in between, the run is recovered like any other that it held.
            with self._worker.wary():
                state = await self._take(stimulation_id, _ENDED_EARLY)
                await self.store.put_back(state.key, state.run.fence)
        self._worker.poke()
        return self._worker.outcomes.handle(stimulation_id, info.attempt_number)

    async def _take(self, stimulation_id: str, statuses: Collection[RunStatus]) -> RunState:
        dead = await self._worker.colleagues.dead_and_this()
        state = await self.store.take(self.scope, stimulation_id, self._worker.worker_id, statuses=statuses, dead=dead)
        if state is None:
            info = await self._require(stimulation_id)
            raise RunNotReady(
                stimulation_id, info.status, f"worker {info.owner} holds it; wait for it, or abort it first"
            )
        return state

    async def _require_fit(self, info: RunInfo) -> None:
        """Refuse a run that this code cannot go on with, before anything of it is changed."""
        state = await self.store.peek(self.scope, info.stimulation_id)
        if state is None:
            raise RunNotFound(info.stimulation_id)
        misfits = Fitness(self._graph.cns, self._graph.names.registry).misfits(state)
        if misfits:
            problem = "; ".join(map(str, misfits))
            raise RunNotReady(info.stimulation_id, info.status, f"this code cannot resume it: {problem}")

    async def _is_under_way(self, info: RunInfo) -> bool:
        live = self._worker.live.get(info.stimulation_id)
        if live is None or live.stimulation is None:
            return False
        if info.status in FINAL_STATUSES:  # its last write is done, and it is about to hear of that
            await live.stimulation.wait_quietly()
            return False
        return True

    async def abort(self, stimulation_id: str, reason: object = None) -> None:
        """Stop a run, wherever it runs; its frontier is kept, and `retry` goes on from there.

        Returns when the run has ended, which handlers that are active now may delay; a handler that aborts its own
        run is not waited for. A run that has ended already stays as it is. One that another worker holds is stopped by
        that worker, or, if it dies, by whoever finds out. If this runner is closed meanwhile, it may give the run back.

        Args:
            stimulation_id: The run.
            reason: Why; stored as text.

        Raises:
            RunNotFound: If there is no such run.
            StoreError: If the store cannot be asked, or has not answered several times in a row.
        """
        self._worker.require_open()
        while True:
            if self._worker.live.get(stimulation_id) is None and not await self._abort_stored(stimulation_id, reason):
                await self._abort_elsewhere(stimulation_id, reason)
            live = self._worker.live.get(stimulation_id)
            if live is None or live.stimulation is None:
                return
            live.stimulation.abort(reason)
            if live.stimulation.is_driven_by(asyncio.current_task()):
                return
            await live.stimulation.wait_quietly()
            if not self._worker.is_alive() or (await self._require(stimulation_id)).status in FINAL_STATUSES:
                return  # else this worker has lost it, and it goes on elsewhere

    async def _abort_stored(self, stimulation_id: str, reason: object) -> bool:
        """End a run that nobody runs; ``False`` if another worker does."""
        async with self._worker.ownership.taking(stimulation_id):
            if self._worker.live.get(stimulation_id) is not None:
                return True  # it has just started here
            info = await self._require(stimulation_id)
            if info.status in FINAL_STATUSES:
                return True
            dead = await self._worker.colleagues.dead_and_this()
            error = ErrorRecord("StimulationAborted", reason_text(reason))
            return await self.store.settle(self.scope, stimulation_id, "aborted", dead=dead, error=error)

    async def _abort_elsewhere(self, stimulation_id: str, reason: object) -> None:
        """Ask the worker that holds the run, and wait until it is over, or until that worker is dead, and end it."""
        text = reason_text(reason) or f"requested by worker {self._worker.worker_id}"
        if not await self.store.request_abort(self.scope, stimulation_id, text):
            return
        pause = _PAUSE
        with suppress(RunNotFound):  # it was deleted, so it is over
            while not await self._abort_stored(stimulation_id, text):
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, _MAX_PAUSE)

    async def delete(self, stimulation_id: str) -> None:
        """Drop a run and everything of it, also one that cannot be read any more.

        Raises:
            RunNotFound: If there is no such run.
            RunNotReady: If it is under way; abort it first.
            StoreError: If the store cannot be asked.
        """
        await self._drop(stimulation_id)

    async def _drop(self, stimulation_id: str, seen: str | None = None) -> None:
        """Drop a run, unless it is not any more in the version that somebody has seen."""
        async with self._worker.ownership.taking(stimulation_id):
            try:
                info = await self._require(stimulation_id)
            except StoreError:
                if self._worker.live.get(stimulation_id) is not None or not await self._delete(stimulation_id):
                    raise
                return
            _require_unchanged(info, seen)
            if await self._is_under_way(info):
                raise RunNotReady(stimulation_id, info.status, "it is under way here; abort it first")
            if not await self._delete(stimulation_id):
                raise RunNotReady(stimulation_id, info.status, f"worker {info.owner} holds it; abort it first")

    async def _delete(self, stimulation_id: str) -> bool:
        dead = await self._worker.colleagues.dead_and_this()
        return await self.store.delete(self.scope, stimulation_id, dead=dead)


def _require_unchanged(info: RunInfo, seen: str | None) -> None:
    if seen is not None and version_of(info) != seen:
        attempt, _, status = seen.partition("-")
        now = f"it is in attempt {info.attempt_number} now, and was {status} in attempt {attempt} when that was ordered"
        raise RunNotReady(info.stimulation_id, info.status, now)


def _require_tasks(info: RunInfo) -> None:
    if info.status == "failed" and not info.outstanding and not is_poisoned(info):
        raise RunNotReady(
            info.stimulation_id, info.status, "only a listener failed, no task is left; use clone() for a fresh run"
        )


def is_poisoned(info: RunInfo) -> bool:
    """Whether the run was given up without looking at what is left of it."""
    return info.error is not None and info.error.type_name == "PoisonRun"
