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

    __slots__ = ("_freed", "_handing", "_lock", "_taken", "_waiting", "slots")

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._taken = 0
        self._waiting: deque[tuple[Waiter, Activation]] = deque()
        self._lock = threading.Lock()
        self._freed: deque[tuple[Waiter, Activation]] = deque()
        self._handing = False

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
        with self._lock:
            if not self._waiting:
                self._taken -= 1
                return
            self._freed.append(self._waiting.popleft())
            if self._handing:
                return
            self._handing = True
        self._hand_over()

    def withdraw(self, activation: Activation) -> bool:
        """Take a waiter out of the queue; ``False`` if it is not there (its slot is on the way, or it never waited)."""
        with self._lock:
            for entry in self._waiting:
                if entry[1] is activation:
                    self._waiting.remove(entry)
                    return True
        return False

    def _hand_over(self) -> None:
        # A loop, not a recursion: a run without an event loop runs its body right here, and that frees the next slot.
        while True:
            with self._lock:
                if not self._freed:
                    self._handing = False
                    return
                run, activation = self._freed.popleft()
            run.admit(activation)
