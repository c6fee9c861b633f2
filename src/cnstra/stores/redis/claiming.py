"""Claiming runs that nobody holds, and giving them back."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple, final

from cnstra.errors import StoreError
from cnstra.persist.limits import Limits
from cnstra.persist.records import RunState
from cnstra.persist.settling import aborted_on_request, poisoned
from cnstra.stores.redis.keys import Keyspace, parse_handle, to_bytes
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.packing import pack, pack_error, pack_limits
from cnstra.stores.redis.reading import read_many, taken_over
from cnstra.stores.redis.script import CHANGING, Script

__all__ = ["Claim", "put_back"]

_CANDIDATES: Final = Script("candidates", "clock", "indexes", "limits")
_CLAIM: Final = Script("claim", *CHANGING, "limits")
_NUMBERED: Final = Script("numbered")
_PUT_BACK: Final = Script("put_back", *CHANGING)

_MOST_AT_ONCE: Final = 50

_logger = logging.getLogger("cnstra.stores")


class _Candidate(NamedTuple):
    """A run that may be claimed, and how it stands in the index of those."""

    member: bytes
    run_id: bytes
    number: int


@final
class Claim:
    """One claim: runs are found, read, and then taken, if nobody was faster.

    So every script knows beforehand which keys it uses, which a cluster asks for; and what cannot be read is not taken.

    Args:
        link: The store.
        space: The keys of the scope.
        worker_id: For whom.
        living: The workers whose runs are left alone.
        max_recoveries: How many recoveries a run may have in a row.
        unfit: Handles of runs that are passed over.
        limits: Of the keys of runs.
    """

    def __init__(
        self,
        link: Link,
        space: Keyspace,
        worker_id: str,
        *,
        living: Collection[bytes],
        max_recoveries: int | None,
        unfit: Collection[int],
        limits: Limits,
    ) -> None:
        self._link = link
        self._space = space
        self._living = [*living]
        self._passed = {number for scope, number in filter(None, map(parse_handle, unfit)) if scope == space.scope}
        self._who = [to_bytes(worker_id)]
        self._keys = pack_limits(limits)
        self._limits = [b"", b""]
        if max_recoveries is not None:
            self._limits = [b"%d" % max_recoveries, pack_error(poisoned(max_recoveries))]

    async def take(self, limit: int) -> list[RunState]:
        """Take up to *limit* runs: the highest priority first, and among these the oldest."""
        taken: list[RunState] = []
        ask = limit
        while len(taken) < limit:
            wanted = limit - len(taken)
            found = await self._find(min(max(ask, wanted), _MOST_AT_ONCE))
            if not found:
                break
            more = await self._take(await self._read(found), wanted)
            taken += more
            ask = 0 if more else 2 * len(found)  # all of them were ended, or others were faster
        return taken

    async def _find(self, most: int) -> list[_Candidate]:
        arguments = [b"%d" % most, pack(list(self._passed)), self._keys, *self._living]
        while True:
            is_more_due, found = await self._link.call(_CANDIDATES, self._space.indexes, arguments)
            if not is_more_due:
                return [_Candidate._make(one) for one in found]

    async def _read(self, found: Sequence[_Candidate]) -> list[tuple[_Candidate, RunState | None]]:
        """Read the candidates; one that cannot be read is logged and left alone."""
        readable: list[tuple[_Candidate, RunState | None]] = []
        states = await read_many(self._link, self._space, [one.run_id for one in found])
        for one, state in zip(found, states, strict=True):
            if isinstance(state, StoreError):
                self._leave(one.number, state)
            else:
                readable.append((one, state))
        return readable

    def _leave(self, number: int, problem: StoreError) -> None:
        _logger.error("a stored run is left alone: %s", problem)
        self._passed.add(number)

    async def _take(self, found: Sequence[tuple[_Candidate, RunState | None]], most: int) -> list[RunState]:
        keys = [*self._space.indexes]
        arguments = [*self._who, b"%d" % most, *self._limits, self._keys]
        for one, state in found:
            own = self._space.of_run(one.run_id)
            reason = None if state is None else state.run.abort_requested
            keys += (own.run, own.attempts)
            arguments += (one.member, b"" if reason is None else pack_error(aborted_on_request(reason)))
        answers = await self._link.call(_CLAIM, keys, arguments)
        taken: list[RunState] = []
        for (one, state), answer in zip(found, answers, strict=True):
            if state is None or isinstance(answer, int):
                continue
            self._passed.add(one.number)  # a worker without a heartbeat could take it from itself, again and again
            try:
                taken.append(await taken_over(self._link, self._space, state, answer))
            except StoreError as error:  # its former owner has made it unreadable since it was read
                self._leave(one.number, error)
                await put_back(self._link, state.key, state.run.fence + 1)
        return taken


async def put_back(link: Link, key: int, fence: int) -> bool:
    """Undo a claim of a run that was not started."""
    handle = parse_handle(key)
    if handle is None:
        return False
    space, number = link.space(handle[0]), b"%d" % handle[1]
    run_id = await link.call(_NUMBERED, [space.with_status("running")], [number])
    if run_id is None:
        return False
    own = space.of_run(run_id)
    keys = [*space.indexes, own.run, own.attempts]
    return bool(await link.call(_PUT_BACK, keys, [*space.telling, number, b"%d" % fence]))
