"""Telling where a process is: its threads, and what each of its coroutines waits for."""

from __future__ import annotations

import asyncio
import faulthandler
import signal
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["confess_when_asked"]


def confess_when_asked() -> None:
    """Write it to the standard error whenever SIGUSR1 comes."""
    signal.signal(signal.SIGUSR1, _confess)


def _confess(number: int, frame: object) -> None:
    faulthandler.dump_traceback(all_threads=True)
    try:
        tasks = asyncio.all_tasks()
    except RuntimeError:  # it has no event loop now
        return
    for task in tasks:
        print(task.get_name(), *_places(task.get_coro()), sep="\n    ", file=sys.stderr)  # noqa: T201
    sys.stderr.flush()


def _places(waiting: Any) -> Iterator[str]:
    """Yield where a coroutine waits, from the outside to the inside."""
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        yield repr(waiting) if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)
