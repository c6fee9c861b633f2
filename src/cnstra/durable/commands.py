"""Commands about runs before they are stored and after: what each of them may say, checked when it is given."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol, TypeVar, get_args

import msgspec

from cnstra.errors import GraphError
from cnstra.persist.commands import CommandKind, CommandRecord, CommandStatus, NewCommand
from cnstra.persist.reading import MAX_DEPTH, depth_of
from cnstra.persist.records import RunStatus

__all__ = [
    "KINDS",
    "AbortArguments",
    "CloneArguments",
    "CommandInfo",
    "ForkArguments",
    "NoArguments",
    "StimulateArguments",
    "arguments_of",
    "attempt_seen",
    "command_info",
    "derived_id",
    "new_command",
    "version_of",
]

KINDS: Final[tuple[CommandKind, ...]] = get_args(CommandKind)
_LONGEST_KEY: Final = 200
_LONGEST_TEXT: Final = 10_000
_MOST_TASKS: Final = 2**53 - 1  # the largest number that JavaScript has no doubt about
_VERSION: Final = re.compile(rf"(\d{{1,9}})-({'|'.join(get_args(RunStatus))})")
_Arguments = TypeVar("_Arguments", bound="NoArguments")


class NoArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Of ``retry`` and ``delete``."""


class AbortArguments(NoArguments, frozen=True):
    """Of ``abort``: the reason is stored as the run's."""

    reason: str | None = None


class CloneArguments(NoArguments, frozen=True):
    """Of ``clone``: the id of the new run is made of the command unless it is given."""

    new_id: str | None = None


class ForkArguments(NoArguments, frozen=True):
    """Of ``fork``: the payload is JSON, instead of what the task was given."""

    from_task: Annotated[int, msgspec.Meta(ge=0, le=_MOST_TASKS)]
    payload: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    new_id: str | None = None


class StimulateArguments(NoArguments, frozen=True):
    """Of ``stimulate``: the payload is JSON, and is read as what the collateral declares when it is carried out."""

    collateral: str
    payload: msgspec.Raw
    stimulation_id: str | None = None
    metadata: dict[str, Any] | None = None


_ARGUMENTS: Final[Mapping[CommandKind, type[NoArguments]]] = {
    "retry": NoArguments,
    "delete": NoArguments,
    "abort": AbortArguments,
    "clone": CloneArguments,
    "fork": ForkArguments,
    "stimulate": StimulateArguments,
}


class _Versioned(Protocol):
    @property
    def attempt_number(self) -> int: ...
    @property
    def status(self) -> RunStatus: ...


def version_of(run: _Versioned) -> str:
    """Return the version of a run that a person sees: it changes whenever the run is tried again, or ends."""
    return f"{run.attempt_number}-{run.status}"


def attempt_seen(version: str) -> int:
    """Return the number of the attempt that a version is of."""
    return int(version.partition("-")[0])


@dataclass(frozen=True, slots=True)
class CommandInfo:
    """A command, and what has become of it.

    Attributes:
        number: Its place among all commands of the store; grows.
        key: What makes it once.
        kind: What is to be done.
        stimulation_id: To which run; ``None`` for ``stimulate``.
        arguments: As it was given; a payload is JSON data.
        actor: Who ordered it.
        seen: The version of the run that the actor saw; ``None`` if that is not to matter.
        status: ``waiting``, ``taken`` by a worker, ``done``, or ``refused``: then nothing was changed.
        ordered_at: When it was stored, in seconds since the epoch by the store's clock.
        taken_by: The worker that took it last.
        takes: How often it was taken: more than once if a worker died over it.
        ended_at: When it ended.
        outcome: What was done, or why not, in a sentence.
        made: The id of the run that came of it.
    """

    number: int
    key: str
    kind: CommandKind
    stimulation_id: str | None
    arguments: Mapping[str, Any]
    actor: str
    seen: str | None
    status: CommandStatus
    ordered_at: float
    taken_by: str | None = None
    takes: int = 0
    ended_at: float | None = None
    outcome: str | None = None
    made: str | None = None


def command_info(record: CommandRecord) -> CommandInfo:
    """Return *record* for a person."""
    return CommandInfo(
        number=record.number,
        key=record.key,
        kind=record.kind,
        stimulation_id=record.stimulation_id,
        arguments=_shown(record.arguments),
        actor=record.actor,
        seen=record.seen,
        status=record.status,
        ordered_at=record.ordered_at,
        taken_by=record.taken_by,
        takes=record.takes,
        ended_at=record.ended_at,
        outcome=record.outcome,
        made=record.made,
    )


