"""A table of stable names: objects of one kind and what they are called in a store, both ways."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar, final

from cnstra.errors import GraphError, NameConflict, UnknownName

__all__ = ["NameTable", "Naming"]

T = TypeVar("T", bound=Hashable)


class Naming(NamedTuple, Generic[T]):
    """A wish: *value* is to be called *name*, and found under *aliases* too."""

    name: str
    value: T
    aliases: tuple[str, ...] = ()
    hint: str = ""


@final
class NameTable(Generic[T]):
    """Names of objects of one kind; a name that is held, and the name of an object, never change hands.

    Args:
        kind: What the objects are, for errors: ``"neuron"``.
    """

    __slots__ = ("_aliases", "_kind", "_names", "_values")

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._values: dict[str, T] = {}
        self._names: dict[T, str] = {}
        self._aliases: dict[T, set[str]] = {}

    def get(self, name: str) -> T | None:
        """Return the object of *name*, which may be an alias."""
        return self._values.get(name)

    def name_of(self, value: T) -> str | None:
        """Return the name that *value* is stored under."""
        return self._names.get(value)

    def require(self, name: str) -> T:
        """Return the object of *name*.

        Raises:
            UnknownName: If there is none; it suggests a name that is near.
        """
        value = self._values.get(name) if isinstance(name, str) else None
        if value is None:
            raise UnknownName(self._kind, name, self._suggestion(name))
        return value

    def require_name(self, value: T, label: str, remedy: str) -> str:
        """Return the name of *value*.

        Raises:
            UnknownName: If it has none; *label* and *remedy* tell the reader which object it is and what to do.
        """
        name = self._names.get(value)
        if name is None:
            raise UnknownName(self._kind, label, remedy)
        return name

    def require_free(self, wanted: Sequence[Naming[T]]) -> None:
        """Do nothing if all of *wanted* may be added together.

        Raises:
            GraphError: If a name cannot be stored.
            NameConflict: If a name is held by another object, or an object has another name.
        """
        taken: dict[str, T] = {}
        given: dict[T, str] = {}
        for name, value, aliases, hint in wanted:
            known = given.setdefault(value, self._names.get(value, name))
            if known != name:
                raise NameConflict(self._kind, name, f"{known!r}, the name that {value!r} has{hint}")
            for spelling in (name, *aliases):
                _require_storable(self._kind, spelling)
                holder = taken.setdefault(spelling, self._values.get(spelling, value))
                if holder is not value:
                    raise NameConflict(self._kind, spelling, f"{holder!r}, which holds it{hint}")

    def add(self, wanted: Sequence[Naming[T]]) -> None:
        """Add *wanted*, which `require_free` has passed."""
        for name, value, aliases, _ in wanted:
            self._names[value] = name
            self._aliases.setdefault(value, set()).update(aliases)
            self._values.update(dict.fromkeys((name, *aliases), value))

    def remove(self, value: T) -> None:
        """Forget *value*, its name and its aliases; an unknown object is not an error."""
        name = self._names.pop(value, None)
        for spelling in (name, *self._aliases.pop(value, ())):
            if spelling is not None:
                self._values.pop(spelling, None)

    def _suggestion(self, name: object) -> str:
        from difflib import get_close_matches  # noqa: PLC0415 - 3 ms, for an error alone

        near = get_close_matches(str(name), self._values, n=1)
        if near:
            return f"did you mean {near[0]!r}? If it was renamed, register it with aliases=({name!r},)"
        return f"register it, or give its new name aliases=({name!r},)"


def _require_storable(kind: str, name: object) -> None:
    if not isinstance(name, str) or not name:
        raise GraphError(f"the name of a {kind} is a text that is not empty, not {name!r}")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in name):
        raise GraphError(f"the {kind} name {name!r} has a character that no database keeps")
