"""Noting what is logged while a handler runs.

It is not a log handler, since the root logger having one changes what the others do, and since the application decides
what is shown where. It is the factory that makes log records: it makes them as before, and notes those that are made on
behalf of an activation. So nothing is noted that the level of its logger forbids.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, final

from cnstra.durable.gathering import TaskHandle

if TYPE_CHECKING:
    from cnstra.core.subscribers import TaskRecord

__all__ = ["CAPTURE", "HERE"]

HERE: Final[ContextVar[TaskRecord | None]] = ContextVar("cnstra_task", default=None)
"""The activation whose handler runs: what it calls, its tasks, and threads with its context have it too."""


@final
class _NotingFactory:
    """Makes records as another factory does, and notes them while it is active."""

    def __init__(self, inner: Callable[..., logging.LogRecord]) -> None:
        self.inner = inner
        self.is_active = True

    def __call__(self, *arguments: Any, **named: Any) -> logging.LogRecord:
        record = self.inner(*arguments, **named)
        if self.is_active:
            task = HERE.get()
            if isinstance(task, TaskHandle) and record.name is not None:  # `makeLogRecord` fills the record in later
                with contextlib.suppress(Exception):  # whatever the record is: its caller only wanted to log
                    task.note(record)
        return record


@final
class _Capture:
    """The factory of this process, in place while somebody wants it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._factory: _NotingFactory | None = None

    def begin(self) -> None:
        """Have records noted, until as many calls of `end` have come.

        Where somebody has put another factory in the place of ours since, or around it, ours is put around that one.
        """
        with self._lock:
            self._users += 1
            current = logging.getLogRecordFactory()
            if self._factory is None or current is not self._factory:
                self._retire()
                self._factory = _NotingFactory(current)
                logging.setLogRecordFactory(self._factory)

    def end(self) -> None:
        """Note nothing more, if this was the last user; a factory that somebody has wrapped stays, and is inert."""
        with self._lock:
            self._users -= 1
            if self._users:
                return
            factory = self._factory
            self._retire()
            if factory is not None and logging.getLogRecordFactory() is factory:
                logging.setLogRecordFactory(factory.inner)

    def _retire(self) -> None:
        if self._factory is not None:
            self._factory.is_active = False
            self._factory = None


CAPTURE: Final = _Capture()
"""Of this process, which has one record factory."""
