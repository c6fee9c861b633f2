"""Type parameters that a user may leave out: ``Neuron[DeckAxon]`` means ``Neuron[DeckAxon, Any, Any]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    C = TypeVar("C", default=Any)
    """The type of a neuron's context value."""
    G = TypeVar("G", default=Any)
    """The type of the global object of a CNS."""

    class PaddedGeneric:
        """A generic class whose last parameters may be left out."""

else:
    from typing import TypeVar  # has no `default` before Python 3.13, so the class pads instead

    C = TypeVar("C")
    G = TypeVar("G")

    class PaddedGeneric:
        """A generic class whose last parameters may be left out."""

        __slots__ = ()

        def __class_getitem__(cls, given: Any) -> Any:
            given = given if isinstance(given, tuple) else (given,)
            missing = len(cls.__parameters__) - len(given)
            return super().__class_getitem__((*given, *(Any,) * missing))


__all__ = ["C", "G", "PaddedGeneric"]
