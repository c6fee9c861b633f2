"""Lists of runs, and their numbers."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Sequence

from cnstra.errors import StoreError
from cnstra.persist.records import Page, RunFilter, RunStatus, StoreStats
from cnstra.stores.prefixes import end_of_prefix, has_surrogates
from cnstra.stores.sqlite.errors import BadRow
from cnstra.stores.sqlite.rows import RUN_STATUSES, load_record

__all__ = ["COUNTS", "OLDEST", "install", "list_runs", "query_of", "query_of_prefix", "stats"]

_logger = logging.getLogger("cnstra.stores")

COUNTS = "SELECT status, count(*) FROM cnstra_runs WHERE scope = ? GROUP BY status"
OLDEST = "SELECT min(key) FROM cnstra_runs WHERE scope = ? AND status = ?"


def list_runs(connection: sqlite3.Connection, scope: str, *, where: RunFilter, limit: int, cursor: str | None) -> Page:
    """Load a page of runs, the newest first; a run that cannot be read is logged and left out."""
    keys = _found(connection, scope, where, _before(cursor), max(limit, 0) + 1)
    keys.sort(reverse=True)
    runs = []
    for key in keys[:limit]:
        try:
            run = load_record(connection, key)
        except BadRow as error:
            _logger.error("a stored run is left out of the list: %s", error)  # noqa: TRY400 - the traceback says no more
        else:
            if run is not None:
                runs.append(run)
    return Page(tuple(runs), str(keys[limit - 1]) if 0 < limit < len(keys) else None)


def _found(connection: sqlite3.Connection, scope: str, where: RunFilter, before: int, limit: int) -> list[int]:
    """Return keys of runs below *before*, at least the latest *limit* of them, in any order."""
    if where.id_prefix:
        if has_surrogates(where.id_prefix):
            return []  # SQLite would not even take the question
        query, values = query_of_prefix(where)
        rows = connection.execute(query, (scope, *values, before, limit)).fetchall()
        return [key for (key,) in rows]
    query, values = query_of(where)
    keys: list[int] = []
    for status in RUN_STATUSES if where.statuses is None else set(where.statuses):
        keys += [key for (key,) in connection.execute(query, (scope, status, before, *values, limit)).fetchall()]
    return keys


def query_of(where: RunFilter) -> tuple[str, Sequence[object]]:
    """Return the query for the keys of the runs of one status, and its values between the cursor and the limit.

    Each status has its own walk down an index: together they read what the page holds, however many other runs there
    are.
    """
    source, conditions, values = _more_of(where)
    condition = " AND ".join(["r.scope = ?", "r.status = ?", "r.key < ?", *conditions])  # texts of ours
    return f"SELECT r.key FROM {source} WHERE {condition} ORDER BY r.key DESC LIMIT ?", values  # noqa: S608


def query_of_prefix(where: RunFilter) -> tuple[str, Sequence[object]]:
    """Return the query for the keys of the runs whose id begins with a text, and its values between scope and cursor.

    It walks the index of the ids from the first that begins so to the last, and sorts the latest out; unless something
    else is asked too, the runs themselves are not read. The plus signs keep SQLite from walking another index.
    """
    source, more, values = _more_of(where)
    prefix = where.id_prefix or ""
    end = end_of_prefix(prefix)
    conditions = ["r.scope = ?", "r.stimulation_id >= ?"]
    first: list[object] = [prefix]
    if end is not None:
        conditions.append("r.stimulation_id < ?")
        first.append(end)
    if where.statuses is not None:
        conditions.append(f"+r.status IN ({', '.join('?' * len(where.statuses))})")
        first += where.statuses
    condition = " AND ".join([*conditions, *(f"+{one}" if one.startswith("r.") else one for one in more), "+r.key < ?"])
    return f"SELECT r.key FROM {source} WHERE {condition} ORDER BY +r.key DESC LIMIT ?", [*first, *values]  # noqa: S608


def _more_of(where: RunFilter) -> tuple[str, list[str], list[object]]:
    """Return the table, conditions and values of what a filter asks besides status and id."""
    conditions: list[str] = []
    values: list[object] = []
    source = "cnstra_runs AS r"
    if where.entry is not None:
        conditions.append("r.entry_name = ?")
        values.append(where.entry)
    if where.created_after is not None:
        conditions.append("r.created_at >= ?")
        values.append(where.created_after)
    if where.created_before is not None:
        conditions.append("r.created_at < ?")
        values.append(where.created_before)
    if where.error is not None:
        source += " LEFT JOIN cnstra_attempts AS a ON a.key = r.key AND a.attempt_number = r.attempt_number"
        conditions.append("cnstra_has_text(coalesce(r.error, a.error), ?)")
        values.append(json.dumps(where.error))
    return source, conditions, values


def install(connection: sqlite3.Connection) -> None:
    """Give a connection the function that `query_of` uses.

    It is Python that reads errors there, because texts that are no valid Unicode would not come through SQLite.
    """
    connection.create_function("cnstra_has_text", 2, _has_text, deterministic=True)


def _has_text(error: str | None, text: str) -> bool:
    """Tell whether a stored error has a text, given as JSON, in its class or message."""
    if error is None:
        return False
    try:
        type_name, message, _ = json.loads(error)
    except (ValueError, TypeError, RecursionError):  # a row that cannot be read is in no list
        return False
    wanted = json.loads(text)
    return wanted in str(type_name) or wanted in str(message)


def _before(cursor: str | None) -> int:
    if cursor is None:
        return 1 << 62
    try:
        return int(cursor)
    except ValueError:
        raise StoreError(f"{cursor!r} is no cursor: pass on what a page has as its cursor") from None


def stats(connection: sqlite3.Connection, scope: str) -> StoreStats:
    """Count the runs of a scope, find the oldest that is not over, and measure the file."""
    runs: dict[RunStatus, int] = dict.fromkeys(RUN_STATUSES, 0)
    for status, count in connection.execute(COUNTS, (scope,)).fetchall():
        if status in runs:
            runs[status] = count
    oldest = [connection.execute(OLDEST, (scope, status)).fetchone()[0] for status in ("pending", "running")]
    key = min((key for key in oldest if key is not None), default=None)
    found = connection.execute("SELECT created_at FROM cnstra_runs WHERE key = ?", (key,)).fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    return StoreStats(runs, None if found is None else found[0], pages * page_size)
