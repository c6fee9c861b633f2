"""What people ask of runs."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Final, TypeAlias, get_args

from cnstra.errors import StoreError
from cnstra.persist.commands import CommandKind, CommandRecord, CommandResult, CommandStatus, NewCommand
from cnstra.stores.redis.errors import BadRow, advised
from cnstra.stores.redis.keys import MAX_NUMBER, Keyspace, to_bytes
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.rows import integer, one_of, present, seconds, text_or_none
from cnstra.stores.redis.script import Script

__all__ = ["command", "commands", "end_command", "order", "purge_commands", "take_command"]

_ORDER: Final = Script("order", "clock", "commands")
_OPEN: Final = Script("open_commands", "commands")
_TAKE: Final = Script("take_command", "commands")
_END: Final = Script("end_command", "clock", "commands")
_COMMAND: Final = Script("command", "commands")
_LIST: Final = Script("list_commands", "commands")
_PURGE: Final = Script("purge_commands", "clock", "commands")

# The names that scripts/commands.lua has, in the same order.
_PARTS: Final = (
    "key", "kind", "run", "arguments", "actor", "seen", "ordered", "status", "taken_by", "takes", "ended", "outcome",
    "made",
)  # fmt: skip
_KINDS: Final[tuple[CommandKind, ...]] = get_args(CommandKind)
_STATUSES: Final[tuple[CommandStatus, ...]] = get_args(CommandStatus)

_AT_ONCE: Final = 100
"""How many commands one script reads or drops, so that others are not held up."""

_Answer: TypeAlias = tuple[bytes, Sequence[bytes | None]]

_logger = logging.getLogger("cnstra.stores")


async def order(link: Link, space: Keyspace, new: NewCommand) -> CommandRecord:
    """Store a command, unless there is one of its key; return it."""
    given = {
        "kind": new.kind,
        "run": new.stimulation_id,
        "actor": new.actor,
        "seen": new.seen,
        "status": new.status,
        "taken_by": new.taken_by,
    }
    with link.explaining():
        arguments = [*space.telling, to_bytes(new.key), b"arguments", new.arguments, b"takes", b"%d" % new.takes]
        for name, value in given.items():
            if value is not None:
                arguments += (name.encode(), to_bytes(value))
    return _readable(link, space, await link.call(_ORDER, space.commands, arguments))


async def take_command(
    link: Link, space: Keyspace, worker_id: str, *, kinds: Collection[CommandKind], dead: Collection[str]
) -> CommandRecord | None:
    """Take the oldest command of these kinds that no living worker has.

    Which workers live is asked after those that have commands were named, since their leases may be on another server
    of a cluster: who takes a command meanwhile is none of those that were found not to live.
    """
    waiting, owners = await link.call(_OPEN, space.commands)
    if not waiting and not owners:
        return None
    gone = set(owners) - await link.living(dead) if owners else ()
    arguments = [to_bytes(worker_id), b"%d" % len(kinds), *map(to_bytes, kinds), *gone]
    taken = await link.call(_TAKE, space.commands, arguments)
    return None if taken is None else _readable(link, space, taken)


async def end_command(link: Link, space: Keyspace, number: int, takes: int, result: CommandResult) -> bool:
    """Note how a command ended that was taken for the *takes*-th time."""
    with link.explaining():
        arguments = [b"%d" % number, b"%d" % takes, to_bytes(result.status), to_bytes(result.outcome)]
        if result.made is not None:
            arguments.append(to_bytes(result.made))
    return bool(await link.call(_END, space.commands, arguments))


async def command(link: Link, space: Keyspace, key: str) -> CommandRecord | None:
    """Read the command of this key."""
    found = await link.call(_COMMAND, space.commands, [to_bytes(key)])
    return None if found is None else _readable(link, space, found)


async def commands(
    link: Link, space: Keyspace, *, stimulation_id: str | None, before: int | None, limit: int
) -> list[CommandRecord]:
    """Return commands, the latest first; one that cannot be read is logged and left out."""
    about = [] if stimulation_id is None else [to_bytes(stimulation_id)]
    below = MAX_NUMBER if before is None else min(max(before, 0), MAX_NUMBER)
    found: list[CommandRecord] = []
    while len(found) < limit:
        most = min(limit - len(found), _AT_ONCE)
        answers: Sequence[_Answer] = await link.call(_LIST, space.commands, [b"%d" % below, b"%d" % most, *about])
        for one in answers:
            try:
                found.append(_readable(link, space, one))
            except StoreError as error:
                _logger.error("a stored command is left out of the list: %s", error)  # noqa: TRY400 - says no more
        if len(answers) < most:
            break
        below = int(answers[-1][0])
    return found


async def purge_commands(link: Link, space: Keyspace, *, older_than: float, limit: int) -> int:
    """Drop the longest ended commands, some at a time."""
    dropped = 0
    while dropped < limit:
        most = min(_AT_ONCE, limit - dropped)
        some: int = await link.call(_PURGE, space.commands, [repr(float(older_than)).encode(), b"%d" % most])
        dropped += some
        if some < most:
            break
    return dropped


def _readable(link: Link, space: Keyspace, answer: _Answer) -> CommandRecord:
    """Make a command of what a script has answered.

    Raises:
        StoreError: If it makes no sense; the message says what.
    """
    number, values = answer
    try:
        return _record_of(space.scope, number, values)
    except BadRow as error:
        shown = number.decode("ascii", "backslashreplace")
        raise StoreError(f"{link.label}: command {shown} cannot be read: {advised(str(error))}") from error


def _record_of(scope: str, number: bytes, values: Sequence[bytes | None]) -> CommandRecord:
    stored = dict(zip(_PARTS, values, strict=True))
    texts = {
        name: text_or_none(stored, name) for name in ("key", "run", "actor", "seen", "taken_by", "outcome", "made")
    }
    return CommandRecord(
        number=integer(number, "number"),
        scope=scope,
        key=present(texts["key"], "key"),
        kind=one_of(_KINDS, stored["kind"], "kind"),
        stimulation_id=texts["run"],
        arguments=present(stored["arguments"], "object of arguments"),
        actor=present(texts["actor"], "actor"),
        seen=texts["seen"],
        ordered_at=seconds(present(stored["ordered"], "time of ordering")),
        status=one_of(_STATUSES, stored["status"], "status"),
        taken_by=texts["taken_by"],
        takes=integer(stored["takes"], "takes"),
        ended_at=seconds(stored["ended"]),
        outcome=texts["outcome"],
        made=texts["made"],
    )
