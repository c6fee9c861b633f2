"""What is gathered of a run until the store has it, and who waits for that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from cnstra.durable.log_lines import CLOSED, LogLines, line_of

if TYPE_CHECKING:
    import asyncio
    import logging

    from cnstra.durable.recorder import RunRecorder
    from cnstra.durable.transacting import OpenTransaction
    from cnstra.persist.delta import Delta
    from cnstra.persist.records import LogLine, TaskRow

__all__ = ["Pending", "Sink", "TaskHandle"]

_beginning: Final = threading.RLock()  # a signal handler may log, too
"""Held for as long as it takes to give an activation what its lines are kept in."""


class TaskHandle:
    """What the recorder keeps with an activation: its row, and what the handler did with the context.

    Args:
        prefix: Of its idempotency key.
        row: The task.
        log_lines: How many lines of what it logs are kept.

    Attributes:
        connection: Of its transaction, while a transactional handler runs.
        transaction: What that handler did, between its return and the commit of its hop.
    """

    __slots__ = ("_lines", "_log_lines", "_prefix", "connection", "row", "started", "touched", "transaction")

    def __init__(self, prefix: str, row: TaskRow, log_lines: int) -> None:
        self._prefix = prefix
        self._log_lines = log_lines
        self._lines: LogLines | None = None
        self.row = row
        self.touched = False
        self.started = 0.0
        self.connection: Any = None
        self.transaction: OpenTransaction | None = None

    @property
    def id(self) -> str:
        """The idempotency key: the same each time that this activation is run."""
        return f"{self._prefix}{self.row.ordinal}"

    def note(self, record: logging.LogRecord) -> None:
        """Keep what its handler has logged, in whatever thread, unless it has settled."""
        lines = self._lines or self._begin_log()
        if lines is not CLOSED:
            lines.add(line_of(record))

    def _begin_log(self) -> LogLines:
        made = LogLines(self._log_lines)
        with _beginning:
            self._lines = self._lines or made
            return self._lines

    def end_log(self) -> Sequence[LogLine]:
        """Return what it has logged, and keep nothing more."""
        lines, self._lines = self._lines, CLOSED
        return () if lines is None else lines.all()


class Pending:
    """A delta that is being gathered, and what waits for it to be on disk.

    Attributes:
        is_over: Whether it is on disk, or never will be.
    """

    __slots__ = ("_watchers", "delta", "is_over", "opened_at", "recorder", "waiters")

    def __init__(self, recorder: RunRecorder, delta: Delta, opened_at: float) -> None:
        self.recorder = recorder
        self.delta = delta
        self.opened_at = opened_at
        self.is_over = False
        self.waiters: list[Callable[[], None]] = []
        self._watchers: list[Callable[[], None]] | None = None

    def add_waiter(self, waiter: Callable[[], None]) -> None:
        """Call *waiter* once the delta is on disk."""
        self.waiters.append(waiter)

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call *watcher* once the delta is on disk, or cannot be written for good."""
        self._watchers = [*(self._watchers or ()), watcher]

    def finish(self) -> None:
        """Take note that it is on disk, or cannot be written for good."""
        self.is_over = True
        if self._watchers is not None:
            for watcher in self._watchers:
                watcher()


class Sink(Protocol):
    """Where gathered deltas go."""

    def open(self, recorder: RunRecorder, delta: Delta) -> Pending:
        """Begin to gather *delta*."""
        ...

    def submit(self, pending: Pending, *, at_once: bool) -> bool:
        """See that *pending* is written; tell whether the run has to wait for it."""
        ...

    async def begin(self) -> OpenTransaction:
        """Open a transaction of the store for a handler."""
        ...

    def write_in(self, transaction: OpenTransaction, pending: Pending, ended: Callable[[], None]) -> None:
        """Commit *pending* in *transaction*, then call *ended*; the run waits for that."""

    def undo(self, transaction: OpenTransaction, ended: Callable[[], None]) -> asyncio.Task[None]:
        """Undo *transaction*, then call *ended*, in a task that the sink keeps."""
        ...

    def run_finished(self, recorder: RunRecorder) -> None:
        """Take note that a run has ended."""
