"""What is only read: runs, lists, attempts, histories, frontiers, numbers."""

from __future__ import annotations

import logging
from typing import Any, Final

from cnstra.errors import StoreError
from cnstra.persist.records import (
    AttemptRecord,
    FrontierTask,
    Page,
    RunFilter,
    RunRecord,
    RunState,
    RunStatus,
    SignalRow,
    StoredTask,
    StoreStats,
)
from cnstra.stores.postgres.errors import BadRow
from cnstra.stores.postgres.loading import load, load_records
from cnstra.stores.postgres.ownership import find
from cnstra.stores.postgres.rows import RUN_STATUSES, attempt_of, plain, searched, settled_of, task_of
from cnstra.stores.postgres.session import Session
from cnstra.stores.prefixes import end_of_prefix, has_surrogates

__all__ = ["HISTORY", "OLDEST", "attempts", "frontier", "get", "list_query", "list_runs", "peek", "stats", "tasks"]

_logger = logging.getLogger("cnstra.stores")

_ATTEMPTS: Final = """
    SELECT a.attempt_number, a.status, a.worker_id, a.started_at, a.ended_at,
           coalesce(a.hop_count, p.hop_count - a.hops_before), a.error
    FROM cnstra.attempts AS a JOIN cnstra.progress AS p USING (run) WHERE a.run = %s ORDER BY a.attempt_number
"""
_FRONTIER: Final = """
    SELECT f.ordinal, f.neuron_name, f.collateral_name, f.dendrite_index, f.signal, f.failure,
           s.ordinal, s.collateral_name, s.version, s.payload, s.producer
    FROM cnstra.frontier AS f LEFT JOIN cnstra.signals AS s ON s.run = f.run AND s.ordinal = f.signal
    WHERE f.run = %s ORDER BY f.ordinal
"""
HISTORY: Final = """
    SELECT ordinal, neuron_name, collateral_name, dendrite_index, signal, attempt_number, status, error, started_at,
           duration, contexts, logs
    FROM cnstra.history WHERE run = %s ORDER BY sequence, place
"""
_SIGNALS: Final = """
    SELECT ordinal, collateral_name, version, payload, producer FROM cnstra.signals WHERE run = %s ORDER BY ordinal
"""
# By time and then by key: by the key alone, the planner would rather walk the primary key, past runs of other statuses.
_LISTED: Final = """
    SELECT l.created_at, l.key FROM unnest(%(statuses)s::text[]) AS s(status) CROSS JOIN LATERAL (
        SELECT r.created_at, r.key FROM cnstra.runs AS r
        WHERE r.scope = %(scope)s AND r.status = s.status{conditions}
        ORDER BY r.created_at DESC, r.key DESC LIMIT %(limit)s
    ) AS l ORDER BY l.created_at DESC, l.key DESC LIMIT %(limit)s
"""
# By the index of the ids, whatever the status; the latest of what begins so are sorted out.
_LISTED_BY_PREFIX: Final = """
    SELECT r.created_at, r.key FROM cnstra.runs AS r
    WHERE r.scope = %(scope)s AND r.stimulation_id >= %(prefix)s AND r.status = ANY(%(statuses)s::text[]){conditions}
    ORDER BY r.created_at DESC, r.key DESC LIMIT %(limit)s
"""
_BEFORE: Final = " AND (r.created_at, r.key) < (%(before)s::double precision, %(before_key)s::bigint)"
_CONDITIONS: Final = {
    "entry": "r.entry_name = %(entry)s",
    "created_after": "r.created_at >= %(created_after)s",
    "created_before": "r.created_at < %(created_before)s",
    "error": f"""EXISTS (
        SELECT FROM (SELECT coalesce(r.error, (
            SELECT a.error FROM cnstra.attempts AS a WHERE a.run = r.key AND a.attempt_number = r.attempt_number
        )) AS text) AS e WHERE {searched("e.text")}
    )""",
}
_STATS: Final = """
    SELECT status, count(*) FROM cnstra.runs
    WHERE scope = %(scope)s AND status = ANY(%(statuses)s) GROUP BY status
"""
OLDEST: Final = """
    SELECT min(oldest.created_at) FROM unnest('{pending,running}'::text[]) AS s(status) CROSS JOIN LATERAL (
        SELECT r.created_at FROM cnstra.runs AS r
        WHERE r.scope = %(scope)s AND r.status = s.status ORDER BY r.created_at, r.key LIMIT 1
    ) AS oldest
"""
_SIZE: Final = """
    SELECT sum(pg_total_relation_size(c.oid))::bigint
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s AND c.relname = ANY(%(tables)s) AND c.relkind = 'r'
"""


async def get(session: Session, scope: str, run_id: str) -> RunRecord | None:
    """Load one run."""
    key = await find(session, scope, run_id)
    if key is None:
        return None
    loaded = await load_records(session, [key])
    return loaded.record(key) if key in loaded.runs else None


