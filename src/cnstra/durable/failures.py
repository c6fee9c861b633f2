"""Exceptions as the store keeps them."""

from __future__ import annotations

import traceback

from cnstra.errors import RecordedFailure
from cnstra.persist.records import ErrorRecord, TaskRow

__all__ = ["error_of", "record_of"]

_MAX_MESSAGE = 2_000
_MAX_TRACEBACK = 16_000


def record_of(error: BaseException) -> ErrorRecord:
    """Return *error* as text: class, message and traceback, the last two cut in the middle if they are long."""
    if isinstance(error, RecordedFailure):
        return ErrorRecord(error.type_name, error.message)
    text = "".join(traceback.format_exception(error))
    return ErrorRecord(
        type(error).__qualname__, _cut(_message(error), _MAX_MESSAGE), _cut(_clean(text), _MAX_TRACEBACK)
    )


def error_of(record: ErrorRecord, task: TaskRow | None = None) -> RecordedFailure:
    """Return an exception that stands for the one that *record* was made of, with a note that names *task*."""
    failure = RecordedFailure(record.type_name, record.message)
    if task is not None:
        failure.add_note(f"in neuron {task.neuron_name} on {task.collateral_name}, task {task.ordinal}")
    return failure


def _message(error: BaseException) -> str:
    try:
        return _clean(error.message if isinstance(error, BaseExceptionGroup) else str(error))
    except Exception:  # noqa: BLE001 - the class of a foreign exception may be broken; its failure must be stored all the same
        return "(its text cannot be made)"


def _clean(text: str) -> str:
    """Return *text* without what no database takes: lone surrogates and NUL."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n... {len(text) - limit} characters left out ...\n{text[-half:]}"
