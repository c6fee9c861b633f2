"""How a runner does what a command says: so that doing it twice, since a worker died over it, is doing it once."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from cnstra.durable.commands import (
    AbortArguments,
    CloneArguments,
    ForkArguments,
    StimulateArguments,
    arguments_of,
    attempt_seen,
    derived_id,
    version_of,
)
from cnstra.durable.failures import reason_text
from cnstra.durable.forking import UNCHANGED
from cnstra.durable.retention import FINAL_STATUSES
from cnstra.durable.scheduling import ScheduledRuns
from cnstra.errors import RunExists, RunNotFound, RunNotReady
from cnstra.persist.commands import CommandKind, CommandRecord, CommandResult

if TYPE_CHECKING:
    from cnstra.core.signals import Collateral
    from cnstra.durable.views import RunInfo

__all__ = ["ANYWHERE", "WITH_GRAPH", "PerformedRuns"]

ANYWHERE: Final[tuple[CommandKind, ...]] = ("retry", "abort", "delete")
"""What any runner can do."""
WITH_GRAPH: Final[tuple[CommandKind, ...]] = ("clone", "fork", "stimulate")
"""What only a runner that has the graph can do."""
_PAUSE: Final = 0.02


class PerformedRuns(ScheduledRuns):
    """What a runner does to runs because a command says so."""

    async def _perform(self, command: CommandRecord, *, again: bool) -> CommandResult:
        """Carry a command out.

        Args:
            command: What is to be done.
            again: Whether somebody has tried before, so that it may be done already.

        Raises:
            CNSError: If it cannot or must not be done, and nothing was changed.
            StoreError: If it is not known whether it was done.
        """
        match command.kind:
            case "retry":
                return await self._perform_retry(command, again=again)
            case "delete":
                return await self._perform_delete(command, again=again)
            case "abort":
                return await self._perform_abort(command, again=again)
            case "clone":
                return await self._perform_clone(command, again=again)
            case "fork":
                return await self._perform_fork(command, again=again)
            case "stimulate":
                return await self._perform_stimulate(command, again=again)

    # ---- runs that exist -------------------------------------------------------------------------------------

    async def _perform_retry(self, command: CommandRecord, *, again: bool) -> CommandResult:
        stimulation_id = _run_of(command)
        if again:
            info = await self._require(stimulation_id)
            if _was_tried_since(info, command):
                return _done(f"the run was put back to be retried before; it is {info.status} now")
        await self._requeue(stimulation_id, command.seen)
        return _done("the run waits for a worker, which goes on where it stopped")

    async def _perform_delete(self, command: CommandRecord, *, again: bool) -> CommandResult:
        try:
            await self._drop(_run_of(command), command.seen)
        except RunNotFound:
            if not again:
                raise
        return _done("the run was deleted")

    async def _perform_abort(self, command: CommandRecord, *, again: bool) -> CommandResult:
        stimulation_id = _run_of(command)
        reason = arguments_of(command, AbortArguments).reason or f"ordered by {command.actor}"
        while True:
            info = await self._require(stimulation_id)
            if info.status in FINAL_STATUSES:
                if again and info.status == "aborted":
                    return _done("the run was aborted")
                raise RunNotReady(stimulation_id, info.status, "it is over, so there is nothing to abort")
            if command.seen is not None and attempt_seen(command.seen) != info.attempt_number:
                now = f"it is in attempt {info.attempt_number} now, which is not the one that was to be aborted"
                raise RunNotReady(stimulation_id, info.status, now)
            outcome = await self._abort_somewhere(info, reason)
            if outcome is not None:
                return _done(outcome)
            await asyncio.sleep(_PAUSE)

    async def _abort_somewhere(self, info: RunInfo, reason: str) -> str | None:
        """Abort a run, or have it aborted, without waiting for handlers; ``None`` if it has moved meanwhile."""
        live = self._worker.live.get(info.stimulation_id)
        if live is not None and live.stimulation is not None:
            live.stimulation.abort(reason)
            return "the run stops here as soon as its active handlers let it"
        if await self._abort_stored(info.stimulation_id, reason):
            is_here = self._worker.live.get(info.stimulation_id) is not None
            return None if is_here else "the run was aborted"
        text = reason_text(reason)
        if not await self.store.request_abort(self.scope, info.stimulation_id, text):
            return None
        return f"worker {info.owner} is asked to stop the run"

    # ---- runs that come of it --------------------------------------------------------------------------------

    async def _perform_clone(self, command: CommandRecord, *, again: bool) -> CommandResult:
        new_id = arguments_of(command, CloneArguments).new_id or derived_id(command)
        try:
            await self.clone(_run_of(command), new_id=new_id, enqueue=True)
        except RunExists:
            await self._require_own(command, new_id, again=again)
        return _made(new_id)

    async def _perform_fork(self, command: CommandRecord, *, again: bool) -> CommandResult:
        given = arguments_of(command, ForkArguments)
        new_id = given.new_id or derived_id(command)
        payload = partial(self._payload, given.payload)
        try:
            await self._fork(_run_of(command), given.from_task, payload, new_id=new_id, enqueue=True)
        except RunExists:
            await self._require_own(command, new_id, again=again)
        return _made(new_id)

    async def _perform_stimulate(self, command: CommandRecord, *, again: bool) -> CommandResult:
        given = arguments_of(command, StimulateArguments)
        collateral = self._graph.names.registry.require_collateral(given.collateral)
        signal = collateral.create_signal(self._payload(given.payload, collateral))
        new_id = given.stimulation_id or derived_id(command)
        try:
            await self.enqueue(signal, stimulation_id=new_id, on_conflict="raise", metadata=given.metadata)
        except RunExists:
            await self._require_own(command, new_id, again=again)
        return _made(new_id)

    async def _require_own(self, command: CommandRecord, new_id: str, *, again: bool) -> None:
        """Refuse an id that is taken, unless it was this command that has taken it."""
        info = await self._require(new_id)
        is_own = new_id == derived_id(command) or (again and info.created_at >= command.ordered_at)
        if not is_own:
            raise RunExists(new_id, info.status)

    def _payload(self, given: msgspec.Raw | msgspec.UnsetType, collateral: Collateral[Any]) -> Any:
        if given is msgspec.UNSET:
            return UNCHANGED
        registry = self._graph.names.registry
        return registry.decode_payload(collateral, registry.payload_version(collateral), bytes(given))


def _run_of(command: CommandRecord) -> str:
    assert command.stimulation_id is not None  # noqa: S101 - no command of another kind is stored without
    return command.stimulation_id


def _was_tried_since(info: RunInfo, command: CommandRecord) -> bool:
    """Tell whether a run was tried again since a command was given that says so."""
    if command.seen is not None:
        return version_of(info) != command.seen
    return info.status in {"pending", "running"} or (info.ended_at or 0.0) > command.ordered_at


def _done(outcome: str) -> CommandResult:
    return CommandResult("done", outcome)


def _made(new_id: str) -> CommandResult:
    return CommandResult("done", "the new run waits for a worker", made=new_id)
