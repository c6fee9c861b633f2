"""Commands as a table has them, in the order in which every table names its columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, get_args

from cnstra.persist.commands import CommandKind, CommandRecord, CommandStatus

__all__ = ["command_of"]

_KINDS: Final[tuple[CommandKind, ...]] = get_args(CommandKind)
_STATUSES: Final[tuple[CommandStatus, ...]] = get_args(CommandStatus)


def command_of(row: Sequence[Any], text_of: Callable[[str], str], fault: Callable[[str], Exception]) -> CommandRecord:
    """Return the command of a row.

    Args:
        row: Its columns.
        text_of: Reads a text that people gave as the table writes it; what it raises is raised.
        fault: Makes the error of a row that another version of this code has written.
    """
    number, scope, key, kind, run_id, arguments, actor, seen, ordered_at, status, *rest = row
    taken_by, takes, ended_at, outcome, made = rest
    if kind not in _KINDS or status not in _STATUSES:
        raise fault(f"the command {number} is {kind!r} and {status!r}, which this version does not know; delete it")
    run_id, seen, outcome, made = (None if one is None else text_of(one) for one in (run_id, seen, outcome, made))
    return CommandRecord(
        number=number,
        scope=scope,
        key=text_of(key),
        kind=kind,
        stimulation_id=run_id,
        arguments=arguments,
        actor=text_of(actor),
        seen=seen,
        ordered_at=ordered_at,
        status=status,
        taken_by=taken_by,
        takes=takes,
        ended_at=ended_at,
        outcome=outcome,
        made=made,
    )
