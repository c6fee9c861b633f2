"""Claiming runs that nobody holds, inside a transaction that the caller opens and closes.

Who writes to a run locks its row in ``progress`` first and its row in ``runs`` after that, so that nobody waits for
somebody who waits for him. A claim waits for nobody: it passes over what is locked.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from cnstra.persist.limits import Limits
from cnstra.persist.records import RunState
from cnstra.persist.settling import aborted_on_request, poisoned
from cnstra.stores.postgres.errors import BadRow
from cnstra.stores.postgres.keys import PLACE, Candidate, Keys, touch_text
from cnstra.stores.postgres.loading import load, load_records
from cnstra.stores.postgres.ownership import LIVING, Verdict, settle_all, take_over
from cnstra.stores.postgres.rows import unplain
from cnstra.stores.postgres.session import Session

__all__ = ["FREE", "NEXT_DUE", "RIPEN", "Claim", "claim", "next_due", "ripen"]

_logger = logging.getLogger("cnstra.stores")

_RIPE_AT_ONCE: Final = 1000

# A run that was stored for later joins those that wait when its time has come: their index could not tell it from one
# whose time has not come, and a claim would read past all of these.
RIPEN: Final = f"""
    WITH ripe AS (
        UPDATE cnstra.runs AS r SET is_due = true WHERE r.key IN (
            SELECT key FROM cnstra.runs
            WHERE scope = %(scope)s AND status = 'pending' AND NOT is_due AND due_at <= cnstra.now
            ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        ) RETURNING r.scope, r.limit_key, {PLACE.format(run="r")} AS head
    ), keys AS ({touch_text("ripe")})
    SELECT FROM ripe
"""
NEXT_DUE: Final = """
    SELECT least(
        (
            SELECT due_at FROM cnstra.runs
            WHERE scope = %(scope)s AND status = 'pending' AND NOT is_due AND due_at IS NOT NULL ORDER BY due_at LIMIT 1
        ),
        (
            SELECT ready_at FROM cnstra.keys
            WHERE scope = %(scope)s AND NOT is_ready AND ready_at IS NOT NULL ORDER BY ready_at LIMIT 1
        )
    ) - cnstra.now
"""

# The owners are read off the index one by one, each found behind the one before, and the free runs of each source in
# their order. Only then are they locked, one after the other until there are enough: what another claim has locked is
# passed over, and so is what is no longer as it was seen.
FREE: Final = f"""
    WITH RECURSIVE owners (owner) AS (
        (SELECT owner FROM cnstra.runs WHERE scope = %(scope)s AND status = 'running' ORDER BY owner LIMIT 1)
        UNION ALL
        SELECT (
            SELECT r.owner FROM cnstra.runs AS r
            WHERE r.scope = %(scope)s AND r.status = 'running' AND r.owner > o.owner ORDER BY r.owner LIMIT 1
        ) FROM owners AS o WHERE o.owner IS NOT NULL
    ), gone AS (
        SELECT o.owner FROM owners AS o WHERE o.owner IS NOT NULL AND NOT {LIVING.format(owner="o.owner")}
    ), free AS (
        (
            SELECT key, priority, NULL AS owner FROM cnstra.runs
            WHERE scope = %(scope)s AND status = 'pending' AND is_due AND limit_key IS NULL
              AND key <> ALL(%(passed)s::bigint[])
            ORDER BY priority DESC, key LIMIT %(window)s
        )
        UNION ALL
        SELECT held.key, held.priority, gone.owner FROM gone CROSS JOIN LATERAL (
            SELECT key, priority FROM cnstra.runs
            WHERE scope = %(scope)s AND status = 'running' AND owner = gone.owner
              AND key <> ALL(%(passed)s::bigint[])
            ORDER BY priority DESC, key LIMIT %(window)s
        ) AS held
    )
    SELECT f.key, f.priority FROM (SELECT * FROM free ORDER BY priority DESC, key) AS f CROSS JOIN LATERAL (
        SELECT r.key FROM cnstra.runs AS r JOIN cnstra.progress AS p ON p.run = r.key
        WHERE r.key = f.key AND r.owner IS NOT DISTINCT FROM f.owner
          AND r.status = CASE WHEN f.owner IS NULL THEN 'pending' ELSE 'running' END
        FOR UPDATE OF p, r SKIP LOCKED
    ) AS locked
    LIMIT %(limit)s
