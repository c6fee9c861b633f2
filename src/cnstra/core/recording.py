"""The seam through which a durable layer sees a run."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from contextvars import ContextVar

    from cnstra.core.neurons import Neuron
    from cnstra.core.signals import Signal
    from cnstra.core.subscribers import Activation, TaskRecord

__all__ = ["Recorder", "Ticket"]


class Ticket(Protocol):
    """A write that is under way."""

    def add_waiter(self, waiter: Callable[[], None], /) -> None:
        """Call *waiter* in the run's event loop once the write is on disk; never, if it fails and the run is halted."""


class Recorder(Protocol):
    """Told of every settled activation of one run, before its successors may start.

    Each method returns the write that the run has to wait for, or ``None`` if it need not wait.

    Attributes:
        scope: Where the run is stored.
        stimulation_id: The run.
        created_at: When it was stored, in seconds since the epoch, by the store's clock.
        here: Is to hold the record of an activation while its handler runs; ``None`` if nobody looks.
    """

    scope: str
    stimulation_id: str
    created_at: float
    here: ContextVar[TaskRecord | None] | None

    def prepare(
        self, activation: Activation, outputs: Sequence[Signal[Any]], successors: Sequence[Sequence[Activation]], /
    ) -> Any:
        """Make what `settled` will record, as far as that can fail.

        Args:
            activation: What settles.
            outputs: The signals that it emits.
            successors: For each output the activations that it makes.

        Returns:
            Something for `settled`, which follows at once.

        Raises:
            PersistenceError: If something cannot be written; the activation fails with this error.
        """

    def settled(
        self,
        activation: Activation,
        prepared: Any,
        successors: Sequence[Sequence[Activation]],
        forgotten: Sequence[Neuron[Any]],
        *,
        last: bool,
    ) -> Ticket | None:
        """Record a success.

        Args:
            activation: What settled.
            prepared: What `prepare` has made.
            successors: As given to `prepare`.
            forgotten: Neurons whose context value was dropped, because nothing can reach them any more.
            last: Nothing is left after it, and nothing can fail the run any more.
        """

    def failed(self, activation: Activation, error: Exception) -> Ticket | None:
        """Record a failure."""

    def transact(self, activation: Activation, call: Callable[[], Any], /) -> Coroutine[Any, Any, Any]:
        """Return a coroutine that runs *call*, the handler, inside the transaction in which its hop will commit.

        It comes to what the handler returns, or raises what the handler raises; `settled` or `failed` follows.
        """
        ...

    def ended(self, outcome: BaseException | None) -> Ticket | None:
        """Record the end of the run: ``None`` if it completed, else what awaiting it will raise."""

    def finished(self) -> None:
        """Take note that the run has ended, and that everything of it is written that will be."""

    def follow(self, follower: Callable[[str | None], object], /) -> None:
        """Have *follower* called when the run has ended here, after everything of it is written.

        It is given the status that the run has for good, ``"completed"``, ``"failed"`` or ``"aborted"``; ``None`` if it
        goes on in another attempt, or elsewhere.
        """
