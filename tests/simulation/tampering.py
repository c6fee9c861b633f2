"""Stores that are broken on purpose: the simulation must find out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from cnstra.persist.delta import Delta
from cnstra.persist.ports import Store
from cnstra.persist.records import NewRun, RunState
from cnstra.stores import MemoryStore
from cnstra.stores.memory.run import MemoryRun
from tests.durability.wrapping import StoreWrapper

__all__ = ["TAMPERED"]


class Tampered(StoreWrapper):
    """A memory store with something wrong about it."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        assert isinstance(inner, MemoryStore)
        self._shelf = inner._shelf

    def _run(self, delta: Delta) -> MemoryRun:
        run = self._shelf.by_key(delta.key)
        assert run is not None
        return run


class IgnoresTheFence(Tampered):
    """Takes writes from whoever comes."""

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        for delta in deltas:
            run = self._run(delta)
            if delta.fence != run._fence:
                delta.fence, delta.sequence = run._fence, run._sequence + 1
        return await super().commit(deltas)


class KeepsTheFence(Tampered):
    """Gives a run to the next worker under the fence of the last one."""

    async def claim(self, scope: str, worker_id: str, *, dead: Collection[str], **how: Any) -> list[RunState]:
        states = await super().claim(scope, worker_id, dead=dead, **how)
        for state in states:
            run = self._shelf.by_key(state.key)
            assert run is not None
            run._fence = max(1, run._fence - 1)
        return [replace(state, run=replace(state.run, fence=max(1, state.run.fence - 1))) for state in states]


class TakesFromTheLiving(Tampered):
    """Takes every worker for dead."""

    async def claim(self, scope: str, worker_id: str, *, dead: Collection[str], **how: Any) -> list[RunState]:
        everybody = {worker.worker_id for worker in await self.workers()} - {worker_id}
        return await super().claim(scope, worker_id, dead=everybody, **how)


class RefusesWhatItHasApplied(Tampered):
    """Does not know a delta again whose answer was lost."""

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        known = [delta.sequence == self._run(delta)._sequence for delta in deltas]
        return [applied and not again for applied, again in zip(await super().commit(deltas), known, strict=True)]


class AppliesItAgain(Tampered):
    """Writes the history of a delta whose answer was lost once more."""

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        for delta in deltas:
            run = self._run(delta)
            if delta.fence == run._fence and delta.sequence == run._sequence:
                run._history += delta.history
        return await super().commit(deltas)


class AnswersBeforeItWrites(Tampered):
    """Has the last commit in memory only, and loses it when another worker takes the run."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._unwritten: Sequence[Delta] = ()

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        unwritten, self._unwritten = self._unwritten, deltas
        await super().commit(unwritten)
        return [delta.fence == self._run(delta)._fence for delta in deltas]


class LosesASuccessor(Tampered):
    """Writes only the first of several tasks that one hop has made."""

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        for delta in deltas:
            for ordinal in list(delta.tasks)[2:]:
                del delta.tasks[ordinal]
        return await super().commit(deltas)


class ForgetsContexts(Tampered):
    """Writes every hop without what the neurons remember."""

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        for delta in deltas:
            delta.contexts.clear()
        return await super().commit(deltas)


class ReusesOrdinals(Tampered):
    """Does not keep which ordinals were given out ahead."""

    async def admit(self, run: NewRun, worker_id: str | None) -> RunState | None:
        return await super().admit(replace(run, reserved=0), worker_id)

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        for delta in deltas:
            delta.next_task = max((*delta.tasks, self._run(delta)._next_task - 1)) + 1
        return await super().commit(deltas)


class LosesAdmissions(Tampered):
    """Forgets every run that waits, if one more is admitted."""

    async def admit(self, run: NewRun, worker_id: str | None) -> RunState | None:
        for waiting in list(self._shelf.open_runs(run.scope)):
            if waiting.status == "pending":
                self._shelf.remove(waiting)
        return await super().admit(run, worker_id)


class BeatsInVain(Tampered):
    """Says that a lease is renewed, and does not renew it."""

    def beat(self, worker_id: str, lease: float) -> bool:
        return True


TAMPERED = (
    IgnoresTheFence,
    KeepsTheFence,
    TakesFromTheLiving,
    RefusesWhatItHasApplied,
    AppliesItAgain,
    AnswersBeforeItWrites,
    LosesASuccessor,
    ForgetsContexts,
    ReusesOrdinals,
    LosesAdmissions,
    BeatsInVain,
)
