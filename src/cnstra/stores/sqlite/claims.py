"""Taking runs over, inside a transaction that the caller opens and closes."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Collection, Iterator
from heapq import merge

from cnstra.persist.limits import Limits
from cnstra.persist.records import RunState, RunStatus
from cnstra.stores.sqlite.admission import open_attempt
from cnstra.stores.sqlite.changes import note_change
from cnstra.stores.sqlite.ending import end_instead, lose
from cnstra.stores.sqlite.errors import BadRow
from cnstra.stores.sqlite.limiting import Keys, note_free, note_waiting, put_keys_up
from cnstra.stores.sqlite.lookup import find, is_held
from cnstra.stores.sqlite.rows import span
from cnstra.stores.sqlite.schedule import WAITS_FOR, put_up
from cnstra.stores.sqlite.states import load_state
from cnstra.stores.sqlite.workers import living

__all__ = ["FREE_RUNS", "OWNERS", "claim", "put_back", "take"]

_logger = logging.getLogger("cnstra.stores")

# Both walk the index of free runs only; with many living owners and many runs each, a claim still reads what it takes.
OWNERS = """
    WITH RECURSIVE found (owner) AS (
        SELECT min(owner) FROM cnstra_runs
        WHERE scope = :scope AND owner > '' AND status IN ('pending', 'running') AND scheduled = 0
        UNION ALL
        SELECT (
            SELECT min(owner) FROM cnstra_runs
            WHERE scope = :scope AND owner > found.owner AND status IN ('pending', 'running') AND scheduled = 0
        ) FROM found WHERE found.owner IS NOT NULL
    )
    SELECT owner FROM found WHERE owner IS NOT NULL
"""
FREE_RUNS = """
    SELECT rank, key FROM cnstra_runs
    WHERE scope = ? AND owner IS ? AND status IN ('pending', 'running') AND scheduled = 0 AND (rank, key) > (?, ?)
    ORDER BY rank, key LIMIT ?
"""
_LEAST = -(1 << 63)
_LEAST_AT_ONCE = 20

# In one transaction, so that commits wait for milliseconds only:
DUE_AT_ONCE = 500
"""runs that have become due, and are put among those that can be claimed;"""
ENDED_AT_ONCE = 100
"""runs that a claim ends instead of taking them."""


def claim(
    connection: sqlite3.Connection,
    scope: str,
    worker_id: str,
    *,
    dead: Collection[str],
    limit: int,
    max_recoveries: int | None,
    unfit: Collection[int],
    limits: Limits,
) -> tuple[list[RunState], bool]:
    """Take free runs, by rank; tell also whether it was cut short, having had much else to do.

    A run that cannot be read is logged and left alone.
    """
    if put_up(connection, scope, DUE_AT_ONCE) == DUE_AT_ONCE:
        return [], True
    put_keys_up(connection, scope)
    states: list[RunState] = []
    ended = 0
    keys = Keys(connection, scope, limits, unfit)
    free = ((*run, False) for run in _free_runs(connection, scope, dead, limit, unfit))
    keyed = ((*run, True) for run in keys.runs())
    for _, key, is_keyed in merge(free, keyed) if limit > 0 else ():
        if len(states) >= limit or ended >= ENDED_AT_ONCE:
            break
        connection.execute("SAVEPOINT cnstra_claim")
        try:
            if end_instead(connection, key, max_recoveries):
                ended += 1
            else:
                states.append(_take_over(connection, key, worker_id))
                if is_keyed:
                    keys.take()
        except BadRow as error:
            connection.execute("ROLLBACK TO cnstra_claim")
            _logger.error("a stored run is left alone: %s", error)  # noqa: TRY400 - the traceback says no more
        connection.execute("RELEASE cnstra_claim")
    keys.close()
    if ended < ENDED_AT_ONCE and not keys.are_too_many:
        return states, False
    note_change(connection)  # there may be more, so whoever waits next does not wait
    return states, True


def _free_runs(
    connection: sqlite3.Connection, scope: str, dead: Collection[str], limit: int, unfit: Collection[int]
) -> Iterator[tuple[int, int]]:
    """Yield rank and key of open runs that nobody holds and no key limits, by rank, then the oldest first.

    They are read batch by batch.
    """
    owners: list[str | None] = [row[0] for row in connection.execute(OWNERS, {"scope": scope}).fetchall()]
    free = [None, *set(owners).difference(living(connection, dead))]
    after = (_LEAST, 0)
    at_once = max(limit, _LEAST_AT_ONCE)
    while True:
        batch: list[tuple[int, int]] = []
        for owner in free:
            batch += connection.execute(FREE_RUNS, (scope, owner, *after, at_once)).fetchall()
        if not batch:
            return
        first = sorted(batch)[:at_once]
        yield from (run for run in first if run[1] not in unfit)
        after = first[-1]


def take(
    connection: sqlite3.Connection,
    scope: str,
    run_id: str,
    worker_id: str,
    *,
    statuses: Collection[RunStatus],
    dead: Collection[str],
) -> RunState | None:
    """Take one run that nobody holds, with its failed tasks outstanding again."""
    found = find(connection, scope, run_id)
    if found is None:
        return None
    key, status, owner = found
    if status not in statuses or is_held(connection, owner, dead):
        return None
    connection.execute(
        "UPDATE cnstra_frontier SET failure = NULL WHERE place BETWEEN ? AND ? AND failure IS NOT NULL", span(key)
    )
    lose(connection, key, time.time())
    connection.execute("UPDATE cnstra_runs SET abort_requested = NULL, losses = 0, starts = 0 WHERE key = ?", (key,))
    return _take_over(connection, key, worker_id)


def _take_over(connection: sqlite3.Connection, key: int, worker_id: str) -> RunState:
    now = time.time()
    connection.execute("UPDATE cnstra_progress SET fence = fence + 1, updated_at = ? WHERE key = ?", (now, key))
    connection.execute(
        "UPDATE cnstra_runs SET status = 'running', owner = ?, attempt_number = attempt_number + 1, "
        "starts = starts + 1, scheduled = 0, ended_at = NULL, error = NULL WHERE key = ?",
        (worker_id, key),
    )
    open_attempt(connection, key, now)
    return load_state(connection, key)


def put_back(connection: sqlite3.Connection, key: int, fence: int) -> bool:
    """Undo `_take_over`, but for the fence and the count of recoveries."""
    now = time.time()
    changed = connection.execute(
        "UPDATE cnstra_progress SET updated_at = ? WHERE key = ? AND fence = ? "
        "AND (SELECT status FROM cnstra_runs AS r WHERE r.key = cnstra_progress.key) = 'running'",
        (now, key, fence),
    ).rowcount
    if not changed:
        return False
    connection.execute(
        "DELETE FROM cnstra_attempts WHERE key = ? "
        "AND attempt_number = (SELECT attempt_number FROM cnstra_runs AS r WHERE r.key = cnstra_attempts.key)",
        (key,),
    )
    connection.execute(
        "UPDATE cnstra_runs SET status = 'pending', owner = NULL, attempt_number = attempt_number - 1, "  # noqa: S608
        f"starts = starts - 1, scheduled = {WAITS_FOR} WHERE key = ?",
        (now, key),
    )
    note_waiting(connection, key)
    note_free(connection, key)
    note_change(connection)
    return True
