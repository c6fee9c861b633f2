"""Errors, reasons, contexts, outputs and logs as JSON texts in a column.

Most are in ASCII, since a message may hold what is no valid Unicode, which SQLite would not take.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cnstra.persist.records import ErrorRecord, LogLine, SignalRow
from cnstra.stores.sqlite.errors import BadRow

__all__ = [
    "contexts_of",
    "contexts_text",
    "error_of",
    "error_text",
    "logs_of",
    "logs_text",
    "outputs_of",
    "outputs_text",
    "reason_of",
    "reason_text",
]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[tuple[int, str, int, msgspec.Raw]]).decode


def error_text(error: ErrorRecord | None) -> str | None:
    """Return an error as JSON."""
    return None if error is None else json.dumps([error.type_name, error.message, error.traceback])


def error_of(text: object, run_id: str) -> ErrorRecord | None:
    """Read an error back."""
    if text is None:
        return None
    try:
        type_name, message, traceback = json.loads(str(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise BadRow(f"an error of run {run_id!r} cannot be read back ({error}); delete or repair the run") from error
    return ErrorRecord(str(type_name), str(message), str(traceback))


def reason_text(reason: str) -> str:
    """Return the reason of an abort as JSON."""
    return json.dumps(reason)


def reason_of(text: object, run_id: str) -> str:
    """Read the reason of an abort back."""
    try:
        return str(json.loads(str(text)))
    except (ValueError, RecursionError) as error:
        raise BadRow(
            f"the requested abort of run {run_id!r} cannot be read back ({error}); delete or repair the run"
        ) from error


def contexts_text(contexts: Mapping[str, bytes | None]) -> str:
    """Return the values that a hop gave to neurons as JSON, each as its text: a value of null is not a deleted one."""
    return json.dumps({name: None if value is None else value.decode() for name, value in contexts.items()})


def contexts_of(text: object, run_id: str) -> dict[str, bytes | None] | None:
    """Read the values that a hop gave to neurons back."""
    if text is None:
        return None
    try:
        values = json.loads(str(text)).items()
        return {name: None if value is None else value.encode() for name, value in values}
    except (ValueError, AttributeError, RecursionError) as error:
        raise BadRow(f"a context of run {run_id!r} cannot be read back ({error}); delete or repair the run") from error


def outputs_text(signals: Iterable[SignalRow]) -> bytes:
    """Return the signals that a hop emitted as JSON, their payloads as they are."""
    raw = msgspec.Raw
    return _encode([(ordinal, name, version, raw(payload)) for ordinal, name, version, payload, _ in signals])


def outputs_of(data: bytes | None, producer: int, run_id: str) -> tuple[SignalRow, ...]:
    """Read the signals that a hop emitted back."""
    if data is None:
        return ()
    try:
        return tuple(
            SignalRow(ordinal, name, version, bytes(payload), producer)
            for ordinal, name, version, payload in _decode(data)
        )
    except (msgspec.DecodeError, TypeError, RecursionError) as error:
        raise BadRow(f"outputs of run {run_id!r} cannot be read back ({error}); delete or repair the run") from error


def logs_text(lines: Sequence[LogLine]) -> str:
    """Return what a task logged as JSON."""
    return json.dumps(lines)


def logs_of(text: object, run_id: str) -> tuple[LogLine, ...]:
    """Read what a task logged back."""
    if text is None:
        return ()
    try:
        return tuple(
            LogLine(float(at), str(level), str(logger_name), str(message))
            for at, level, logger_name, message in json.loads(str(text))
        )
    except (ValueError, TypeError, RecursionError) as error:
        raise BadRow(f"a log of run {run_id!r} cannot be read back ({error}); delete or repair the run") from error