def new_command(
    scope: str,
    kind: str,
    stimulation_id: str | None,
    *,
    key: str,
    actor: str,
    seen: str | None = None,
    arguments: Mapping[str, Any],
) -> NewCommand:
    """Return a command that can be stored.

    Args:
        scope: Which graph's runs.
        kind: One of `KINDS`.
        stimulation_id: The run; ``None`` for ``stimulate``.
        key: Makes it once.
        actor: Who orders it.
        seen: A version as `version_of` tells it.
        arguments: What the kind takes; a payload may be whatever has a JSON form.

    Raises:
        GraphError: If something of it makes no sense; the message names what.
    """
    if kind not in KINDS:
        raise GraphError(f"kind is one of {', '.join(KINDS)}, not {kind!r}")
    _require_text(key, "key", _LONGEST_KEY)
    _require_text(actor, "actor", _LONGEST_KEY)
    if kind == "stimulate":
        if stimulation_id is not None or seen is not None:
            raise GraphError("stimulate is about no run: stimulation_id and seen are null")
    elif not isinstance(stimulation_id, str) or not stimulation_id:
        raise GraphError(f"stimulation_id is the id of the run that {kind} is about, not {stimulation_id!r}")
    if seen is not None and not (isinstance(seen, str) and _VERSION.fullmatch(seen)):
        raise GraphError(f"seen is the version of a run, such as '2-failed', not {seen!r}")
    data = _encoded(arguments)
    _require_arguments(_decoded(_ARGUMENTS[kind], data))
    return NewCommand(
        scope=scope, key=key, kind=kind, stimulation_id=stimulation_id, arguments=data, actor=actor, seen=seen
    )


def arguments_of(record: CommandRecord, kind: type[_Arguments]) -> _Arguments:
    """Return the arguments of a stored command.

    Raises:
        GraphError: If they are not what the kind of command takes: another version of this code has stored it.
    """
    return _decoded(kind, record.arguments)


def derived_id(record: CommandRecord) -> str:
    """Return the id of the run that a command makes: the same one however often it is carried out.

    Like other ids that are made it is a UUID of version 7, of the time at which the command was stored.
    """
    name = json.dumps([record.scope, record.key, record.number]).encode()
    chance = int.from_bytes(hashlib.sha256(name).digest()[:10])
    time = int(record.ordered_at * 1000) & (2**48 - 1)
    value = (time << 80) | (0x7 << 76) | ((chance >> 62 & 0xFFF) << 64) | (0b10 << 62) | (chance & (2**62 - 1))
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _shown(arguments: bytes) -> Mapping[str, Any]:
    try:
        shown: Mapping[str, Any] = json.loads(arguments)
    except (ValueError, RecursionError):  # written by another version of this code
        return {}
    return shown


def _encoded(arguments: Mapping[str, Any]) -> bytes:
    try:
        data = msgspec.json.encode(dict(arguments))
    except Exception as error:  # a payload may be anything
        raise GraphError(f"arguments: no JSON data ({error})") from error
    if depth_of(data) > MAX_DEPTH:
        raise GraphError(f"arguments: nested deeper than {MAX_DEPTH} levels")
    return data


def _decoded(kind: type[_Arguments], data: bytes) -> _Arguments:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        problem, _, place = str(error).partition(" - at `$")
        path = place.rstrip("`")
        raise GraphError(f"arguments{path}: {problem}") from error


def _require_arguments(arguments: NoArguments) -> None:
    for name in ("reason", "new_id", "stimulation_id", "collateral"):
        value = getattr(arguments, name, None)
        if value is not None:
            _require_text(value, f"arguments.{name}", _LONGEST_TEXT, least=0 if name == "reason" else 1)
    for name in ("new_id", "stimulation_id"):
        if "\0" in (getattr(arguments, name, None) or ""):
            raise GraphError(f"arguments.{name} has a NUL character, which no id of a new run has")


def _require_text(value: object, what: str, longest: int, least: int = 1) -> None:
    if not isinstance(value, str) or not least <= len(value) <= longest:
        raise GraphError(f"{what} is a text of {least} to {longest:,} characters")
