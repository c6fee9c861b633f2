"""Telling which handler blocks the event loop, from a thread that it does not block."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Final, Self, final

from cnstra.core.subscribers import Activation, Subscriber
from cnstra.durable.arguments import seconds

__all__ = ["LoopWatch"]

logger = logging.getLogger("cnstra")

_LOOKS: Final = 4
"""How often within the threshold the watch looks."""


@final
class LoopWatch:
    """Watches over an event loop from a thread: whoever blocks it for too long is logged, by the neuron's name.

    It is a context manager, entered in the event loop. While a handler blocks, heartbeats that run in the event loop
    are not sent, and a broker may take the worker for dead.

    Args:
        threshold: For how many seconds the event loop may be blocked.
        on_block: Called in the watch's thread when the threshold is passed, and again and again, several times a
            threshold, until the event loop goes on: the place to renew a broker's lock. It must not touch the event
            loop.
    """

    def __init__(self, threshold: float = 1.0, *, on_block: Callable[[], object] | None = None) -> None:
        self._threshold = seconds(threshold, "threshold")
        self._on_block = on_block
        self._stopped = threading.Event()
        self._answered = threading.Event()
        self._asked_at = 0.0
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        arguments = (asyncio.get_running_loop(), threading.get_ident())
        self._stopped.clear()
        self._answered.set()
        self._thread = threading.Thread(target=self._watch, args=arguments, name="cnstra-loop-watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self, loop: asyncio.AbstractEventLoop, thread_id: int) -> None:
        is_told = False
        while not self._stopped.wait(self._threshold / _LOOKS):
            if self._answered.is_set():
                if is_told:
                    logger.warning("the event loop goes on")
                    is_told = False
                if not self._ask(loop):
                    return
                continue
            if loop.is_closed():  # it was asked at its very end
                return
            blocked = time.monotonic() - self._asked_at
            if blocked < self._threshold:
                continue
            if not is_told:
                logger.warning("%s blocks the event loop, for %.3g s so far: %s", *_culprit(thread_id, blocked))
                is_told = True
            self._call_back()

    def _ask(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Ask the event loop for a sign of life; return ``False`` if it is closed."""
        self._answered.clear()
        self._asked_at = time.monotonic()
        try:
            loop.call_soon_threadsafe(self._answered.set)
        except RuntimeError:
            return False
        return True

    def _call_back(self) -> None:
        if self._on_block is None:
            return
        try:
            self._on_block()
        except Exception:
            logger.exception("what is to be done while the event loop is blocked has failed")


def _culprit(thread_id: int, blocked: float) -> tuple[str, float, str]:
    """Return what runs in a thread, for how long, and the line where it is."""
    innermost = sys._current_frames().get(thread_id)  # noqa: SLF001 - documented, and there is no other way
    if innermost is None:
        return "something", blocked, "its thread is gone"
    place = f'File "{innermost.f_code.co_filename}", line {innermost.f_lineno}, in {innermost.f_code.co_qualname}'
    return _neuron_in(innermost) or "something beside the neurons", blocked, place


def _neuron_in(frame: FrameType | None) -> str | None:
    """Return the neuron whose handler is being called in a stack of frames, as the engine's own frames show it."""
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith("cnstra.core."):
            for name in ("activation", "subscriber"):
                found = frame.f_locals.get(name)
                if isinstance(found, Activation):
                    return found.subscriber.describe()
                if isinstance(found, Subscriber):
                    return found.describe()
        frame = frame.f_back
    return None
