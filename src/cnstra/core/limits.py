"""The concurrency limit of a neuron: slots that all runs of one CNS share, first come first served."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cnstra.core.subscribers import Activation

__all__ = ["NeuronLimit", "Waiter"]


class Waiter(Protocol):
    """A run, as its neurons' limits see it."""

    def admit(self, activation: Activation, /) -> None:
        """Take the slot that *activation* has waited for; from any thread."""


class NeuronLimit:
    """Slots for the bodies of one neuron in one CNS.

    A freed slot goes to the first waiter while no newcomer can take it. The lock is for runs in different threads; it
    is never held while foreign code runs.
    """

    __slots__ = ("_handing", "_lock", "_taken", "_waiting", "slots")

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._taken = 0
        self._waiting: deque[tuple[Waiter, Activation]] = deque()
        self._lock = threading.Lock()
        self._handing: dict[int, deque[tuple[Waiter, Activation]]] = {}  # by thread: whom it is telling of their slots

    def enter(self, run: Waiter, activation: Activation) -> bool:
        """Take a slot, or queue up for one; *run* is told through its `admit` when its turn comes."""
        with self._lock:
            if self._taken < self.slots and not self._waiting:
                self._taken += 1
                return True
            self._waiting.append((run, activation))
            return False

    def leave(self) -> None:
        """Give a slot back: to the first waiter, if there is one."""
        me = threading.get_ident()
        with self._lock:
            if not self._waiting:
                self._taken -= 1
                return
            entry = self._waiting.popleft()
            freed = self._handing.get(me)
            if freed is not None:
                freed.append(entry)
                return
            freed = self._handing[me] = deque([entry])
        self._hand_over(me, freed)

    def withdraw(self, run: Waiter) -> None:
        """Take what waits of *run* out of the queue; a slot that is on its way to it still arrives."""
        with self._lock:
            self._waiting = deque(entry for entry in self._waiting if entry[0] is not run)

    def _hand_over(self, me: int, freed: deque[tuple[Waiter, Activation]]) -> None:
        # A loop, not a recursion: a run without an event loop runs its body right here, and that frees the next slot.
        try:
            while freed:
                run, activation = freed.popleft()
                run.admit(activation)
        finally:
            if freed:
                self._hand_over(me, freed)  # one of them has raised; the others must not wait for ever
            else:
                del self._handing[me]
