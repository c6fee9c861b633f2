"""What is done to one run that no living worker may hold: taking it, ending it, deleting it.

Whether the owner lives is asked first, since its lease may be on another server of a cluster. The script then acts only
if the owner is still the one that was found not to live.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from cnstra.persist.records import ErrorRecord, RunState, RunStatus
from cnstra.stores.redis.keys import Keyspace, to_bytes
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.listing import get
from cnstra.stores.redis.packing import pack_error
from cnstra.stores.redis.reading import read, taken_over
from cnstra.stores.redis.script import CHANGING, Script

__all__ = ["abort_requests", "delete", "request_abort", "settle", "take"]

_OWNER: Final = Script("owner")
_TAKE: Final = Script("take", *CHANGING)
_SETTLE: Final = Script("settle", *CHANGING)
_DELETE: Final = Script("delete", *CHANGING)
_REQUEST_ABORT: Final = Script("request_abort", *CHANGING)
_ABORT_REQUESTS: Final = Script("abort_requests")

_MOVED: Final = 1
"""What the scripts answer if another owner holds the run by now."""
_DONE: Final = 2


async def take(
    link: Link,
    space: Keyspace,
    run_id: bytes,
    worker_id: str,
    *,
    statuses: Collection[RunStatus],
    dead: Collection[str],
) -> RunState | None:
    """Take one run, with its failed tasks outstanding again."""
    own = space.of_run(run_id)
    while True:
        state = await read(link, space, run_id)
        if state is None or state.run.status not in statuses:
            return None
        owner = to_bytes(state.run.owner or "")
        if await _lives(link, owner, dead):
            return None
        keys = [*space.indexes, own.run, own.failures, own.attempts]
        answer = await link.call(_TAKE, keys, [to_bytes(worker_id), owner, *map(to_bytes, statuses)])
        if not isinstance(answer, int):
            taken = await taken_over(link, space, state, answer)
            return replace(taken, tasks=tuple(task._replace(failure=None) for task in taken.tasks))
        if answer != _MOVED:
            return None


async def settle(
    link: Link,
    space: Keyspace,
    run_id: bytes,
    status: RunStatus,
    *,
    dead: Collection[str],
    error: ErrorRecord | None,
) -> bool:
    """Give a run that is not over another status."""
    own = space.of_run(run_id)
    keys = [*space.indexes, own.run, own.attempts]
    arguments = [to_bytes(status), b"" if error is None else pack_error(error)]
    return await _unless_held(link, space, _SETTLE, keys, arguments, dead=dead)


async def delete(link: Link, space: Keyspace, run_id: bytes, *, dead: Collection[str]) -> bool:
    """Drop a run with everything of it; also one that cannot be read."""
    own = space.of_run(run_id)
    return await _unless_held(link, space, _DELETE, [*space.indexes, *own], [run_id], dead=dead)


async def _unless_held(
    link: Link,
    space: Keyspace,
    script: Script,
    keys: Sequence[bytes],
    arguments: Sequence[bytes],
    *,
    dead: Collection[str],
) -> bool:
    run = keys[len(space.indexes)]
    while True:
        owner: bytes | None = await link.call(_OWNER, [run])
        if owner is None or await _lives(link, owner, dead):
            return False
        answer: Any = await link.call(script, keys, [*space.telling, owner, *arguments])
        if answer != _MOVED:
            return bool(answer == _DONE)


async def _lives(link: Link, owner: bytes, dead: Collection[str]) -> bool:
    """Tell whether *owner* is a living worker."""
    return owner != b"" and owner in await link.living(dead)


async def request_abort(link: Link, space: Keyspace, run_id: bytes, reason: str) -> bool:
    """Ask whoever holds a run to abort it."""
    keys = [*space.indexes, space.of_run(run_id).run]
    return bool(await link.call(_REQUEST_ABORT, keys, [*space.telling, to_bytes(reason)]))


async def abort_requests(link: Link, space: Keyspace, worker_id: str) -> list[tuple[str, str]]:
    """Return id and reason of the runs of one worker that it is asked to abort."""
    requests: list[tuple[str, str]] = []
    for run_id in await link.call(_ABORT_REQUESTS, [space.aborts], [to_bytes(worker_id)]):
        run = await get(link, space, run_id)
        if run is not None and run.owner == worker_id and run.abort_requested is not None:
            requests.append((run.stimulation_id, run.abort_requested))
    return requests
