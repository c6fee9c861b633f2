"""What a handler may return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnstra.core.signals import Signal
from cnstra.errors import HandlerReturnError

if TYPE_CHECKING:
    from cnstra.core.subscribers import Activation

__all__ = ["all_signals", "refusal"]


def all_signals(result: Sequence[Any]) -> bool:
    """Whether a list or tuple that a handler returned holds nothing but signals."""
    return all(signal.__class__ is Signal for signal in result)


def refusal(activation: Activation, result: Any) -> HandlerReturnError:
    """Return the error for a handler that returned *result*."""
    subscriber = activation.subscriber
    try:
        text = repr(result)
    except Exception as error:  # noqa: BLE001 - it is refused, whatever it is
        text = f"<no text: {type(error).__name__}>"
    if len(text) > 80:  # noqa: PLR2004 - enough to recognise it by
        text = f"{text[:77]}..."
    return HandlerReturnError(
        subscriber.neuron.label, subscriber.dendrite.collateral.label, f"{text} ({type(result).__name__})"
    )
