"""Abort signals: a flag that many runs may watch, safe to raise from any thread or signal handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnstra.errors import StimulationAborted

__all__ = ["AbortController", "AbortSignal"]


class AbortSignal:
    """The flag of an `AbortController`: raised once, never lowered."""

    __slots__ = ("_aborted", "_callbacks", "_reason")

    def __init__(self) -> None:
        self._aborted = False
        self._reason: object = None
        self._callbacks: dict[object, Callable[[], Any]] = {}

    @property
    def aborted(self) -> bool:
        """Whether `AbortController.abort` was called."""
        return self._aborted

    @property
    def reason(self) -> object:
        """What was given to `AbortController.abort`, or ``None``."""
        return self._reason

    def raise_if_aborted(self) -> None:
        """Leave a loop early: do nothing while the flag is down.

        Raises:
            StimulationAborted: If the flag is up.
        """
        if self._aborted:
            raise StimulationAborted(self._reason)

    def add_callback(self, callback: Callable[[], Any]) -> Callable[[], None]:
        """Call *callback* when the flag goes up, in the thread that raises it; at once if it is up already.

        Returns:
            A function that takes the callback off again. There is no lock here, because a signal handler may interrupt
            any instruction; so a callback that is added while the flag goes up may be called twice.
        """
        token = object()
        self._callbacks[token] = callback
        if self._aborted:
            callback()

        def remove() -> None:
            self._callbacks.pop(token, None)

        return remove


class AbortController:
    """Owns an `AbortSignal` and raises it."""

    __slots__ = ("signal",)

    def __init__(self) -> None:
        self.signal = AbortSignal()

    def abort(self, reason: object = None) -> None:
        """Raise the signal; a second call changes nothing. Safe from any thread and from signal handlers."""
        signal = self.signal
        if signal._aborted:
            return
        signal._reason = reason
        signal._aborted = True
        for callback in list(signal._callbacks.values()):
            callback()
