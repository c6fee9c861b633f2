"""Dendrites: the handlers of a neuron, each bound to one collateral."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnstra.core.handlers import arity_of, is_asynchronous, require_handler
from cnstra.core.modality import ModalityResponse
from cnstra.core.signals import Collateral
from cnstra.errors import GraphError

__all__ = ["Dendrite"]


class Dendrite:
    """A handler and the one collateral that it is bound to.

    Attributes:
        collateral: The channel that it listens on.
        response: The handler, as it was given; it may be called directly.
        arity: How many of (payload, axon, ctx) the handler takes.
        is_asynchronous: Whether the handler is known to return an awaitable.
        in_thread: Whether it runs in a thread of the event loop's default executor.
    """

    __slots__ = ("arity", "collateral", "in_thread", "is_asynchronous", "response")

    def __init__(
        self, collateral: Collateral[Any], response: Callable[..., Any], where: str, *, in_thread: bool
    ) -> None:
        self.collateral = collateral
        self.response = require_handler(response, where)
        if isinstance(response, ModalityResponse):
            self.arity, asynchronous = 3, response.is_asynchronous
        else:
            self.arity, asynchronous = arity_of(response, where), is_asynchronous(response)
        if in_thread and asynchronous:
            raise GraphError(f"{where} is asynchronous; in_thread=True is for functions that block")
        self.in_thread = in_thread
        self.is_asynchronous = asynchronous or in_thread

    def __repr__(self) -> str:
        return f"<Dendrite on {self.collateral.label}>"
