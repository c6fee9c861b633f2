"""Looking for commands that people have given, and seeing to it that each is carried out by one worker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, Protocol, final

from cnstra.durable.complaints import Complaints
from cnstra.durable.stopping import is_ending
from cnstra.errors import CNSError, StoreError
from cnstra.persist.commands import CommandKind, CommandRecord, CommandResult

if TYPE_CHECKING:
    from cnstra.persist.ports import Store

__all__ = ["Obedience", "Perform"]

logger = logging.getLogger("cnstra")


class Perform(Protocol):
    """Carries a command out; *again* tells whether somebody has tried before."""

    def __call__(self, command: CommandRecord, *, again: bool) -> Awaitable[CommandResult]:
        """Carry it out."""
        ...


_BETWEEN_LOOKS: Final = 0.25
"""Seconds: whatever else the store has to tell, it is not asked for commands more often."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 30.0


@dataclass(slots=True)
class _Postponed:
    """A command that the store has kept from being carried out, or from being ended."""

    command: CommandRecord
    due: float
    tries: int = 1


@final
class Obedience:
    """Takes commands one after the other, and ends each of them, as long as a worker is open.

    A command whose result is not known, since the store has failed, stays this worker's, and is tried again; the others
    do not wait for it.

    Args:
        store: Has the commands.
        scope: Of which graph.
        kinds: Those that can be carried out here.
        perform: Carries one out.
        worker_id: Tells whose they become.
        holds_lease: Whether the worker may take anything now.
        dead: Returns the workers that are known to be gone.
        random: For the pauses between tries.
    """

    def __init__(
        self,
        store: Store,
        scope: str,
        *,
        kinds: Collection[CommandKind],
        perform: Perform,
        worker_id: Callable[[], str],
        holds_lease: Callable[[], bool],
        dead: Callable[[], Awaitable[set[str]]],
        random: Random,
    ) -> None:
        self._store = store
        self._scope = scope
        self._kinds = tuple(kinds)
        self._perform = perform
        self._worker_id = worker_id
        self._holds_lease = holds_lease
        self._dead = dead
        self._random = random
        self._news = asyncio.Event()
        self._news.set()
        self._postponed: dict[int, _Postponed] = {}
        self._taking = asyncio.Lock()
        self._by_hand = 0

    @asynccontextmanager
    async def spared(self) -> AsyncIterator[None]:
        """Leave alone, as long as this is open, what this worker has stored as its own to do it by hand."""
        async with self._taking:  # what is being taken now may be anything that this worker has
            self._by_hand += 1
        try:
            yield
        finally:
            self._by_hand -= 1

    def look(self) -> None:
        """Have it look soon: something in the store may have changed."""
        self._news.set()

    async def keep(self) -> None:
        """Look for commands until this is cancelled."""
        clock = asyncio.get_running_loop().time
        complaints = Complaints("look for commands", clock)
        while not is_ending():
            await self._wait(clock())
            self._news.clear()
            try:
                if self._holds_lease():
                    await self._tend(clock)
                complaints.settle()
            except Exception as error:  # noqa: BLE001 - the next time it may work
                complaints.add(error)
                self._news.set()  # what there is was not seen
            if not is_ending():
                await asyncio.sleep(_BETWEEN_LOOKS * min(2**complaints.in_a_row, 16))

    async def _wait(self, now: float) -> None:
        """Wait for news, or until a command that was postponed is due."""
        due = min((one.due for one in self._postponed.values()), default=None)
        with suppress(TimeoutError):
            async with asyncio.timeout(None if due is None else max(due - now, 0.0)):
                await self._news.wait()

    async def _tend(self, clock: Callable[[], float]) -> None:
        for one in [one for one in self._postponed.values() if one.due <= clock()]:
            await self._try_again(one, clock)
        while not is_ending() and self._holds_lease():
            command = await self._take()
            if command is None:
                return
            await self._carry_out(_Postponed(command, 0.0), clock)

    async def _take(self) -> CommandRecord | None:
        dead = await self._dead()
        async with self._taking:
            if not (self._postponed or self._by_hand):
                # Whatever this worker holds now was given to it without its knowing: the answer has got lost.
                dead = dead | {self._worker_id()}
            return await self._store.take_command(self._scope, self._worker_id(), kinds=self._kinds, dead=dead)

    async def _try_again(self, one: _Postponed, clock: Callable[[], float]) -> None:
        now = await self._store.command(self._scope, one.command.key)
        is_ours = now is not None and (now.number, now.status, now.takes) == (
            one.command.number,
            "taken",
            one.command.takes,
        )
        if is_ours:
            one.tries += 1
            await self._carry_out(one, clock)
        else:  # it has ended, or another worker has it
            self._postponed.pop(one.command.number, None)

    async def _carry_out(self, one: _Postponed, clock: Callable[[], float]) -> None:
        command = one.command
        try:
            result = await self._result(command, again=command.takes > 1 or one.tries > 1)
            await self._store.end_command(self._scope, command.number, command.takes, result)
        except StoreError as error:
            pause = min(_FIRST_PAUSE * 2 ** min(one.tries, 10), _LONGEST_PAUSE) * self._random.uniform(0.5, 1.0)
            one.due = clock() + pause
            self._postponed[command.number] = one
            logger.warning("command %r (%s) is tried again in %.1f s: %s", command.key, command.kind, pause, error)
        else:
            self._postponed.pop(command.number, None)

    async def _result(self, command: CommandRecord, *, again: bool) -> CommandResult:
        try:
            return await self._perform(command, again=again)
        except StoreError:
            raise
        except CNSError as error:
            return CommandResult("refused", str(error))
        except Exception as error:  # what cannot be done now cannot be done later, and must not stop the others
            logger.exception("command %r (%s) could not be carried out", command.key, command.kind)
            return CommandResult("refused", f"it could not be carried out: {type(error).__name__}: {error}")
