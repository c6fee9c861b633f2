"""Ending a worker politely: signals, and cutting short what takes too long."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Collection
from contextlib import suppress
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, final

if TYPE_CHECKING:
    from cnstra.core.stimulation import Stimulation

__all__ = ["StopSignals", "cut_short"]

_POLITE: Final = (signal.SIGTERM, signal.SIGINT)


@final
class StopSignals:
    """Hears SIGTERM and SIGINT for a worker, as a context manager in its event loop.

    The first signal asks the worker to stop; the second one not to wait for its handlers; a third one does what it does
    in any program. While it is entered, no runner steps in on SIGTERM.

    Args:
        signals: Which signals are heard. In another thread than the main one none is.

    Attributes:
        hurry: Set by the second signal.
    """

    def __init__(self, signals: Collection[signal.Signals] = _POLITE) -> None:
        self.hurry = asyncio.Event()
        self._signals = signals
        self._requested = asyncio.Event()
        self._before: dict[signal.Signals, Any] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heard = 0

    @property
    def requested(self) -> bool:
        """Whether the worker is to stop."""
        return self._requested.is_set()

    def request(self) -> None:
        """Ask for what a signal asks for: to stop, and the second time to hurry."""
        if self._requested.is_set():
            self.hurry.set()
        self._requested.set()

    async def wait(self) -> None:
        """Return when the worker is to stop."""
        await self._requested.wait()

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        if threading.current_thread() is threading.main_thread():
            for one in self._signals:
                with suppress(NotImplementedError, RuntimeError, ValueError):  # an event loop that has no signals
                    self._loop.remove_signal_handler(one)  # that of a runner, which would close it in our back
                self._before[one] = signal.signal(one, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _hear(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - what a signal handler is given
        self._heard += 1
        if self._heard > 1:
            self._leave()  # here and now: the event loop may be blocked, and never see to it
        if self._loop is not None:
            with suppress(RuntimeError):  # it is closed
                self._loop.call_soon_threadsafe(self.request)

    def _leave(self) -> None:
        for one, handler in self._before.items():
            signal.signal(one, signal.SIG_DFL if handler is None else handler)
        self._before.clear()


def cut_short(run: Stimulation, error: BaseException) -> None:
    """Stop a run for good, cancel its handlers, and let awaiting it raise *error*; its frontier is kept."""
    bodies = run.bodies()
    run.halt(error)
    for body in bodies:
        if body is not asyncio.current_task():
            body.cancel()
