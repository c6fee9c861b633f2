"""Dendrites: the handlers of a neuron, each bound to one collateral."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnstra.core.handlers import arity_of, is_asynchronous, require_handler
from cnstra.core.modality import ModalityResponse
from cnstra.core.signals import Collateral
from cnstra.errors import GraphError

__all__ = ["Dendrite"]

_WITH_CTX = 3


class Dendrite:
    """A handler and the one collateral that it is bound to.

    Attributes:
        collateral: The channel that it listens on.
        response: The handler, as it was given; it may be called directly.
        arity: How many of (payload, axon, ctx) the handler takes.
        is_stoppable: Whether the handler is known to return an awaitable, or runs in a thread.
        is_asynchronous: Whether it needs an event loop.
        in_thread: Whether it runs in a thread of the event loop's default executor.
        transactional: Whether it runs inside the transaction in which its hop commits.
    """

    __slots__ = ("arity", "collateral", "in_thread", "is_asynchronous", "is_stoppable", "response", "transactional")

    def __init__(
        self,
        collateral: Collateral[Any],
        response: Callable[..., Any],
        where: str,
        *,
        in_thread: bool,
        transactional: bool = False,
    ) -> None:
        self.collateral = collateral
        self.response = require_handler(response, where)
        if isinstance(response, ModalityResponse):
            self.arity, asynchronous = 3, response.is_asynchronous
        else:
            self.arity, asynchronous = arity_of(response, where), is_asynchronous(response)
        if in_thread and asynchronous:
            raise GraphError(f"{where} is asynchronous; in_thread=True is for functions that block")
        if transactional and in_thread:
            raise GraphError(f"{where} is transactional; its connection cannot be used in a thread (in_thread=True)")
        if transactional and self.arity < _WITH_CTX:
            raise GraphError(f"{where} is transactional but takes no ctx; what it writes must go to ctx.connection")
        self.in_thread = in_thread
        self.transactional = transactional
        self.is_stoppable = asynchronous or in_thread
        self.is_asynchronous = self.is_stoppable or transactional

    def __repr__(self) -> str:
        return f"<Dendrite on {self.collateral.label}>"
