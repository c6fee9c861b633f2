"""Deleting runs, inside a transaction that the caller opens and closes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from cnstra.persist.records import RunStatus
from cnstra.stores.postgres.keys import touch
from cnstra.stores.postgres.ownership import hold_free
from cnstra.stores.postgres.session import Row, Session

__all__ = ["BOUNDARY", "DELETE", "ENDED", "boundary", "delete", "purge"]

# The latest of the runs that a purge may delete, if there are more than it keeps.
BOUNDARY: Final = """
    SELECT l.ended_at, l.key FROM unnest(%(statuses)s::text[]) AS s(status) CROSS JOIN LATERAL (
        SELECT r.ended_at, r.key FROM cnstra.runs AS r
        WHERE r.scope = %(scope)s AND r.status = s.status AND r.ended_at IS NOT NULL
        ORDER BY r.ended_at DESC, r.key DESC LIMIT %(keep)s + 1
    ) AS l ORDER BY l.ended_at DESC, l.key DESC OFFSET %(keep)s LIMIT 1
"""
ENDED: Final = """
    SELECT l.key FROM unnest(%(statuses)s::text[]) AS s(status) CROSS JOIN LATERAL (
        SELECT r.ended_at, r.key FROM cnstra.runs AS r
        WHERE r.scope = %(scope)s AND r.status = s.status AND r.ended_at < cnstra.now - %(older_than)s::double precision
          AND (r.ended_at, r.key) <= (%(ended_at)s::double precision, %(key)s::bigint)
        ORDER BY r.ended_at, r.key LIMIT %(limit)s
    ) AS l ORDER BY l.ended_at, l.key LIMIT %(limit)s
"""
# A run that somebody writes to is not over any more, or will be deleted by him.
_LOCK: Final = """
    SELECT p.run FROM cnstra.progress AS p WHERE p.run = ANY(%(keys)s) ORDER BY p.run FOR UPDATE SKIP LOCKED
"""
_OVER: Final = """
    SELECT key FROM cnstra.runs WHERE key = ANY(%(keys)s) AND status = ANY(%(statuses)s) FOR UPDATE
"""
DELETE: Final = """
    WITH given AS (SELECT * FROM unnest(%s::bigint[]) AS k(key)),
    frontier AS (DELETE FROM cnstra.frontier AS x USING given AS k WHERE x.run = k.key),
    signals AS (DELETE FROM cnstra.signals AS x USING given AS k WHERE x.run = k.key),
    history AS (DELETE FROM cnstra.history AS x USING given AS k WHERE x.run = k.key),
    contexts AS (DELETE FROM cnstra.contexts AS x USING given AS k WHERE x.run = k.key),
    hops AS (DELETE FROM cnstra.hops AS x USING given AS k WHERE x.run = k.key),
    attempts AS (DELETE FROM cnstra.attempts AS x USING given AS k WHERE x.run = k.key),
    progress AS (DELETE FROM cnstra.progress AS x USING given AS k WHERE x.run = k.key)
    DELETE FROM cnstra.runs AS x USING given AS k WHERE x.key = k.key
"""


async def delete(session: Session, scope: str, run_id: str, dead: Collection[str]) -> bool:
    """Delete a run that nobody holds."""
    held = await hold_free(session, scope, run_id, dead)
    if held is None:
        return False
    await touch(session, held.key)
    await session.run(DELETE, ([held.key],))
    if held.status == "running":  # its place is free
        await session.tell(held.scope)
    return True


async def boundary(session: Session, scope: str, statuses: Collection[RunStatus], keep: int) -> Row | None:
    """Return the place of the latest run that may go, in the order in which they ended; ``None`` if none may."""
    values = {"scope": scope, "statuses": list(set(statuses)), "keep": max(keep, 0)}
    return await session.first(BOUNDARY, values)


async def purge(
    session: Session,
    scope: str,
    *,
    statuses: Collection[RunStatus],
    older_than: float,
    until: Row,
    limit: int,
) -> int:
    """Delete up to *limit* runs that ended long ago, the longest ended first; return how many were deleted."""
    ended_at, key = until
    found = await session.all(
        ENDED,
        {
            "scope": scope,
            "statuses": list(set(statuses)),
            "older_than": older_than,
            "ended_at": ended_at,
            "key": key,
            "limit": limit,
        },
    )
    values = {"keys": [key for (key,) in found], "statuses": list(set(statuses))}
    values["keys"] = [key for (key,) in await session.all(_LOCK, values)]
    doomed = [key for (key,) in await session.all(_OVER, values)]
    await session.run(DELETE, (doomed,))
    return len(doomed)
