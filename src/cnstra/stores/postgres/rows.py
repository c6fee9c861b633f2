"""Between records and rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, get_args

import msgspec

from cnstra.persist.records import (
    AttemptRecord,
    AttemptStatus,
    ErrorRecord,
    LogLine,
    RunRecord,
    RunStatus,
    SignalRow,
    TaskRow,
    TaskSettled,
    TaskStatus,
    Volume,
)
from cnstra.stores.postgres.errors import BadRow
from cnstra.stores.postgres.session import Row

__all__ = [
    "RUN_STATUSES",
    "attempt_of",
    "contexts_json",
    "error_text",
    "logs_text",
    "plain",
    "run_of",
    "searched",
    "settled_of",
    "task_of",
    "unplain",
]

RUN_STATUSES: Final[tuple[RunStatus, ...]] = get_args(RunStatus)
_ATTEMPT_STATUSES: Final[tuple[AttemptStatus, ...]] = get_args(AttemptStatus)
_TASK_STATUSES: Final[tuple[TaskStatus, ...]] = get_args(TaskStatus)
_VOLUMES: Final[tuple[Volume, ...]] = get_args(Volume)

# A text column holds neither NUL nor half a surrogate pair, and an exception's message may have both. They are written
# as ESC and four hexadecimal digits; so is ESC itself, and US, which stands between the parts of an error. All else is
# as it was, for those who read the tables with psql, and for a search.
_ESCAPE, _BETWEEN = "\x1b", "\x1f"
_UNFIT = re.compile("[\0\x1b\x1f\ud800-\udfff]")
_ESCAPED = re.compile("\x1b([0-9a-f]{4})")
_PARTS = 3


def plain(text: str) -> str:
    """Write any text as one that Postgres can hold."""
    return _UNFIT.sub(lambda match: f"{_ESCAPE}{ord(match[0]):04x}", text)


def unplain(text: str) -> str:
    """Read back what `plain` has written."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def error_text(error: ErrorRecord | None) -> str | None:
    """Write an error as one text."""
    if error is None:
        return None
    return _BETWEEN.join((plain(error.type_name), plain(error.message), plain(error.traceback)))


def searched(column: str) -> str:
    """Return the condition that the class or the message of an error, as *column* has it, contains ``%(error)s``."""
    parts = (f"strpos(split_part({column}, E'\\x1f', {n}), %(error)s) > 0" for n in (1, 2))
    return f"({' OR '.join(parts)})"


def _error_of(text: str | None, run_id: str) -> ErrorRecord | None:
    if text is None:
        return None
    parts = text.split(_BETWEEN)
    if len(parts) != _PARTS:
        raise BadRow(f"an error of run {run_id!r} cannot be read back; delete or repair the run")
    return ErrorRecord(*map(unplain, parts))


def contexts_json(contexts: Mapping[str, bytes | None] | None) -> bytes | None:
    """Write what a hop gave to contexts as one JSON object, in which each value is a text of JSON or null."""
    if contexts is None:
        return None
    return msgspec.json.encode({name: None if value is None else value.decode() for name, value in contexts.items()})


def _contexts_of(text: bytes | None, run_id: str) -> dict[str, bytes | None] | None:
    if text is None:
        return None
    try:
        values = msgspec.json.decode(text, type=dict[str, str | None])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadRow(f"a context of run {run_id!r} cannot be read back ({error}); delete or repair the run") from error
    return {name: None if value is None else value.encode() for name, value in values.items()}


def logs_text(lines: Sequence[LogLine]) -> str:
    """Write what a task logged as JSON, in ASCII."""
    return json.dumps(lines)


def _logs_of(text: str | None, run_id: str) -> tuple[LogLine, ...]:
    if text is None:
        return ()
    try:
        return tuple(
            LogLine(float(at), str(level), str(logger_name), str(message))
            for at, level, logger_name, message in json.loads(text)
        )
    except (ValueError, TypeError, RecursionError) as error:
        raise BadRow(f"a log of run {run_id!r} cannot be read back ({error}); delete or repair the run") from error


def run_of(row: Row, entry: Iterable[SignalRow]) -> RunRecord:
    """Make the record of a run from its columns, as they are loaded, and its entry signals."""
    run_id = row[1]
    return RunRecord(
        scope=row[0],
        stimulation_id=run_id,
        status=_one_of(RUN_STATUSES, row[2], "status", run_id),
        attempt_number=row[3],
        entry=tuple(entry),
        options=row[4],
        volume=_one_of(_VOLUMES, row[5], "volume", run_id),
        owner=row[6],
        fence=row[7],
        recoveries=row[8],
        hop_count=row[9],
        outstanding=row[10],
        created_at=row[11],
        updated_at=row[12],
        ended_at=row[13],
        error=_error_of(row[14], run_id),
        clone_of=row[15],
        forked_from=row[16],
        forked_task=row[17],
        priority=row[18],
        due_at=row[19],
        abort_requested=None if row[20] is None else unplain(row[20]),
        starts=row[21],
        limit_key=row[22],
    )


def task_of(row: Sequence[Any], run_id: str) -> TaskRow:
    """Make a task of the frontier from its columns, in the order of the record."""
    return TaskRow._make((*row[:5], _error_of(row[5], run_id)))


def attempt_of(row: Row, run_id: str) -> AttemptRecord:
    """Make an attempt's record from its columns, in the order of the record."""
    number, status, worker_id, started_at, ended_at, hop_count, error = row
    status = _one_of(_ATTEMPT_STATUSES, status, "status of an attempt", run_id)
    return AttemptRecord(number, status, worker_id, started_at, ended_at, hop_count, _error_of(error, run_id))


def settled_of(row: Row, run_id: str) -> TaskSettled:
    """Make a settled activation: its ordinal, the other columns of the task, then those of the record."""
    ordinal, neuron_name, collateral_name, dendrite_index, signal = row[:5]
    attempt_number, status, error, started_at, duration, contexts, logs = row[5:]
    return TaskSettled(
        ordinal=ordinal,
        attempt_number=attempt_number,
        task=TaskRow(ordinal, neuron_name, collateral_name, dendrite_index, signal),
        status=_one_of(_TASK_STATUSES, status, "status of a task", run_id),
        error=_error_of(error, run_id),
        started_at=started_at,
        duration=duration,
        contexts=_contexts_of(contexts, run_id),
        logs=_logs_of(logs, run_id),
    )


def _one_of(known: Sequence[Any], value: object, what: str, run_id: str) -> Any:
    if value not in known:
        raise BadRow(
            f"run {run_id!r} has the {what} {value!r}, which this version does not know; delete or repair the run"
        )
    return value
