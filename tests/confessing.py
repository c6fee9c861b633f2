"""Telling where a process is: its threads, and what each of its coroutines waits for."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

__all__ = ["confess_when_asked", "confessing_after"]


def confess_when_asked() -> None:
    """Write it to the standard error whenever SIGUSR1 comes."""
    signal.signal(signal.SIGUSR1, lambda _number, _frame: _confess(sys.stderr))


@contextmanager
def confessing_after(seconds: float, title: str, file: TextIO) -> Iterator[None]:
    """Write it to a file if the block takes that long."""
    timer = threading.Timer(seconds, _confess, [file, title])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _confess(file: TextIO, title: str = "") -> None:
    print(title, file=file, flush=True)
    faulthandler.dump_traceback(file, all_threads=True)
    loops = [each for each in gc.get_objects() if isinstance(each, asyncio.AbstractEventLoop)]
    for task in [task for loop in loops for task in asyncio.all_tasks(loop)]:
        print(task.get_name(), *_places(task.get_coro()), sep="\n    ", file=file)
    file.flush()


def _places(waiting: Any) -> Iterator[str]:
    """Yield where a coroutine waits, from the outside to the inside."""
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        yield repr(waiting) if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
        inner = getattr(waiting, "_coro", None)  # one that was started eagerly
        waiting = inner or getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)
