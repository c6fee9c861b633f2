"""Activation tasks: what a person sees of the work of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from cnstra.core.neurons import Neuron
    from cnstra.core.signals import Collateral, Signal

__all__ = ["ActivationTask", "TaskFailure"]


class ActivationTask(NamedTuple):
    """One activation, done or to be done: a neuron, the dendrite that takes the signal, and the signal.

    Attributes:
        neuron: The neuron to activate.
        dendrite_collateral: The collateral of the dendrite.
        input: The signal; ``None`` activates the dendrite with no payload.
        dendrite_index: Which of the neuron's dendrites on this collateral, counted from 0 in the order of declaration.
    """

    neuron: Neuron[Any]
    dendrite_collateral: Collateral[Any]
    input: Signal[Any] | None = None
    dendrite_index: int = 0


class TaskFailure(NamedTuple):
    """A task that failed, or that an abort kept from starting.

    Attributes:
        task: The activation.
        error: What its handler raised; a `StimulationAborted` if it never started.
        aborted: Whether it was stopped rather than failed.
    """

    task: ActivationTask
    error: BaseException
    aborted: bool
