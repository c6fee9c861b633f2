"""Records of runs, and lists of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from cnstra.errors import StoreError
from cnstra.persist.records import Page, RunFilter, RunRecord
from cnstra.stores.redis.errors import BadRow, unreadable
from cnstra.stores.redis.keys import MAX_NUMBER, STATUSES, Keyspace, to_bytes
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.rows import entries_of, run_of
from cnstra.stores.redis.script import READING, Script

__all__ = ["get", "list_runs"]

_RECORDS: Final = Script("records", *READING)
_NEWEST: Final = Script("newest")
_NO_FILTER: Final = (b"",) * 5
_AT_ONCE: Final = 200
_LOOKED_AT_AT_ONCE: Final = 300

_logger = logging.getLogger("cnstra.stores")


async def get(link: Link, space: Keyspace, run_id: bytes) -> RunRecord | None:
    """Read the record of one run."""
    [record] = await _records(link, space, [run_id], _NO_FILTER)
    if isinstance(record, StoreError):
        raise record
    return record


async def list_runs(link: Link, space: Keyspace, where: RunFilter, limit: int, cursor: str | None) -> Page:
    """Return the runs that *where* selects, the newest first; one that cannot be read is logged and left out."""
    before = _number_of(cursor)
    statuses = [status for status in STATUSES if where.statuses is None or status in where.statuses]
    if limit <= 0 or not statuses:
        return Page(())
    indexes = [space.with_status(status) for status in statuses]
    wanted = _conditions(where)
    # A filter leaves few of many, so many are looked at; without one, the page and what tells whether there is another.
    at_once = min(limit + 1, _AT_ONCE) if wanted == _NO_FILTER else _LOOKED_AT_AT_ONCE
    found: list[tuple[int, RunRecord]] = []
    while True:
        newest = await link.call(_NEWEST, indexes, [b"%d" % before, b"%d" % at_once])
        records = await _records(link, space, [run_id for run_id, _ in newest], wanted)
        for (_, number), record in zip(newest, records, strict=True):
            if isinstance(record, StoreError):
                _logger.error("a stored run is left out of the list: %s", record)
            elif record is not None:
                found.append((int(number), record))
        if len(found) > limit:
            page = found[:limit]
            return Page(tuple(record for _, record in page), str(page[-1][0]))
        if len(newest) < at_once:
            return Page(tuple(record for _, record in found))
        before = int(newest[-1][1])


async def _records(
    link: Link, space: Keyspace, run_ids: Sequence[bytes], wanted: Sequence[bytes]
) -> list[RunRecord | StoreError | None]:
    """Read the records of runs; ``None`` for one that is not there or not wanted, the error for an unreadable one."""
    keys: list[bytes] = []
    for run_id in run_ids:
        own = space.of_run(run_id)
        keys += (own.run, own.signals)
    answers = await link.call(_RECORDS, keys, wanted) if keys else []
    records: list[RunRecord | StoreError | None] = []
    for run_id, answer in zip(run_ids, answers, strict=True):
        if answer == 0:
            records.append(None)
        elif isinstance(answer, bytes):
            records.append(unreadable(link.label, run_id, answer))
        else:
            records.append(_record(link, space, run_id, *answer))
    return records


def _record(
    link: Link, space: Keyspace, run_id: bytes, values: Sequence[bytes | None], entries: Sequence[bytes | None]
) -> RunRecord | StoreError:
    try:
        return run_of(space.scope, values, entries_of(entries))
    except BadRow as error:
        return unreadable(link.label, run_id, error)


def _conditions(where: RunFilter) -> tuple[bytes, ...]:
    """Return a filter as ``scripts/records.lua`` takes it."""
    conditions = (
        where.entry,
        None if where.created_after is None else repr(float(where.created_after)),
        None if where.created_before is None else repr(float(where.created_before)),
        where.error,
        where.id_prefix,
    )
    return tuple(b"" if condition is None else b"=" + to_bytes(condition) for condition in conditions)


def _number_of(cursor: str | None) -> int:
    if cursor is None:
        return MAX_NUMBER
    try:
        return min(max(int(cursor), 0), MAX_NUMBER)
    except ValueError:
        raise StoreError(f"{cursor!r} is no cursor: pass on what a page has as its cursor") from None
