"""Commands that people give."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from cnstra.persist.commands import CommandKind, CommandRecord, CommandResult, NewCommand
from cnstra.stores.command_rows import command_of
from cnstra.stores.postgres.errors import BadRow
from cnstra.stores.postgres.ownership import LIVING
from cnstra.stores.postgres.rows import plain, unplain
from cnstra.stores.postgres.session import Session

__all__ = [
    "ABOUT",
    "ENDED",
    "FREE",
    "LISTED",
    "Wanted",
    "end",
    "find",
    "is_any_free",
    "listed",
    "order",
    "purge",
    "put_back",
    "take",
]

_logger = logging.getLogger("cnstra.stores")

_LAST: Final = (1 << 63) - 1

_COLUMNS: Final = (
    "number, scope, key, kind, stimulation_id, arguments, actor, seen, ordered_at, status, taken_by, takes, ended_at, "
    "outcome, made"
)
# A command that is there is written as it is, since that returns it, whatever happens at the same time. One that
# is new has no "xmax".
_ORDER: Final = f"""
    INSERT INTO cnstra.commands (scope, key, kind, status, taken_by, takes, ordered_at, stimulation_id, actor, seen,
        arguments)
    VALUES (%(scope)s, %(key)s, %(kind)s, %(status)s, %(taken_by)s, %(takes)s, cnstra.now, %(run_id)s, %(actor)s,
        %(seen)s, %(arguments)s)
    ON CONFLICT (scope, key) DO UPDATE SET key = excluded.key RETURNING {_COLUMNS}, xmax = 0
"""
_FIND: Final = f"SELECT {_COLUMNS} FROM cnstra.commands WHERE scope = %s AND key = %s"
_IS_FREE: Final = f"(c.taken_by IS NULL OR NOT {LIVING.format(owner='c.taken_by')})"
FREE: Final = f"""
    SELECT c.number FROM cnstra.commands AS c
    WHERE c.scope = %(scope)s AND c.ended_at IS NULL AND c.kind = ANY(%(kinds)s::text[]) AND {_IS_FREE}
    ORDER BY c.number LIMIT 1
"""
_HOLD: Final = f"{FREE} FOR UPDATE OF c SKIP LOCKED"
_TAKE: Final = f"""
    UPDATE cnstra.commands AS c SET status = 'taken', taken_by = %(worker_id)s, takes = c.takes + 1
    WHERE c.number = %(number)s AND c.ended_at IS NULL AND {_IS_FREE} RETURNING {_COLUMNS}
"""
_PUT_BACK: Final = """
    UPDATE cnstra.commands SET status = 'waiting', taken_by = NULL WHERE number = %s AND takes = %s AND status = 'taken'
"""
_END: Final = """
    UPDATE cnstra.commands SET status = %s, ended_at = cnstra.now, outcome = %s, made = %s
    WHERE scope = %s AND number = %s AND takes = %s AND status = 'taken'
"""
LISTED: Final = f"""
    SELECT {_COLUMNS} FROM cnstra.commands
    WHERE scope = %(scope)s AND number < %(before)s::bigint ORDER BY number DESC LIMIT %(limit)s
"""
_PART: Final = """
    (SELECT number FROM cnstra.commands
     WHERE scope = %(scope)s AND {column} = %(run_id)s AND number < %(before)s::bigint
     ORDER BY number DESC LIMIT %(limit)s)
"""
ABOUT: Final = f"""
    SELECT {_COLUMNS} FROM cnstra.commands
    WHERE number IN ({_PART.format(column="stimulation_id")} UNION {_PART.format(column="made")})
    ORDER BY number DESC LIMIT %(limit)s
"""
ENDED: Final = """
    SELECT number FROM cnstra.commands
    WHERE scope = %(scope)s AND ended_at < cnstra.now - %(older_than)s::double precision
    ORDER BY ended_at LIMIT %(limit)s
"""
_PURGE: Final = f"DELETE FROM cnstra.commands WHERE number IN ({ENDED})"


class Wanted(NamedTuple):
    """Which command somebody asks for.

    Attributes:
        scope: Which graph's.
        worker_id: Who asks.
        kinds: What he can do.
        dead: As in `Store.claim`.
    """

    scope: str
    worker_id: str
    kinds: Collection[CommandKind]
    dead: Collection[str]


async def order(session: Session, command: NewCommand) -> CommandRecord:
    """Store a command, unless there is one of its key, inside a transaction; return it."""
    values = {
        "scope": command.scope,
        "key": plain(command.key),
        "kind": command.kind,
        "status": command.status,
        "taken_by": command.taken_by,
        "takes": command.takes,
        "run_id": _text(command.stimulation_id),
        "actor": plain(command.actor),
        "seen": _text(command.seen),
        "arguments": command.arguments,
    }
    [(*row, is_new)] = await session.all(_ORDER, values)
    if is_new:
        await session.tell(command.scope)
    return _record_of(row)


async def find(session: Session, scope: str, key: str) -> CommandRecord | None:
    """Load the command of a key."""
    row = await session.first(_FIND, (scope, plain(key)))
    return None if row is None else _record_of(row)


async def is_any_free(session: Session, wanted: Wanted) -> bool:
    """Tell whether there may be a command to take."""
    return await session.first(FREE, _asked(wanted)) is not None


async def take(session: Session, wanted: Wanted) -> CommandRecord | None:
    """Take the oldest command of some kinds that no living worker has, inside a transaction."""
    values = _asked(wanted)
    found = await session.first(_HOLD, values)
    if found is None:
        return None
    # A statement of its own: the first one does not see who came to life and took it before it was locked. Then this
    # finds nothing, and whoever asks will ask again.
    row = await session.first(_TAKE, values | {"number": found[0], "worker_id": wanted.worker_id})
    return None if row is None else _record_of(row)


async def put_back(session: Session, number: int, takes: int) -> None:
    """Undo a taking, unless the command has been taken again."""
    await session.run(_PUT_BACK, (number, takes))


async def end(session: Session, scope: str, number: int, takes: int, result: CommandResult) -> bool:
    """Note how a command ended; tell whether it was taken so often and had not ended."""
    values = (result.status, plain(result.outcome), _text(result.made), scope, number, takes)
    return await session.run(_END, values) == 1


async def listed(
    session: Session, scope: str, *, run_id: str | None, before: int | None, limit: int
) -> list[CommandRecord]:
    """Load commands, the latest first; one that cannot be read is logged and left out."""
    values = {
        "scope": scope,
        "run_id": _text(run_id),
        "before": _LAST if before is None else before,
        "limit": max(limit, 0),
    }
    rows = []
    for row in await session.all(LISTED if run_id is None else ABOUT, values):
        try:
            rows.append(_record_of(row))
        except BadRow as error:
            _logger.error("a command is left out of the list: %s", error)  # noqa: TRY400 - the traceback says no more
    return rows


async def purge(session: Session, scope: str, *, older_than: float, limit: int) -> int:
    """Delete up to *limit* commands that ended long ago, the longest ended first."""
    return await session.run(_PURGE, {"scope": scope, "older_than": older_than, "limit": max(limit, 0)})


def _asked(wanted: Wanted) -> dict[str, object]:
    return {"scope": wanted.scope, "kinds": list(wanted.kinds), "dead": list(wanted.dead)}


def _record_of(row: Sequence[Any]) -> CommandRecord:
    return command_of(row, unplain, BadRow)


def _text(text: str | None) -> str | None:
    return None if text is None else plain(text)
