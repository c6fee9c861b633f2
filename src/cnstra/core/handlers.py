"""What a handler is: how many arguments it takes and whether it is asynchronous, read once when it is declared."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, overload

from cnstra.core.generics import C, G
from cnstra.core.signals import Signal
from cnstra.errors import GraphError

if TYPE_CHECKING:
    from cnstra.core.context import HandlerContext

__all__ = ["Handler", "HandlerDecorator", "HandlerReturn", "arity_of", "is_asynchronous", "require_handler"]

P = TypeVar("P")
A = TypeVar("A")
R = TypeVar("R", bound="HandlerReturn")

Outputs: TypeAlias = Signal[Any] | Sequence[Signal[Any]] | None
HandlerReturn: TypeAlias = Outputs | Awaitable[Outputs]

Handler: TypeAlias = (
    Callable[[], HandlerReturn]
    | Callable[[P], HandlerReturn]
    | Callable[[P, A], HandlerReturn]
    | Callable[[P, A, "HandlerContext[C, G]"], HandlerReturn]
)

_MAX_ARITY = 3


class HandlerDecorator(Protocol[P, A, C, G]):
    """What ``neuron.dendrite(collateral)`` returns: checks the parameters of a handler, and keeps what it returns."""

    @overload
    def __call__(self, response: Callable[[P], R], /) -> Callable[[P], R]: ...
    @overload
    def __call__(self, response: Callable[[P, A], R], /) -> Callable[[P, A], R]: ...
    @overload
    def __call__(
        self, response: Callable[[P, A, HandlerContext[C, G]], R], /
    ) -> Callable[[P, A, HandlerContext[C, G]], R]: ...
    @overload
    def __call__(self, response: Callable[[], R], /) -> Callable[[], R]: ...


def arity_of(handler: Callable[..., Any], where: str) -> int:
    """Return how many of (payload, axon, ctx) *handler* is called with.

    Parameters with a default are not filled in, so that ``lambda payload, card=card: ...`` keeps its own value; only a
    first parameter gets the payload even if it has a default. ``*args`` takes all three.

    Raises:
        GraphError: If it needs more than three positional arguments or a keyword-only one; *where* says which handler.
    """
    import inspect  # 10 ms, which `import cnstra` does without

    try:
        parameters = inspect.signature(handler).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature, such as list.append in some versions
        return 1
    required = optional = 0
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            return _MAX_ARITY
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise GraphError(f"{where} needs the keyword argument {parameter.name!r}, which no dendrite can give")
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            required += parameter.default is parameter.empty
            optional += parameter.default is not parameter.empty
    if required > _MAX_ARITY:
        forms = "(), (payload), (payload, axon) or (payload, axon, ctx)"
        raise GraphError(f"{where} needs {required} arguments; a handler takes {forms}")
    return required or min(optional, 1)


def is_asynchronous(handler: Callable[..., Any]) -> bool:
    """Tell whether calling *handler* is known, before the call, to return an awaitable."""
    import inspect

    target = _innermost(handler)
    method = getattr(target, "__call__", None)  # noqa: B004 - the method itself is asked, not whether there is one
    return inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(method)


def require_handler(handler: object, where: str) -> Callable[..., Any]:
    """Return *handler* if it can be called and is no generator.

    Raises:
        GraphError: If it is not callable, or yields; *where* says which handler.
    """
    import inspect

    if not callable(handler):
        raise GraphError(f"{where} is {handler!r}, which cannot be called")
    target = _innermost(handler)
    if inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target):
        raise GraphError(f"{where} is a generator; return a list of signals instead of yielding them")
    return handler


def _innermost(handler: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(handler, functools.partial):
        handler = handler.func
    return handler
