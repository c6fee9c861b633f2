"""Commands that people give; what writes is inside a transaction that the caller opens and closes."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from cnstra.persist.commands import CommandKind, CommandRecord, CommandResult, NewCommand
from cnstra.stores.command_rows import command_of
from cnstra.stores.sqlite.changes import note_change
from cnstra.stores.sqlite.errors import BadRow
from cnstra.stores.sqlite.workers import living

__all__ = ["ABOUT", "ENDED", "FREE", "LISTED", "end", "find", "find_free", "listed", "order", "purge", "take"]

_logger = logging.getLogger("cnstra.stores")

_COLUMNS: Final = (
    "number, scope, key, kind, stimulation_id, arguments, actor, seen, ordered_at, status, taken_by, takes, ended_at, "
    "outcome, made"
)
_LATEST: Final = (1 << 63) - 1

# SQLite, left alone, would walk all commands rather than the few that are open.
FREE = """
    SELECT number FROM cnstra_commands INDEXED BY cnstra_commands_open
    WHERE scope = ? AND ended_at IS NULL AND number > ? AND kind IN (SELECT value FROM json_each(?))
    AND (taken_by IS NULL OR taken_by NOT IN (SELECT value FROM json_each(?))) ORDER BY number LIMIT 1
"""
LISTED = "SELECT number FROM cnstra_commands WHERE scope = ? AND number < ? ORDER BY number DESC LIMIT ?"
ABOUT = tuple(
    f"SELECT number FROM cnstra_commands WHERE scope = ? AND {column} = ? AND number < ? ORDER BY number DESC LIMIT ?"  # noqa: S608 - ours
    for column in ("stimulation_id", "made")
)
ENDED = "SELECT number FROM cnstra_commands WHERE scope = ? AND ended_at < ? ORDER BY ended_at LIMIT ?"


def order(connection: sqlite3.Connection, command: NewCommand) -> tuple[CommandRecord, bool]:
    """Store a command, unless there is one of its key; return it, and whether it is new."""
    known = find(connection, command.scope, command.key)
    if known is not None:
        return known, False
    now = time.time()
    given = (command.stimulation_id, command.actor, command.seen)
    number = connection.execute(
        "INSERT INTO cnstra_commands (scope, key, kind, status, taken_by, takes, ordered_at, stimulation_id, actor, "
        "seen, arguments) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            command.scope,
            _text(command.key),
            command.kind,
            command.status,
            command.taken_by,
            command.takes,
            now,
            *map(_text, given),
            command.arguments,
        ),
    ).lastrowid
    note_change(connection)
    row = CommandRecord(
        number=number or 0,
        scope=command.scope,
        key=command.key,
        kind=command.kind,
        stimulation_id=command.stimulation_id,
        arguments=command.arguments,
        actor=command.actor,
        seen=command.seen,
        ordered_at=now,
        status=command.status,
        taken_by=command.taken_by,
        takes=command.takes,
    )
    return row, True


def find(connection: sqlite3.Connection, scope: str, key: str) -> CommandRecord | None:
    """Load the command of a key."""
    return _load(connection, "scope = ? AND key = ?", (scope, _text(key)))


def find_free(
    connection: sqlite3.Connection, scope: str, *, kinds: Collection[CommandKind], dead: Collection[str], after: int = 0
) -> int | None:
    """Return the number, above *after*, of the oldest command of these kinds that no living worker has."""
    values = (scope, after, json.dumps(list(kinds)), json.dumps(list(living(connection, dead))))
    found: tuple[int] | None = connection.execute(FREE, values).fetchone()
    return None if found is None else found[0]


def take(
    connection: sqlite3.Connection, scope: str, worker_id: str, *, kinds: Collection[CommandKind], dead: Collection[str]
) -> CommandRecord | None:
    """Take the oldest command of these kinds that no living worker has; one that cannot be read is left alone."""
    number = find_free(connection, scope, kinds=kinds, dead=dead)
    while number is not None:
        row = _readable(connection, number)
        if row is not None:
            connection.execute(
                "UPDATE cnstra_commands SET status = 'taken', taken_by = ?, takes = takes + 1 WHERE number = ?",
                (worker_id, number),
            )
            return replace(row, status="taken", taken_by=worker_id, takes=row.takes + 1)
        number = find_free(connection, scope, kinds=kinds, dead=dead, after=number)
    return None


def end(connection: sqlite3.Connection, scope: str, number: int, takes: int, result: CommandResult) -> bool:
    """Note how a command ended; tell whether it was taken so often and had not ended."""
    changed = connection.execute(
        "UPDATE cnstra_commands SET status = ?, ended_at = ?, outcome = ?, made = ? "
        "WHERE number = ? AND scope = ? AND takes = ? AND status = 'taken'",
        (result.status, time.time(), _text(result.outcome), _text(result.made), number, scope, takes),
    ).rowcount
    return changed == 1


def listed(
    connection: sqlite3.Connection, scope: str, *, run_id: str | None, before: int | None, limit: int
) -> list[CommandRecord]:
    """Load commands, the latest first."""
    last = _LATEST if before is None else before
    most = max(limit, 0)
    if run_id is None:
        found = connection.execute(LISTED, (scope, last, most)).fetchall()
    else:
        found = [row for query in ABOUT for row in connection.execute(query, (scope, _text(run_id), last, most))]
    numbers = sorted({number for (number,) in found}, reverse=True)[:most]
    rows = [_readable(connection, number) for number in numbers]
    return [row for row in rows if row is not None]


def purge(connection: sqlite3.Connection, scope: str, *, older_than: float, limit: int) -> int:
    """Delete up to *limit* commands that ended long ago, the longest ended first."""
    return connection.execute(
        f"DELETE FROM cnstra_commands WHERE number IN ({ENDED})",  # noqa: S608 - ours
        (scope, time.time() - older_than, max(limit, 0)),
    ).rowcount


def _readable(connection: sqlite3.Connection, number: int) -> CommandRecord | None:
    """Load a command; one that cannot be read is logged."""
    try:
        return _load(connection, "number = ?", (number,))
    except BadRow as error:
        _logger.error("a command is left alone: %s", error)  # noqa: TRY400 - the traceback says no more
        return None


def _load(connection: sqlite3.Connection, condition: str, values: Sequence[object]) -> CommandRecord | None:
    query = f"SELECT {_COLUMNS} FROM cnstra_commands WHERE {condition}"  # noqa: S608 - ours
    row = connection.execute(query, values).fetchone()
    return None if row is None else _record_of(row)


def _record_of(row: Sequence[Any]) -> CommandRecord:
    try:
        return command_of(row, _text_of, BadRow)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadRow(f"the command {row[0]} cannot be read back ({error}); delete or repair it") from error


def _text(text: str | None) -> str | None:
    """Return a text as JSON in ASCII: SQLite takes no surrogates."""
    return None if text is None else json.dumps(text)


def _text_of(text: str) -> str:
    return str(json.loads(text))
