"""What the scheduler works on: subscribers, compiled once when a CNS is built, and their activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from cnstra.core.signals import Collateral, Signal
from cnstra.core.tasks import ActivationTask

if TYPE_CHECKING:
    from cnstra.core.dendrites import Dendrite
    from cnstra.core.limits import NeuronLimit
    from cnstra.core.neurons import Neuron

__all__ = ["ASYNC", "GUARDED", "INPUTLESS", "Activation", "Subscriber", "TaskRecord"]

# How a subscriber is called. Below ASYNC the mode is the arity of a plain function, and the scheduler calls it itself.
ASYNC = 4
"""A coroutine function with no limits of its own."""
GUARDED = 5
"""Anything with a concurrency limit, a time limit, a thread or a transaction."""

INPUTLESS: Signal[Any] = Signal(Collateral(name="no input"), None)
"""Stands in the plain loop for the input of a task that was given without one."""


class Subscriber:
    """One dendrite of one neuron in one CNS, with everything that an activation needs in a slot of its own."""

    __slots__ = ("arity", "axon", "dendrite", "fn", "index", "known", "limit", "mode", "neuron")

    def __init__(self, neuron: Neuron[Any], dendrite: Dendrite, index: int, limit: NeuronLimit | None) -> None:
        self.neuron = neuron
        self.known = True  # False for the stand-in of a dendrite that the graph does not have
        self.dendrite = dendrite
        self.index = index
        self.limit = limit
        self.axon = neuron.axon
        self.fn: Callable[..., Any] = dendrite.response
        self.arity = dendrite.arity
        if limit is not None or neuron.max_duration is not None or dendrite.in_thread or dendrite.transactional:
            self.mode = GUARDED
        else:
            self.mode = ASYNC if dendrite.is_asynchronous else dendrite.arity

    def describe(self) -> str:
        """Name the neuron and the collateral, for errors and logs."""
        return f"neuron {self.neuron.label} on {self.dendrite.collateral.label}"

    def __repr__(self) -> str:
        return f"<Subscriber {self.describe()}>"


class TaskRecord(Protocol):
    """What a recorder keeps with an activation.

    Attributes:
        touched: Whether its handler used the neuron's context value.
        started: When its handler was called, in seconds since the epoch.
        connection: The connection of its transaction, while its handler runs, if it is transactional.
    """

    touched: bool
    started: float
    connection: Any

    @property
    def id(self) -> str:
        """The idempotency key of the activation."""
        ...


class Activation:
    """One signal on its way to, or inside, one subscriber.

    Attributes:
        subscriber: Who is activated.
        signal: What with; ``None`` only for a task that was given without an input.
        record: What a recorder keeps with it; ``None`` where there is no recorder.
        hops: Which activation of its neuron this is, where the run counts them.
        holds_slot: Whether it holds a slot of its neuron's concurrency limit.
    """

    __slots__ = ("holds_slot", "hops", "record", "signal", "subscriber")

    def __init__(self, subscriber: Subscriber, signal: Signal[Any] | None) -> None:
        self.subscriber = subscriber
        self.signal = signal
        self.record: TaskRecord | None = None
        self.hops = 0
        self.holds_slot = False

    @property
    def task(self) -> ActivationTask:
        """This activation as a person sees it."""
        return task_of(self.subscriber, self.signal)

    def __repr__(self) -> str:
        return f"<Activation of {self.subscriber.describe()}>"


def task_of(subscriber: Subscriber, signal: Signal[Any] | None) -> ActivationTask:
    """Return an activation of *subscriber* by *signal* as a person sees it."""
    dendrite = subscriber.dendrite
    given = None if signal is INPUTLESS else signal
    return ActivationTask(subscriber.neuron, dendrite.collateral, given, subscriber.index)
