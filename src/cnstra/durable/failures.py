"""Exceptions as the store keeps them."""

from __future__ import annotations

import traceback

from cnstra.errors import RecordedFailure, StimulationAborted, StimulationFailed
from cnstra.persist.records import ErrorRecord, TaskRow

__all__ = ["cut", "error_of", "reason_text", "record_of", "record_of_run", "text_of", "traceback_of"]

_MAX_MESSAGE = 2_000
_MAX_TRACEBACK = 16_000


def record_of(error: BaseException) -> ErrorRecord:
    """Return *error* as text: class, message and traceback, the last two cut in the middle if they are long.

    The message of an abort is its reason alone, which is what reading it back makes the abort of.
    """
    if isinstance(error, RecordedFailure):
        return ErrorRecord(error.type_name, error.message)
    type_name = type(error).__qualname__
    if isinstance(error, StimulationAborted):
        return ErrorRecord(type_name, reason_text(error.reason), traceback_of(error) if error.__cause__ else "")
    return ErrorRecord(type_name, cut(_message(error), _MAX_MESSAGE), traceback_of(error))


def record_of_run(outcome: StimulationFailed, neuron: str | None) -> ErrorRecord:
    """Return the failure of a run as text whose message tells what failed first, where, and how many others did.

    Args:
        outcome: What the run has ended with.
        neuron: The neuron that failed first; ``None`` if it was a listener.
    """
    first, *others = outcome.exceptions
    cause: BaseException = first
    while isinstance(cause, BaseExceptionGroup):  # as of an `asyncio.TaskGroup` in the handler
        cause = cause.exceptions[0]
    known = record_of(cause)
    place = "a response listener" if neuron is None else f"neuron {neuron!r}"
    message = f"{known.type_name} in {place}" + (f": {known.message}" if known.message else "")
    if others:
        message += f" (and {len(others)} more failed)"
    return ErrorRecord(type(outcome).__qualname__, message, traceback_of(outcome))


def error_of(record: ErrorRecord, task: TaskRow | None = None) -> RecordedFailure:
    """Return an exception that stands for the one that *record* was made of, with a note that names *task*."""
    failure = RecordedFailure(record.type_name, record.message)
    if task is not None:
        failure.add_note(f"in neuron {task.neuron_name} on {task.collateral_name}, task {task.ordinal}")
    return failure


def reason_text(reason: object) -> str:
    """Return the reason of an abort as the text that is stored; no reason is no text."""
    return "" if reason is None else cut(text_of(reason), _MAX_MESSAGE)


def traceback_of(error: BaseException) -> str:
    """Return *error* with its traceback, as Python prints it, cut in the middle if that is long."""
    return cut(_clean("".join(traceback.format_exception(error))), _MAX_TRACEBACK)


def _message(error: BaseException) -> str:
    return text_of(error.message if isinstance(error, BaseExceptionGroup) else error)


def text_of(value: object) -> str:
    """Return what *value* is as text that every store takes."""
    try:
        return _clean(str(value))
    except Exception:  # noqa: BLE001 - a foreign class may be broken; what it tells of must be stored all the same
        return "(its text cannot be made)"


def _clean(text: str) -> str:
    """Return *text* without what no database takes: lone surrogates and NUL."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def cut(text: str, limit: int) -> str:
    """Return *text*, without its middle if it has more than *limit* characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n... {len(text) - limit} characters left out ...\n{text[-half:]}"
