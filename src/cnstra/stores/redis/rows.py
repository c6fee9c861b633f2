"""From what is stored to records; what is stored may have been changed by anyone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias, TypeVar, get_args, overload

import msgspec

from cnstra.persist.records import (
    AttemptRecord,
    AttemptStatus,
    ErrorRecord,
    LogLine,
    RunRecord,
    SignalRow,
    TaskRow,
    TaskSettled,
    TaskStatus,
    Volume,
    WorkerRecord,
)
from cnstra.stores.redis.errors import BadRow
from cnstra.stores.redis.keys import STATUSES, to_text

__all__ = [
    "FIELDS",
    "Values",
    "attempts_of",
    "entries_of",
    "error_of",
    "integer",
    "one_of",
    "present",
    "run_of",
    "seconds",
    "settled_of",
    "signal_of",
    "task_of",
    "text",
    "text_or_none",
    "worker_of",
]

T = TypeVar("T")

# The names that scripts/fields.lua has, in the same order.
FIELDS: Final = (
    "id", "number", "status", "owner", "fence", "sequence", "next_task", "next_signal", "attempt", "attempt_open",
    "hops", "hops_before", "outstanding", "recoveries", "losses", "losses_at", "created", "updated", "ended", "error",
    "attempt_error", "abort", "priority", "due", "entry", "entries", "about", "starts",
    "limit_key",
)  # fmt: skip

Values: TypeAlias = Sequence[bytes | None]
"""What a run has in its `FIELDS`."""

_About: TypeAlias = tuple[bytes, Volume, str | None, str | None, int | None]


class _Settled(NamedTuple):
    """An entry of the history."""

    ordinal: int
    attempt_number: int
    neuron_name: str
    collateral_name: str
    subscriber_index: int
    signal: int | None
    status: TaskStatus
    error: bytes | None
    started_at: float
    duration: float
    contexts: dict[str, bytes | None] | None
    logs: tuple[tuple[float, bytes, bytes, bytes], ...] = ()  # what an older version has stored has none


_ABOUT: Final = msgspec.msgpack.Decoder(_About)
_SETTLED: Final = msgspec.msgpack.Decoder(_Settled)
_TASK: Final = msgspec.msgpack.Decoder(tuple[str, str, int, int | None])
_SIGNAL: Final = msgspec.msgpack.Decoder(tuple[str, int, bytes, int | None])
_WORKER: Final = msgspec.msgpack.Decoder(tuple[bytes, int, float])
_ATTEMPT_STATUSES: Final[tuple[AttemptStatus, ...]] = get_args(AttemptStatus)


def error_of(stored: bytes | None) -> ErrorRecord | None:
    """Make an error."""
    if stored is None:
        return None
    try:
        class_length, message_length, rest = stored.split(b":", 2)
        middle = int(class_length)
        end = middle + int(message_length)
        return ErrorRecord(to_text(rest[:middle]), to_text(rest[middle:end]), to_text(rest[end:]))
    except ValueError as error:
        raise BadRow(f"an error cannot be read back ({error})") from error


def signal_of(ordinal: int, stored: bytes) -> SignalRow:
    """Make a signal."""
    return SignalRow(ordinal, *_read(_SIGNAL, stored, f"signal {ordinal}"))


def task_of(ordinal: int, stored: bytes, failure: bytes | None) -> TaskRow:
    """Make a task of the frontier."""
    return TaskRow(ordinal, *_read(_TASK, stored, f"task {ordinal}"), error_of(failure))


def settled_of(stored: bytes) -> TaskSettled:
    """Make an entry of the history."""
    row = _read(_SETTLED, stored, "a settled task")
    task = TaskRow(row[0], *row[2:6])
    logs = tuple(LogLine(at, *(text(part, "a line of a log") for part in parts)) for at, *parts in row.logs)
    return TaskSettled(row.ordinal, row.attempt_number, task, row.status, error_of(row.error), *row[8:11], logs=logs)


def entries_of(stored: Iterable[bytes | None]) -> tuple[SignalRow, ...]:
    """Make the entry signals of a run."""
    return tuple(
        signal_of(ordinal, present(signal, f"entry signal {ordinal}")) for ordinal, signal in enumerate(stored)
    )


def run_of(scope: str, values: Values, entry: Sequence[SignalRow]) -> RunRecord:
    """Make the record of a run from its `FIELDS`."""
    stored = dict(zip(FIELDS, values, strict=True))
    about = _read(_ABOUT, present(stored["about"], "options"), "options")
    options, volume, clone_of, forked_from, forked_task = about
    return RunRecord(
        scope=scope,
        stimulation_id=text(present(stored["id"], "id"), "id"),
        status=one_of(STATUSES, stored["status"], "status"),
        attempt_number=_integer(stored, "attempt"),
        entry=entry,
        options=options,
        volume=volume,
        owner=text_or_none(stored, "owner"),
        fence=_integer(stored, "fence"),
        recoveries=_integer(stored, "recoveries"),
        hop_count=_integer(stored, "hops"),
        outstanding=_integer(stored, "outstanding"),
        created_at=seconds(present(stored["created"], "time of storing")),
        updated_at=seconds(present(stored["updated"], "time of the last change")),
        ended_at=seconds(stored["ended"]),
        error=error_of(stored["error"]) or error_of(stored["attempt_error"]),
        clone_of=clone_of,
        forked_from=forked_from,
        forked_task=forked_task,
        priority=_integer(stored, "priority"),
        due_at=seconds(stored["due"]),
        abort_requested=text_or_none(stored, "abort"),
        starts=0 if stored["starts"] is None else _integer(stored, "starts"),  # it was stored by an older version
        limit_key=text_or_none(stored, "limit_key"),
    )


def attempts_of(stored: Mapping[bytes, bytes], hops_so_far: int) -> list[AttemptRecord]:
    """Make the attempts of a run, by number."""
    attempts: dict[int, dict[str, bytes]] = {}
    for name, value in stored.items():
        number, _, field = name.partition(b":")
        attempts.setdefault(integer(number, "number of an attempt"), {})[field.decode("ascii", "replace")] = value
    return [_attempt_of(number, fields, hops_so_far) for number, fields in sorted(attempts.items())]


def _attempt_of(number: int, stored: Mapping[str, bytes], hops_so_far: int) -> AttemptRecord:
    status = one_of(_ATTEMPT_STATUSES, stored.get("status"), "status of an attempt")
    return AttemptRecord(
        attempt_number=number,
        status=status,
        worker_id=text(present(stored.get("worker"), "worker of an attempt"), "worker of an attempt"),
        started_at=seconds(present(stored.get("started"), "start of an attempt")),
        ended_at=seconds(stored.get("ended")),
        hop_count=hops_so_far if status == "running" else integer(stored.get("hops"), "hops of an attempt"),
        error=error_of(stored.get("error")),
    )


def worker_of(worker_id: bytes, stored: bytes, lease_until: float, now: float) -> WorkerRecord:
    """Make a worker."""
    host, pid, started_at = _read(_WORKER, stored, "a worker")
    return WorkerRecord(text(worker_id, "id"), text(host, "host"), pid, started_at, lease_until, lease_until <= now)


def integer(stored: bytes | None, what: str) -> int:
    """Make an integer."""
    try:
        return int(present(stored, what))
    except ValueError as error:
        raise BadRow(f"{what} is {stored!r}, which is no integer") from error


def _integer(stored: Mapping[str, bytes | None], name: str) -> int:
    return integer(stored[name], name)


@overload
def seconds(stored: bytes) -> float: ...
@overload
def seconds(stored: None) -> None: ...
def seconds(stored: bytes | None) -> float | None:
    """Make a time or a duration."""
    try:
        return None if stored is None else float(stored)
    except ValueError as error:
        raise BadRow(f"{stored!r} is no number") from error


def text(stored: bytes, what: str) -> str:
    """Make a text."""
    try:
        return to_text(stored)
    except UnicodeDecodeError as error:
        raise BadRow(f"{what} is {stored!r}, which is no text") from error


def text_or_none(stored: Mapping[str, bytes | None], name: str) -> str | None:
    """Make the text of this name, if there is one."""
    value = stored[name]
    return None if value is None else text(value, name)


def present(stored: T | None, what: str) -> T:
    """Return what must be there."""
    if stored is None:
        raise BadRow(f"its {what} is missing")
    return stored


def one_of(known: Iterable[T], stored: bytes | None, what: str) -> T:
    """Return the word that is stored, if it is a *known* one."""
    found = text(present(stored, what), what)
    for word in known:
        if word == found:
            return word
    raise BadRow(f"its {what} is {found!r}, which this version does not know")


def _read(decoder: msgspec.msgpack.Decoder[T], stored: bytes, what: str) -> T:
    try:
        return decoder.decode(stored)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BadRow(f"{what} cannot be read back ({error})") from error
