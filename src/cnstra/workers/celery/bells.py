"""Telling the processes of a worker that it stops, which Celery lets run their tasks to the end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import final

__all__ = ["Bells"]


@final
class Bells:
    """Two bells that every child process hears, however many there are: to stop, and then to hurry.

    They are pipes that are made before the processes are forked. What is written into one is never read, so that it
    can be heard by all of them, and by those that are forked later.
    """

    def __init__(self) -> None:
        self._pipes = [os.pipe(), os.pipe()]
        self._rung = 0

    def ring(self) -> None:
        """Ring the first bell; the next time, the second one. It may be called in a signal handler."""
        if self._rung < len(self._pipes):
            os.write(self._pipes[self._rung][1], b"!")
            self._rung += 1

    def close(self) -> None:
        """Take the bells down, in this process."""
        self._rung = len(self._pipes)
        for pipe in self._pipes:
            for end in pipe:
                with suppress(OSError):
                    os.close(end)

    @contextmanager
    def heard(self, stop: Callable[[], object], hurry: Callable[[], object]) -> Iterator[None]:
        """Have a function called in the running event loop for each bell, once."""
        loop = asyncio.get_running_loop()
        ends = [pipe[0] for pipe in self._pipes]

        def hear(end: int, call: Callable[[], object]) -> None:
            loop.remove_reader(end)
            call()

        for end, call in zip(ends, (stop, hurry), strict=True):
            loop.add_reader(end, partial(hear, end, call))
        try:
            yield
        finally:
            for end in ends:
                loop.remove_reader(end)
