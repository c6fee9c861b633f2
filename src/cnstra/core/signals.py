"""Collaterals, the typed channels of a graph, and the signals that travel on them."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Generic, NoReturn, Protocol, TypeVar, Union, final, get_args, get_origin, overload

from cnstra.errors import GraphError

__all__ = ["Channel", "Collateral", "Signal", "collateral"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


class _Missing:
    """The payload that was not given (``None`` is a payload)."""


_MISSING = _Missing()


@final
class Signal(Generic[T_co]):
    """A collateral and a payload: one message, immutable, equal by value.

    `Collateral.create_signal` makes it. The slots are private and set by a plain ``__init__`` because a frozen
    dataclass costs four times as much, and signals are made on every hop.
    """

    __slots__ = ("_collateral", "_payload")

    def __init__(self, collateral: Collateral[T_co], payload: T_co) -> None:
        self._collateral = collateral
        self._payload = payload

    @property
    def collateral(self) -> Collateral[T_co]:
        """The channel that this signal travels on."""
        return self._collateral

    @property
    def payload(self) -> T_co:
        """What it carries; ``None`` if it was made without a payload."""
        return self._payload

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not Signal:
            return NotImplemented
        return self._collateral is other._collateral and bool(self._payload == other._payload)

    def __hash__(self) -> int:
        return hash((id(self._collateral), self._payload))

    def __repr__(self) -> str:
        return f"Signal({self._collateral.label}, {self._payload!r})"


class Collateral(Generic[T]):
    """A typed channel. Its identity is the object: two collaterals are never equal.

    Attributes:
        payload_type: The declared type of its payloads, or ``None`` if any payload is allowed.
        name: For logs and errors; the attribute name where it is declared in an `Axon` class.
    """

    __slots__ = ("__weakref__", "_allows_none", "name", "payload_type")

    def __init__(self, payload_type: Any = None, *, name: str | None = None) -> None:
        self.payload_type = payload_type
        self.name = name
        self._allows_none = _allows_none(payload_type)

    def __set_name__(self, owner: type, name: str) -> None:
        if self.name is None:
            self.name = name

    @property
    def label(self) -> str:
        """Its name, or something that a person can tell it by."""
        if self.name is not None:
            return self.name
        kind = getattr(self.payload_type, "__name__", None)
        return f"collateral({kind})" if kind else "collateral()"

    @overload
    def create_signal(self: Collateral[U | None]) -> Signal[None]: ...
    @overload
    def create_signal(self, payload: T) -> Signal[T]: ...
    def create_signal(self, payload: Any = _MISSING) -> Signal[Any]:
        """Make a signal that carries *payload*.

        Args:
            payload: May be left out only where the declared type allows ``None``.

        Raises:
            TypeError: If *payload* is left out and the declared type does not allow ``None``.
        """
        if payload is _MISSING:
            if not self._allows_none:
                raise TypeError(f"{self.label}.create_signal() needs a payload of type {self.payload_type!r}")
            payload = None
        return Signal(self, payload)

    def __copy__(self) -> Collateral[T]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Collateral[T]:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self.label} cannot be pickled: its identity is the object; store its registered name")

    def __repr__(self) -> str:
        return f"<Collateral {self.label}>"


class Channel(Protocol[T_co]):
    """A collateral as a source of payloads: several of different types are, for a checker, channels of their union."""

    def create_signal(self, payload: Any, /) -> Signal[T_co]:
        """See `Collateral.create_signal`."""
        ...


@overload
def collateral(payload_type: None = None, *, name: str | None = None) -> Collateral[Any]: ...
@overload  # `| None`, because mypy refuses abstract classes and protocols for `type[T]` alone
def collateral(payload_type: type[T] | None, *, name: str | None = None) -> Collateral[T]: ...
@overload
def collateral(payload_type: Any, *, name: str | None = None) -> Collateral[Any]: ...
def collateral(payload_type: Any = None, *, name: str | None = None) -> Collateral[Any]:
    """Make a channel for payloads of *payload_type* (any payload, if it is left out).

    Args:
        payload_type: A class, or any type form such as ``list[Card]`` or ``str | None``. For a channel without payloads
            use ``type(None)``.
        name: For logs and errors; stored names are given by the registry.
    """
    return Collateral(payload_type, name=name)


def _allows_none(payload_type: Any) -> bool:
    if payload_type is None or payload_type is NoneType or payload_type is Any or payload_type is object:
        return True
    if isinstance(payload_type, UnionType) or get_origin(payload_type) is Union:
        return any(_allows_none(member) for member in get_args(payload_type))
    return False


def require_collateral(value: object, what: str) -> Collateral[Any]:
    """Return *value* if it is a collateral.

    Raises:
        GraphError: If it is not; *what* says where it was met.
    """
    if not isinstance(value, Collateral):
        raise GraphError(f"{what} must be a collateral, not {value!r}")
    return value
