"""Strict sameness: whether two values agree in every type and every part, which ``==`` does not tell.

``True == 1``, a `StrEnum` member equals its text, and a class may compare only some of its fields.
The codec asks the stronger question on every hop, so a comparison is compiled once for each class that is met.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from types import NoneType
from typing import Any, TypeAlias, final
from uuid import UUID

from cnstra.persist.classes import attributes_of, caches_of, is_secret, slots_of

__all__ = ["Strictness", "is_lossy_float"]

Comparison: TypeAlias = Callable[[Any, Any], bool]

# Equal values of these very types are the same value.
_ATOMS = frozenset({NoneType, bool, bytearray, bytes, date, int, str, timedelta, UUID})
_FLOATS = frozenset({float})
_ABSENT = object()


@final
class Strictness:
    """Compares values strictly; holds the comparisons of the classes it has met.

    Args:
        singletons: Further types whose equal values are the same value.
    """

    __slots__ = ("_comparisons",)

    def __init__(self, *singletons: type) -> None:
        self._comparisons: dict[type, Comparison] = {
            **dict.fromkeys((*_ATOMS, *singletons), operator.eq),
            Decimal: _same_decimal,
            float: _same_float,
            datetime: _same_moment,
            time: _same_moment,
            list: self._same_items,
            tuple: self._same_items,
            dict: self._same_entries,
            set: self._same_members,
            frozenset: self._same_members,
        }

    def same(self, one: Any, other: Any) -> bool:
        """Tell whether *one* and *other* are equal and of one type, and so is every part of them."""
        kind = type(one)
        if kind is not type(other):
            return _is_widened(one, other)
        return (self._comparisons.get(kind) or self._compile(kind))(one, other)

    def _same_items(self, one: Sequence[Any], other: Sequence[Any]) -> bool:
        if len(one) != len(other):
            return False
        kinds = set(map(type, one))
        if len(kinds) == 1 and (kinds <= _ATOMS or (kinds == _FLOATS and 0.0 not in one)):
            # In C: 10,000 numbers take 0.4 ms instead of 1.5. Without a zero there is no -0.0 to look for.
            return kinds == set(map(type, other)) and [*one] == [*other]
        return all(map(self.same, one, other))

    def _same_entries(self, one: dict[Any, Any], other: dict[Any, Any]) -> bool:
        if len(one) != len(other):
            return False
        same = self.same
        # In order: the order of a dict can be seen, so losing it is a change.
        for (own_key, own), (read_key, read) in zip(one.items(), other.items()):  # noqa: B905 - see above
            if own is not read and not same(own, read):
                return False
            if own_key is not read_key and not same(own_key, read_key):
                return False
        return True

    def _same_members(self, one: frozenset[Any], other: frozenset[Any]) -> bool:
        if one != other:
            return False
        twins = {member: member for member in other}
        return all(self.same(member, twins[member]) for member in one)

    def _compile(self, kind: type) -> Comparison:
        compiled = self._compiled(kind)
        self._comparisons[kind] = compiled
        return compiled

    def _compiled(self, kind: type) -> Comparison:
        if issubclass(kind, Enum):
            return operator.is_
        if issubclass(kind, PurePath):
            return operator.eq
        if is_secret(kind):
            return lambda one, other: self.same(one.get_secret_value(), other.get_secret_value())
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            return self._beside(kind, kind._fields, self._same_items)
        names = attributes_of(kind)
        if names is None:
            return _never  # nothing is known about the parts of this class
        return self._beside(kind, names, self._by_attributes(names))

    def _by_attributes(self, names: tuple[str, ...]) -> Comparison:
        values_of = _getter(names)
        known, compile_ = self._comparisons, self._compile

        # `same` is written out here, as this compares every dataclass on every hop: 0.6 us for three scalars, not 1.5.
        def compare(one: Any, other: Any) -> bool:
            for own, read in zip(values_of(one), values_of(other)):  # noqa: B905 - of one class, and strict= costs 0.1 us
                if own is not read:
                    kind = type(own)
                    if kind is not type(read):
                        if not _is_widened(own, read):
                            return False
                    elif kind in _ATOMS:
                        if own != read:
                            return False
                    elif not (known.get(kind) or compile_(kind))(own, read):
                        return False
            return True

        return compare

    def _beside(self, kind: type, names: Sequence[str], compare: Comparison) -> Comparison:
        """Extend *compare* to what an instance holds beside its fields: more attributes, more slots."""
        slots = tuple(sorted(slots_of(kind) - set(names)))
        expected = caches_of(kind) | set(names) | set(slots)

        def compare_slots(one: Any, other: Any) -> bool:
            pairs = ((getattr(one, slot, _ABSENT), getattr(other, slot, _ABSENT)) for slot in slots)
            return compare(one, other) and all(own is read or self.same(own, read) for own, read in pairs)

        def compare_dict(one: Any, other: Any) -> bool:
            held = vars(one)
            if not held.keys() <= expected:  # set by __post_init__, say; then it has to be there again
                read = vars(other)
                if not all(self.same(held[name], read.get(name, _ABSENT)) for name in held.keys() - expected):
                    return False
            return fields_and_slots(one, other)

        fields_and_slots = compare_slots if slots else compare
        return compare_dict if kind.__dictoffset__ else fields_and_slots


def is_lossy_float(value: object) -> bool:
    """Tell whether *value* is a float that JSON does not have: NaN, infinity."""
    return type(value) is float and not math.isfinite(value)


def _is_widened(own: object, read: object) -> bool:
    """Tell whether *read* is the number *own*, an ``int`` where a ``float`` is declared, as type checkers allow."""
    return type(own) is int and type(read) is float and own == read


def _same_float(one: float, other: float) -> bool:
    return one == other and math.isfinite(one) and math.copysign(1.0, one) == math.copysign(1.0, other)


def _same_decimal(one: Decimal, other: Decimal) -> bool:
    # 1.0 equals 1.00 and is another value; NaN never comes back equal.
    return not one.is_nan() and one.as_tuple() == other.as_tuple()


def _same_moment(one: Any, other: Any) -> bool:
    # Of a time zone only the offset comes back. A zone without one, and the fold of a naive time, would be lost.
    offset = one.utcoffset()
    if offset is None and (one.tzinfo is not None or one.fold):
        return False
    return bool(one == other) and offset == other.utcoffset()


def _never(one: object, other: object) -> bool:
    del one, other
    return False


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if not names:
        return lambda _: ()
    getter = operator.attrgetter(*names)
    return getter if len(names) > 1 else lambda value: (getter(value),)