"""

_LOSSES: Final = """
    SELECT r.key, r.abort_requested, CASE WHEN a.status IS DISTINCT FROM 'running' THEN r.losses
           WHEN r.losses_at = p.hop_count THEN r.losses + 1 ELSE 1 END
    FROM unnest(%s::bigint[]) AS k(key) JOIN cnstra.runs AS r ON r.key = k.key
    JOIN cnstra.progress AS p ON p.run = r.key
    LEFT JOIN cnstra.attempts AS a ON a.run = r.key AND a.attempt_number = r.attempt_number
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is asked for; see `Store.claim`."""

    scope: str
    worker_id: str
    dead: Collection[str]
    limit: int
    max_recoveries: int | None
    unfit: Collection[int]
    limits: Limits


async def ripen(session: Session, scope: str) -> None:
    """Let runs whose time has come join those that wait, each batch in a transaction of its own."""
    values = {"scope": scope, "limit": _RIPE_AT_ONCE}
    while await session.run(RIPEN, values) == _RIPE_AT_ONCE:
        pass


async def next_due(session: Session, scope: str) -> float | None:
    """Return in how many seconds the next run of those that wait for their time is due."""
    row = await session.first(NEXT_DUE, {"scope": scope})
    return None if row is None or row[0] is None else max(0.0, row[0])


async def claim(session: Session, asked: Claim) -> tuple[list[RunState], list[int]]:
    """Take free runs: by priority, then the oldest first. A run that cannot be read is logged and left alone.

    Return also the runs that were ended instead: their keys are to be touched when this transaction is over, since a
    claim must not wait for one that has them locked.
    """
    states: list[RunState] = []
    ended: list[int] = []
    passed = list(asked.unfit)
    keys = Keys(session, asked.scope, asked.limits)
    while len(states) < asked.limit:
        missing = asked.limit - len(states)
        found = await _lock_free(session, asked, passed, missing)
        found = sorted([*found, *await keys.lock(missing, passed)])[:missing]
        rest = await _settle_some(session, [one.key for one in found], asked.max_recoveries)
        taken = await _take_readable(session, rest, asked.worker_id)
        keys.take(found, {state.key for state in taken})
        states += taken
        ended += {one.key for one in found}.difference(rest)
        passed += [one.key for one in found]
        if len(found) < missing and len(rest) == len(found):
            break
    await keys.close()
    return states, ended


async def _lock_free(session: Session, asked: Claim, passed: list[int], limit: int) -> list[Candidate]:
    values = {
        "scope": asked.scope,
        "dead": list(asked.dead),
        "passed": passed,
        "window": 100 + 10 * limit,  # what other claims may have locked at this moment, and a margin
        "limit": limit,
    }
    return [Candidate(-priority, key) for key, priority in await session.all(FREE, values)]


async def _settle_some(session: Session, keys: list[int], max_recoveries: int | None) -> list[int]:
    """End those of the locked runs that must not be taken; return the others."""
    ends: dict[int, Verdict] = {}
    for key, reason, losses in await session.all(_LOSSES, (keys,)) if keys else ():
        if reason is not None:
            ends[key] = Verdict("aborted", aborted_on_request(unplain(reason)))
        elif max_recoveries is not None and losses > max_recoveries:
            ends[key] = Verdict("failed", poisoned(max_recoveries))
    if ends:
        await settle_all(session, ends)
    return [key for key in keys if key not in ends]


async def _take_readable(session: Session, keys: Sequence[int], worker_id: str) -> list[RunState]:
    """Take those of the locked runs that this code can read."""
    before = await load(session, keys)
    readable = []
    for key in keys:
        try:
            before.state(key)
        except BadRow as error:
            _logger.error("a stored run is left alone: %s", error)  # noqa: TRY400 - the traceback says no more
        else:
            readable.append(key)
    if not readable:
        return []
    await take_over(session, readable, worker_id)
    after = before._replace(runs=(await load_records(session, readable)).runs)
    return [after.state(key) for key in readable]
