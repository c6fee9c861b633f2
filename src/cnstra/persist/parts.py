"""The parts of a value and their places, such as ``$.cards[3].image``: where an error points to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Any

from cnstra.persist.classes import attributes_of

__all__ = ["first_difference", "key_suffix", "parts_of", "place_of", "short", "walk"]

_DEEPEST = 1_000  # a value that contains itself has no end
_LONGEST = 60  # characters of a key or value in an error message
_ABSENT = object()


def parts_of(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of *value* with the suffix that each adds to a path."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield key_suffix(key), part
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            yield f"[{index}]", part
    elif isinstance(value, (set, frozenset)):
        for part in value:
            yield "[...]", part
    else:
        for name in attributes_of(type(value)) or ():
            yield f".{name}", getattr(value, name, None)


def key_suffix(key: object) -> str:
    """Return what *key* adds to a path; a long key is cut."""
    if not isinstance(key, str):
        return f"[{short(key)}]"
    return f".{key}" if key.isidentifier() and len(key) <= _LONGEST else f"[{short(key)}]"


def short(value: object) -> str:
    """Return *value* as text that fits into an error message."""
    try:
        text = repr(value[:_LONGEST] if isinstance(value, (str, bytes, list, tuple)) else value)
    except Exception:  # noqa: BLE001 - a payload class may have a repr that fails, and this is already the error path
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def place_of(value: Any, is_at_fault: Callable[[Any], bool]) -> tuple[str, Any]:
    """Return path and value of the innermost part of *value* that *is_at_fault*, given that *value* itself is."""
    path = "$"
    for _ in range(_DEEPEST):
        for suffix, part in parts_of(value):
            if is_at_fault(part):
                path, value = path + suffix, part
                break
        else:
            break
    return path, value


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every part of *value* with its path, *value* itself first; what is in it twice is entered once."""
    entered: set[int] = set()
    stack = [("$", value)]
    while stack:
        path, part = stack.pop()
        yield path, part
        if id(part) not in entered and (parts := [(path + suffix, inner) for suffix, inner in parts_of(part)]):
            entered.add(id(part))
            stack.extend(reversed(parts))


def first_difference(one: Any, other: Any, same: Callable[[Any, Any], bool]) -> tuple[str, Any, Any]:
    """Return path and both values of the innermost first part where *one* and *other* are not the same."""
    path = "$"
    while type(one) is type(other) and not isinstance(one, (set, frozenset)):
        for (suffix, own), (counterpart, read) in zip_longest(parts_of(one), parts_of(other), fillvalue=("", _ABSENT)):
            if suffix != counterpart:
                return path, one, other
            if not same(own, read):
                path, one, other = path + suffix, own, read
                break
        else:
            break
    return path, one, other
