from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra.persist.strictness import Strictness, is_lossy_float
from tests.persist.payloads import Box, Card, Colour, Computed, Deck, Mode, Movie, Order, PlainThing, Point, Square

same = Strictness().same

scalars = (
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.dates() | st.uuids() | st.timedeltas()
)
values = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False, min_value=0.5),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.tuples(inner, inner)
        | inner.map(lambda value: Card("a", 1, value))
    ),
)


@dataclass(eq=False)
class Uncompared:
    name: str
    weight: int = field(default=0, compare=False)


class Slotted:
    __slots__ = ("__hidden", "kept")


@dataclass
class WithHiddenSlot(Slotted):
    __slots__ = ("name",)
    name: str


@dataclass
class Empty:
    pass


class Sized(Point):
    pass


@given(value=values)
def test_a_value_is_the_same_as_its_deep_rebuild(value: Any) -> None:
    assert same(value, _rebuilt(value))


@given(one=values, other=values)
def test_what_is_not_equal_is_not_the_same(one: Any, other: Any) -> None:
    assert not same(one, other) or one == other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1.0, 1),
        ([1, 2], [1, 2.0]),
        ([1], (1,)),
        ([1, 2], [1]),
        ([1, "a"], [1, "b"]),
        ({"a": 1}, {"a": True}),
        ({1: "a"}, {True: "a"}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({1}, {True}),
        ({1}, {2}),
        (frozenset({1}), {1}),
        (Point(1, 2), (1, 2)),
        (Mode.FAST, "fast"),
        (Decimal("1.0"), Decimal("1.00")),
        (Decimal("NaN"), Decimal("NaN")),
        (math.nan, math.nan),
        (-0.0, 0.0),
        ([0.0, 1.5], [-0.0, 1.5]),
        (Path("a"), PurePosixPath("a")),
        (Card("a", 1), Card("a", number=True)),
        (Card("a", 1, [1]), Card("a", 1, [True])),
        (Card("a", 1.5), Card("a", 2.5)),  # type: ignore[arg-type]  # a payload class checks nothing
        (Uncompared("a", 1), Uncompared("a", 2)),
        (PlainThing(), PlainThing()),
        (datetime(2024, 1, 1, fold=1), datetime(2024, 1, 1)),  # noqa: DTZ001 - the naive ones
        (datetime(2024, 1, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=1)))),
        (time(1, tzinfo=ZoneInfo("Europe/Paris")), time(1)),
    ],
)
def test_a_difference_in_type_order_or_hidden_field_counts(one: object, other: object) -> None:
    assert not same(one, other)


@pytest.mark.parametrize(
    "value",
    [
        Uncompared("a", 1),
        Card("a", 3, {"x": [1.5, None]}),
        Deck("d", [Card("a")]),
        Computed(2),
        Movie(title="x"),
        Point(1, 2),
        Square(2),
        Empty(),
        Box[int](1),
        Order(id=1, placed=datetime(2024, 1, 1), cost=Decimal(2)),  # noqa: DTZ001 - a naive one
        Colour.RED,
        UUID(int=5),
        {(1, "a"), (2, "b")},
        [0.0, 1.5],
        [0.5, 1.5],
        datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Paris")),
    ],
)
def test_every_kind_is_the_same_as_its_copy(value: Any) -> None:
    assert same(value, deepcopy(value))


def test_an_attribute_beside_the_fields_must_be_there_again() -> None:
    one, other = Deck("d"), Deck("d")
    vars(one)["extra"] = 1

    assert not same(one, other)
    vars(other)["extra"] = 1
    assert same(one, other)


def test_a_cached_property_is_no_difference() -> None:
    read = Deck("d", [Card("a")])
    assert read.size == 1

    assert same(read, Deck("d", [Card("a")]))


def test_a_slot_beside_the_fields_counts() -> None:
    one, other = WithHiddenSlot("a"), WithHiddenSlot("a")
    assert same(one, other)

    vars(Slotted)["kept"].__set__(one, 1)

    assert not same(one, other)


def test_a_mangled_slot_counts() -> None:
    one, other = WithHiddenSlot("a"), WithHiddenSlot("a")

    vars(Slotted)["_Slotted__hidden"].__set__(one, 1)

    assert not same(one, other)


def test_a_subclass_of_a_named_tuple_keeps_its_attributes() -> None:
    one, other = Sized(1), Sized(1)
    vars(one)["size"] = 2

    assert not same(one, other)


def test_a_private_attribute_of_a_model_counts() -> None:
    one, other = (Order(id=1, placed=datetime(2024, 1, 1, tzinfo=UTC), cost=Decimal(2)) for _ in range(2))
    one._seen = 5

    assert not same(one, other)


@pytest.mark.parametrize(
    ("value", "lossy"), [(math.nan, True), (math.inf, True), (-0.0, False), (0.0, False), (1, False)]
)
def test_which_floats_are_lossy(value: object, lossy: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_lossy_float(value) is lossy


def test_further_singletons_can_be_compared() -> None:
    class Marker:
        pass

    marker = Marker()

    assert Strictness(Marker).same(marker, marker)
    assert not same(marker, marker)


def _rebuilt(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)([_rebuilt(part) for part in value])
    if isinstance(value, dict):
        return {_rebuilt(key): _rebuilt(part) for key, part in value.items()}
    if isinstance(value, Card):
        return Card(value.front, value.number, _rebuilt(value.image))
    return value


def test_an_int_may_stand_for_a_float_as_type_checkers_allow() -> None:
    assert same(1, 1.0)
    assert not same(2**53 + 1, float(2**53))
