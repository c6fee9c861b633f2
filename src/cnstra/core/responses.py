"""What listeners are told: a response for each signal, a drain for each synchronous turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from cnstra.core.neurons import Neuron
    from cnstra.core.signals import Signal
    from cnstra.core.stimulation import Stimulation

__all__ = ["Drain", "DrainListener", "Response", "ResponseListener"]


class Response:
    """An entry signal, or one signal that a settled activation emitted (or its end, if it emitted none or failed).

    Attributes:
        stimulation: The run.
        input_signal: What the activation was given; ``None`` for an entry signal.
        output_signal: What it emitted, if anything; an entry signal is an output of nobody.
        neuron: Who settled; ``None`` for an entry signal.
        error: What the handler raised, the very object.
        hops: Which activation of this neuron in this run this was, from 1; only under `max_neuron_hops`.
        pending_activations: Activations that exist, or are reserved, and whose body has not started.
        active_activations: Activations whose awaitable has not settled.
    """

    __slots__ = (
        "_context",
        "active_activations",
        "error",
        "hops",
        "input_signal",
        "neuron",
        "output_signal",
        "pending_activations",
        "stimulation",
    )

    def __init__(  # noqa: PLR0917 - made for each signal when anyone listens; keywords take twice as long
        self,
        stimulation: Stimulation,
        input_signal: Signal[Any] | None,
        output_signal: Signal[Any] | None,
        neuron: Neuron[Any] | None,
        error: BaseException | None,
        hops: int | None,
        pending: int,
        active: int,
    ) -> None:
        self.stimulation = stimulation
        self.input_signal = input_signal
        self.output_signal = output_signal
        self.neuron = neuron
        self.error = error
        self.hops = hops
        self.pending_activations = pending
        self.active_activations = active

    @property
    def queue_length(self) -> int:
        """Pending plus active; 0 on the last response of a run and nowhere else."""
        return self.pending_activations + self.active_activations

    @property
    def finished(self) -> bool:
        """Whether this is the last response of the run."""
        return self.queue_length == 0

    @property
    def context_value(self) -> dict[Neuron[Any], Any]:
        """The values of the run's neurons, copied when this is first read."""
        try:
            return self._context
        except AttributeError:
            self._context: dict[Neuron[Any], Any] = self.stimulation.get_context().get_all()
            return self._context

    def __repr__(self) -> str:
        what = self.error if self.error is not None else self.output_signal
        return f"<Response {what!r} {self.queue_length}({self.pending_activations}/{self.active_activations})>"


class Drain:
    """The end of one synchronous turn of a run.

    Attributes:
        stimulation: The run.
        pending_activations: As in `Response`; above 0 if something holds work back: a limit, an abort, a listener, a
            commit.
        active_activations: As in `Response`.
        finished: Whether the run ends with this turn.
    """

    __slots__ = ("active_activations", "finished", "pending_activations", "stimulation")

    def __init__(self, stimulation: Stimulation, pending: int, active: int, *, finished: bool) -> None:
        self.stimulation = stimulation
        self.pending_activations = pending
        self.active_activations = active
        self.finished = finished

    @property
    def queue_length(self) -> int:
        """Pending plus active."""
        return self.pending_activations + self.active_activations

    def __repr__(self) -> str:
        return f"<Drain {self.queue_length}({self.pending_activations}/{self.active_activations})>"


ResponseListener: TypeAlias = Callable[[Response], Awaitable[object] | object | None]
DrainListener: TypeAlias = Callable[[Drain], object]
