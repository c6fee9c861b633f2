"""What one activation has logged, as the store keeps it."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, final

from cnstra.durable.failures import cut, text_of, traceback_of
from cnstra.persist.records import LogLine

if TYPE_CHECKING:
    import logging

__all__ = ["CLOSED", "LogLines", "line_of"]

_MAX_MESSAGE: Final = 2_000
_MAX_NAME: Final = 200


@final
class LogLines:
    """The first lines and the last ones, half of each; any number of threads may add some at once.

    Args:
        most: How many lines are kept.
    """

    __slots__ = ("_first", "_last", "_numbers", "_room")

    def __init__(self, most: int) -> None:
        self._room = most - most // 2
        self._first: list[LogLine] = []
        self._last: deque[LogLine] = deque(maxlen=most // 2)
        self._numbers = (
            itertools.count()
        )  # each number is given to one thread, without a lock that a fork could leave held

    def add(self, line: LogLine) -> None:
        """Keep a line, maybe in the place of an earlier one."""
        if next(self._numbers) < self._room:
            self._first.append(line)
        else:
            self._last.append(line)

    def all(self) -> Sequence[LogLine]:
        """Return what was kept, with a line that says so where some are missing; call it once, at the end."""
        first, last = [*self._first], [*self._last]
        missing = next(self._numbers) - len(first) - len(last)
        if missing <= 0:
            return (*first, *last)
        at = (last[0] if last else first[-1]).at
        return (*first, LogLine(at, "INFO", "cnstra", f"... {missing} lines left out ..."), *last)


CLOSED: Final = LogLines(0)
"""What an activation has that has settled: what is added here goes nowhere."""


def line_of(record: logging.LogRecord) -> LogLine:
    """Return *record* as it is stored, with its exception if it has one; it says so if its message cannot be made."""
    message = _message(record)
    if isinstance(record.exc_info, tuple) and isinstance(record.exc_info[1], BaseException):
        message = f"{message}\n{traceback_of(record.exc_info[1])}"
    level, name = (cut(text_of(one), _MAX_NAME) for one in (record.levelname, record.name))
    return LogLine(record.created, level, name, cut(message, _MAX_MESSAGE))


def _message(record: logging.LogRecord) -> str:
    try:
        return text_of(record.getMessage())
    except Exception as error:  # noqa: BLE001 - a foreign class may be broken, and a log must not break its caller
        return f"{text_of(record.msg)} (its arguments cannot be put in: {type(error).__qualname__})"