async def peek(session: Session, scope: str, run_id: str) -> RunState | None:
    """Load one run with all that a worker would need."""
    key = await find(session, scope, run_id)
    return None if key is None else (await load(session, [key])).state(key)


def list_query(where: RunFilter, *, is_first: bool = True) -> str:
    """Return the query of the first or of a further page of a list with this filter."""
    given = [f" AND {text}" for name, text in _CONDITIONS.items() if getattr(where, name) is not None]
    if where.id_prefix:
        if end_of_prefix(where.id_prefix) is not None:
            given.append(" AND r.stimulation_id < %(prefix_end)s")
        return _LISTED_BY_PREFIX.format(conditions="".join(given if is_first else [*given, _BEFORE]))
    return _LISTED.format(conditions="".join(given if is_first else [*given, _BEFORE]))


async def list_runs(session: Session, scope: str, *, where: RunFilter, limit: int, cursor: str | None) -> Page:
    """Load a page of runs, the newest first; a run that cannot be read is logged and left out."""
    prefix = where.id_prefix or ""
    if "\0" in prefix or has_surrogates(prefix):
        return Page((), None)  # Postgres would not even take the question
    values = {
        "scope": scope,
        "statuses": list(RUN_STATUSES if where.statuses is None else set(where.statuses)),
        **_before(cursor),
        "limit": max(limit, 0) + 1,
        "entry": where.entry,
        "created_after": where.created_after,
        "created_before": where.created_before,
        "error": None if where.error is None else plain(where.error),
        "prefix": prefix,
        "prefix_end": end_of_prefix(prefix),
    }
    found = await session.all(list_query(where, is_first=cursor is None), values)
    shown = found[: max(limit, 0)]
    loaded = await load_records(session, [key for _, key in shown])
    runs = []
    for _, key in shown:
        try:
            runs.append(loaded.record(key))
        except BadRow as error:
            _logger.error("a stored run is left out of the list: %s", error)  # noqa: TRY400 - the traceback says no more
    return Page(tuple(runs), "{!r}/{}".format(*shown[-1]) if 0 < limit < len(found) else None)


def _before(cursor: str | None) -> dict[str, float]:
    """Read a cursor: when the last run of a page was stored, and its key."""
    if cursor is None:
        return {}
    created_at, _, key = cursor.partition("/")
    try:
        return {"before": float(created_at), "before_key": int(key)}
    except ValueError:
        raise StoreError(f"{cursor!r} is no cursor: pass on what a page has as its cursor") from None


async def attempts(session: Session, scope: str, run_id: str) -> list[AttemptRecord]:
    """Load the attempts of a run."""
    key = await find(session, scope, run_id)
    return [attempt_of(row, run_id) for row in await session.all(_ATTEMPTS, (key,))]


async def frontier(session: Session, scope: str, run_id: str) -> list[FrontierTask]:
    """Load the frontier of a run, with the inputs."""
    key = await find(session, scope, run_id)
    return [
        FrontierTask(task_of(row[:6], run_id), None if row[6] is None else SignalRow._make(row[6:]))
        for row in await session.all(_FRONTIER, (key,))
    ]


async def tasks(session: Session, scope: str, run_id: str, attempt_number: int | None) -> list[StoredTask]:
    """Load the history of a run, or of one of its attempts, in the order in which it was committed."""
    key = await find(session, scope, run_id)
    settled = [settled_of(row, run_id) for row in await session.all(HISTORY, (key,))]
    signals: dict[int, SignalRow] = {}
    outputs: dict[int | None, list[SignalRow]] = {}
    for signal in map(SignalRow._make, await session.all(_SIGNALS, (key,)) if settled else ()):
        signals[signal.ordinal] = signal
        outputs.setdefault(signal.producer, []).append(signal)
    return [
        StoredTask(
            one,
            None if one.task.signal is None else signals.get(one.task.signal),
            tuple(outputs.get(one.ordinal, ())) if one.status == "done" else (),
        )
        for one in settled
        if attempt_number in (None, one.attempt_number)
    ]


async def stats(session: Session, scope: str) -> StoreStats:
    """Count the runs of a scope, and measure the tables."""
    runs: dict[RunStatus, int] = dict.fromkeys(RUN_STATUSES, 0)
    values: dict[str, Any] = {
        "scope": scope,
        "statuses": list(RUN_STATUSES),
        "schema": session.names.schema,
        "tables": list(session.names.tables),
    }
    runs.update(dict(await session.all(_STATS, values)))
    oldest = await session.first(OLDEST, values)
    size = await session.first(_SIZE, values)
    return StoreStats(runs, None if oldest is None else oldest[0], None if size is None else size[0])
