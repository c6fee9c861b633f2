"""Who holds a run: taking one, ending one from outside, letting go of one, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from cnstra.persist.records import ErrorRecord, RunState, RunStatus
from cnstra.stores.postgres.admission import Admission
from cnstra.stores.postgres.keys import touch
from cnstra.stores.postgres.loading import load
from cnstra.stores.postgres.rows import error_text, plain, unplain
from cnstra.stores.postgres.session import Session

__all__ = [
    "ABORTS",
    "LIVING",
    "SETTLE",
    "TAKE_OVER",
    "Held",
    "Verdict",
    "abort_requests",
    "find",
    "hold",
    "hold_free",
    "let_go",
    "put_back",
    "request_abort",
    "settle",
    "settle_all",
    "take",
    "take_over",
]

LIVING: Final = """EXISTS (
    SELECT FROM cnstra.workers AS w
    WHERE w.worker_id = {owner} AND w.lease_until > cnstra.now AND w.worker_id <> ALL(%(dead)s::text[])
)"""

_FIND: Final = "SELECT key FROM cnstra.runs WHERE scope = %s AND stimulation_id = %s"
_FIND_ADMITTED: Final = "SELECT key FROM cnstra.runs WHERE scope = %s AND stimulation_id = %s AND token = %s"
_LOCK: Final = "SELECT fence FROM cnstra.progress WHERE run = %s FOR UPDATE"
_LOCK_RUN: Final = "SELECT status, owner, scope FROM cnstra.runs WHERE key = %s FOR UPDATE"
_IS_LIVING: Final = f"SELECT {LIVING.format(owner='%(owner)s')}"

# An attempt that its worker has left open is lost, and that is held against the run.
_LOST: Final = """
    lost AS (
        UPDATE cnstra.attempts AS a
        SET status = 'lost', ended_at = cnstra.now, hop_count = p.hop_count - a.hops_before
        FROM given AS k JOIN cnstra.runs AS r ON r.key = k.key JOIN cnstra.progress AS p ON p.run = k.key
        WHERE a.run = k.key AND a.attempt_number = r.attempt_number AND a.status = 'running'
        RETURNING a.run
    ), fenced AS (
        UPDATE cnstra.progress AS p SET fence = p.fence + 1, updated_at = cnstra.now FROM given AS k WHERE p.run = k.key
    )
"""
_COUNTED: Final = """
    recoveries = r.recoveries + CASE WHEN l.run IS NULL THEN 0 ELSE 1 END,
    losses = CASE WHEN l.run IS NULL THEN r.losses WHEN r.losses_at = p.hop_count THEN r.losses + 1 ELSE 1 END,
    losses_at = CASE WHEN l.run IS NULL THEN r.losses_at ELSE p.hop_count END
"""
TAKE_OVER: Final = f"""
    WITH given AS (SELECT * FROM unnest(%(keys)s::bigint[]) AS k(key)), {_LOST}, taken AS (
        UPDATE cnstra.runs AS r SET status = 'running', owner = %(worker_id)s, ended_at = NULL, error = NULL,
               attempt_number = r.attempt_number + 1, starts = r.starts + 1, {_COUNTED}
        FROM given AS k JOIN cnstra.progress AS p ON p.run = k.key LEFT JOIN lost AS l ON l.run = k.key
        WHERE r.key = k.key
        RETURNING r.key, r.attempt_number, p.hop_count
    )
    INSERT INTO cnstra.attempts (run, attempt_number, started_at, hops_before, status, worker_id)
    SELECT key, attempt_number, cnstra.now, hop_count, 'running', %(worker_id)s FROM taken
"""
SETTLE: Final = f"""
    WITH given AS (
        SELECT * FROM unnest(%(keys)s::bigint[], %(statuses)s::text[], %(errors)s::text[]) AS k(key, status, error)
    ), {_LOST}
    UPDATE cnstra.runs AS r SET status = k.status, owner = NULL, error = k.error, {_COUNTED},
           ended_at = CASE WHEN k.status <> 'pending' THEN cnstra.now END,
           abort_requested = CASE WHEN k.status = 'pending' THEN r.abort_requested END
    FROM given AS k JOIN cnstra.progress AS p ON p.run = k.key LEFT JOIN lost AS l ON l.run = k.key
    WHERE r.key = k.key
"""
_FORGIVE: Final = "UPDATE cnstra.runs SET losses = 0, starts = 1, abort_requested = NULL WHERE key = %s"
_REVIVE: Final = "UPDATE cnstra.frontier SET failure = NULL WHERE run = %s AND failure IS NOT NULL"
_PUT_BACK: Final = """
    WITH back AS (
        UPDATE cnstra.runs SET status = 'pending', owner = NULL, ended_at = NULL, attempt_number = attempt_number - 1,
               starts = starts - 1
        WHERE key = %(key)s RETURNING key, attempt_number + 1 AS attempt_number
    ), undone AS (
        DELETE FROM cnstra.attempts AS a USING back AS b WHERE a.run = b.key AND a.attempt_number = b.attempt_number
    )
    UPDATE cnstra.progress SET updated_at = cnstra.now WHERE run = %(key)s
