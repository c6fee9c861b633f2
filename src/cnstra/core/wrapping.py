"""Something around every handler of a graph: what tells logs and traces where they come from.

A graph that nobody wraps pays nothing: its subscribers call the handlers themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from cnstra.core.subscribers import ASYNC, Subscriber
from cnstra.errors import GraphError

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.core.context import HandlerContext

__all__ = ["HandlerWrapper", "wrap_handlers"]

HandlerWrapper: TypeAlias = "Callable[[HandlerContext[Any, Any], Callable[[], Any]], Any]"
"""``f(ctx, call)``: called in place of a handler; returns what ``call()`` returns, which may be an awaitable.

The body of a coroutine function has not begun when ``call`` returns: what is to be around it as well must await it.
"""

_EVERYTHING = 3


def wrap_handlers(cns: CNS[Any], wrapper: HandlerWrapper) -> Callable[[], None]:
    """Have *wrapper* around every handler of *cns*; see `CNS.wrap_handlers`."""
    if not callable(wrapper):
        raise GraphError(f"a wrapper of handlers must be callable, not {wrapper!r}")
    entry = partial(wrapper)  # an object of its own, for a wrapper that is added twice
    _wear(cns, (*cns.wrappers, entry))
    return lambda: _wear(cns, tuple(one for one in cns.wrappers if one is not entry))


def _wear(cns: CNS[Any], wrappers: tuple[HandlerWrapper, ...]) -> None:
    cns.wrappers = wrappers
    for collateral in cns.table:
        for subscriber in cns.network.subscribers(collateral):
            _compile(subscriber, wrappers)


def _compile(subscriber: Subscriber, wrappers: tuple[HandlerWrapper, ...]) -> None:
    """Have *subscriber* call its handler inside *wrappers*, the last one outermost, and inside no others."""
    dendrite = subscriber.dendrite
    call, arity = dendrite.response, dendrite.arity
    for wrapper in wrappers:
        call, arity = _around(wrapper, call, arity), _EVERYTHING
    subscriber.fn, subscriber.arity = call, arity
    if subscriber.mode < ASYNC:
        subscriber.mode = arity


def _around(wrapper: HandlerWrapper, inner: Callable[..., Any], arity: int) -> Callable[..., Any]:
    def wrapped(payload: Any, axon: Any, ctx: HandlerContext[Any, Any]) -> Any:
        return wrapper(ctx, partial(inner, *(payload, axon, ctx)[:arity]))

    return wrapped
