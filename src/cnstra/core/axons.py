"""Axons: the named collaterals that a neuron may emit."""

from __future__ import annotations

from collections.abc import Iterator, KeysView, Mapping
from typing import Any, ClassVar

from cnstra.core.signals import Collateral, require_collateral
from cnstra.errors import GraphError

__all__ = ["Axon", "build_axon", "collaterals_of"]


class Axon:
    """The named collaterals of a neuron, as a class whose attributes are collaterals.

    ```python
    class DeckAxon(Axon):
        deck_created = collateral(DeckCreated)
    ```

    A handler gets an instance: ``axon.deck_created.create_signal(...)``. An instance also reads like a mapping from
    name to collateral (``axon["deck_created"]``, ``dict(axon)``), which is how an axon made of a mapping is used.
    """

    _collaterals: ClassVar[Mapping[str, Collateral[Any]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        names = [
            name
            for base in reversed(cls.__mro__)
            for name, value in vars(base).items()
            if isinstance(value, Collateral)
        ]
        found = {name: getattr(cls, name) for name in names}  # a subclass may have put something else there
        cls._collaterals = {name: value for name, value in found.items() if isinstance(value, Collateral)}

    def __getitem__(self, name: str) -> Collateral[Any]:
        return self._collaterals[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._collaterals)

    def __len__(self) -> int:
        return len(self._collaterals)

    def __contains__(self, name: object) -> bool:
        return name in self._collaterals

    def keys(self) -> KeysView[str]:
        """The names, in the order in which they were declared; ``dict(axon)`` asks for them."""
        return self._collaterals.keys()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Axon):
            return self._collaterals == other._collaterals
        return self._collaterals == other

    def __hash__(self) -> int:
        return hash(tuple(self._collaterals))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self._collaterals))})"


def collaterals_of(axon: Axon | type[Axon]) -> Mapping[str, Collateral[Any]]:
    """Return name to collateral of *axon*, in the order of declaration, whatever its attributes are called."""
    return axon._collaterals


def build_axon(axon: type[Axon] | Axon | Mapping[str, Collateral[Any]]) -> Axon:
    """Make the axon object of a neuron out of an `Axon` class or a mapping.

    Raises:
        GraphError: If a name is not a string, or a value is not a collateral.
    """
    if isinstance(axon, Axon):
        return axon
    if isinstance(axon, type):
        if not issubclass(axon, Axon):
            raise GraphError(f"neuron() takes a subclass of Axon or a mapping of names to collaterals, not {axon!r}")
        return axon()
    if not isinstance(axon, Mapping):
        raise GraphError(f"neuron() takes a subclass of Axon or a mapping of names to collaterals, not {axon!r}")
    return _from_mapping(axon)


def _from_mapping(mapping: Mapping[str, Collateral[Any]]) -> Axon:
    for name, value in mapping.items():
        if not isinstance(name, str):
            raise GraphError(f"the names of an axon are strings, not {name!r}")
        require_collateral(value, f"axon[{name!r}]")
    # A class of its own, so that the names are attributes too; __set_name__ names what has no name yet.
    made: type[Axon] = type("Axon", (Axon,), dict(mapping))
    return made()