"""
_REQUEST: Final = """
    UPDATE cnstra.runs SET abort_requested = coalesce(abort_requested, %(reason)s)
    WHERE scope = %(scope)s AND stimulation_id = %(run_id)s AND status IN ('pending', 'running')
"""
ABORTS: Final = """
    SELECT stimulation_id, abort_requested FROM cnstra.runs
    WHERE scope = %s AND owner = %s AND abort_requested IS NOT NULL
"""


class Verdict(NamedTuple):
    """What a run is ended with from outside."""

    status: RunStatus
    error: ErrorRecord | None = None


class Held(NamedTuple):
    """A run whose rows are locked.

    Attributes:
        key: The run.
        fence: Its fence; ``None`` if it has lost its progress.
        status: Its status.
        owner: Who holds it.
        scope: Its scope.
        is_living: Whether its owner is a living worker.
    """

    key: int
    fence: int | None
    status: RunStatus
    owner: str | None
    scope: str
    is_living: bool


async def hold(session: Session, key: int, dead: Collection[str] = ()) -> Held | None:
    """Lock a run, waiting for who writes to it; ``None`` if it is gone then.

    Each step is a statement of its own, since a statement does not see what it has waited for.
    """
    progress = await session.first(_LOCK, (key,))
    run = await session.first(_LOCK_RUN, (key,))
    if run is None:
        return None
    status, owner, scope = run
    living = await session.first(_IS_LIVING, {"owner": owner, "dead": list(dead)})
    return Held(key, None if progress is None else progress[0], status, owner, scope, living is not None and living[0])


async def find(session: Session, scope: str, run_id: str) -> int | None:
    """Return the key of a run."""
    row = await session.first(_FIND, (scope, run_id))
    return None if row is None else row[0]


async def hold_free(session: Session, scope: str, run_id: str, dead: Collection[str]) -> Held | None:
    """Lock a run that no living worker holds; ``None`` if there is no such run."""
    key = await find(session, scope, run_id)
    held = None if key is None else await hold(session, key, dead)
    return None if held is None or held.is_living else held


async def take_over(session: Session, keys: Sequence[int], worker_id: str) -> None:
    """Hand locked runs to a worker, each in a new attempt."""
    await session.run(TAKE_OVER, {"keys": list(keys), "worker_id": worker_id})


async def settle_all(session: Session, ends: Mapping[int, Verdict]) -> None:
    """End locked runs; the fence goes up: a worker that was taken for dead must not write into a run that is over."""
    await session.run(
        SETTLE,
        {
            "keys": list(ends),
            "statuses": [verdict.status for verdict in ends.values()],
            "errors": [error_text(verdict.error) for verdict in ends.values()],
        },
    )


async def take(
    session: Session,
    scope: str,
    run_id: str,
    worker_id: str,
    *,
    statuses: Collection[RunStatus],
    dead: Collection[str],
) -> RunState | None:
    """Take one run that nobody holds, with its failed tasks outstanding again.

    Raises:
        BadRow: If it cannot be read.
    """
    held = await hold_free(session, scope, run_id, dead)
    if held is None or held.status not in statuses:
        return None
    await take_over(session, [held.key], worker_id)
    await session.run(_FORGIVE, (held.key,))
    await session.run(_REVIVE, (held.key,))
    return (await load(session, [held.key])).state(held.key)


async def settle(session: Session, scope: str, run_id: str, verdict: Verdict, dead: Collection[str]) -> bool:
    """Give an open run that nobody holds another status."""
    held = await hold_free(session, scope, run_id, dead)
    if held is None or held.status not in ("pending", "running"):
        return False
    await settle_all(session, {held.key: verdict})
    await touch(session, held.key)
    if verdict.status == "pending":
        await session.tell(held.scope)
    return True


async def put_back(session: Session, key: int, fence: int, *, owner: str | None = None) -> bool:
    """Undo a claim; if *owner* is given, only his: when a claim came to nothing, another may have the same fence."""
    held = await hold(session, key)
    if held is None or held.fence != fence or held.status != "running" or (owner or held.owner) != held.owner:
        return False
    await session.run(_PUT_BACK, {"key": key})
    await touch(session, key)
    await session.tell(held.scope)
    return True


async def let_go(session: Session, admission: Admission) -> bool:
    """Put a run back that may have been admitted, without anybody knowing of it."""
    run = admission.run
    row = await session.first(_FIND_ADMITTED, (run.scope, run.stimulation_id, admission.token))
    return row is not None and await put_back(session, row[0], fence=1)


async def request_abort(session: Session, scope: str, run_id: str, reason: str) -> bool:
    """Note that a run is to be aborted, unless it is over."""
    if not await session.run(_REQUEST, {"scope": scope, "run_id": run_id, "reason": plain(reason)}):
        return False
    await session.tell(scope)
    return True


async def abort_requests(session: Session, scope: str, worker_id: str) -> list[tuple[str, str]]:
    """Return id and reason of the runs of a worker that are to be aborted."""
    return [(run_id, unplain(reason)) for run_id, reason in await session.all(ABORTS, (scope, worker_id))]
