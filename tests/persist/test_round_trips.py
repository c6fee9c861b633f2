"""A value comes back equal and of its declared type, or it is refused when it is written: never a silent change."""

from __future__ import annotations

import math
import pathlib
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra.core.signals import collateral
from cnstra.errors import PayloadError
from cnstra.persist import CNSPersistOptionsRegistry
from cnstra.persist.strictness import Strictness
from tests.persist.payloads import (
    Address,
    Box,
    Card,
    Circle,
    Colour,
    Computed,
    Deck,
    Incomplete,
    Level,
    Mode,
    Order,
    PlainThing,
    Point,
    SlottedThing,
    Square,
    Tree,
)

same = Strictness(type(Circle(1).label)).same
registry = CNSPersistOptionsRegistry()


def round_trip(declared: Any, value: Any) -> Any:
    channel = collateral(declared)
    version, data = registry.encode_payload(channel, value)
    return registry.decode_payload(channel, version, data)


# The value; what of it round-trips when its own type is declared. Undeclared, none of them may change silently.
TABLE: list[tuple[Any, Any, bool]] = [
    (tuple, (1, 2), True),
    (tuple[int, ...], (1, 2), True),
    (Point, Point(1, 2), True),
    (set[int], {1, 2}, True),
    (Decimal, Decimal("1.10"), True),
    (datetime, datetime(2024, 5, 1, 12, tzinfo=UTC), True),
    (datetime, datetime(2024, 5, 1, 12, tzinfo=ZoneInfo("Europe/Paris")), True),
    (Mode, Mode.FAST, True),
    (bytes, b"\x00\xff", True),
    (uuid.UUID, uuid.UUID(int=7), True),
    (pathlib.Path, pathlib.Path("a/b"), True),
    (timedelta, timedelta(days=-1, microseconds=1), True),
    (Card, Card("a", 1), True),
    (Order, Order(id=1, placed=datetime(2024, 1, 1, tzinfo=UTC), cost=Decimal("2.50")), True),
    (dict[int, str], {1: "a"}, True),
    (Computed, Computed(2), True),
    (str, "\ud800", False),
    (int, 2**70, True),
    (Exception, ValueError("x"), False),
    (Incomplete, Incomplete(3), False),
    (SlottedThing, SlottedThing(), False),
    (PlainThing, PlainThing(), False),
    (complex, 1 + 2j, False),
    (float, math.nan, False),
]


@pytest.mark.parametrize(("declared", "value", "kept"), TABLE)
def test_every_row_comes_back_or_is_refused(declared: Any, value: Any, kept: bool) -> None:  # noqa: FBT001 - a column
    if kept:
        back = round_trip(declared, value)
        assert back == value
        assert type(back) is type(value)
    else:
        with pytest.raises(PayloadError):
            round_trip(declared, value)


@pytest.mark.parametrize(("declared", "value", "kept"), TABLE)
def test_no_row_changes_silently_without_a_type(declared: Any, value: Any, kept: bool) -> None:  # noqa: FBT001 - a column
    for wrapped in (value, {"deep": [value]}):
        try:
            back = round_trip(None, wrapped)
        except PayloadError:
            continue
        assert same(back, wrapped)


def test_a_field_that_init_does_not_take_comes_back_as_it_was() -> None:
    value = Computed(2)
    value.note = "changed"

    assert round_trip(Computed, value) == value


class Typed(NamedTuple):
    """A declared type and values of it."""

    declared: Any
    values: st.SearchStrategy[Any]


texts = st.text(st.characters(exclude_categories=["Cs"]))
floats = st.floats(allow_nan=False, allow_infinity=False)
offsets = st.timezones() | st.none() | st.just(UTC)

LEAVES: list[Typed] = [
    Typed(int, st.integers()),
    Typed(float, floats),
    Typed(str, texts),
    Typed(bool, st.booleans()),
    Typed(bytes, st.binary()),
    Typed(Decimal, st.decimals(allow_nan=False)),
    Typed(uuid.UUID, st.uuids()),
    Typed(timedelta, st.timedeltas()),
    Typed(Colour, st.sampled_from(Colour)),
    Typed(Level, st.sampled_from(Level)),
    Typed(Mode, st.sampled_from(Mode)),
    Typed(Point, st.builds(Point, st.integers(), st.integers())),
    Typed(Card, st.builds(Card, texts, st.integers(), st.none() | texts | st.lists(st.integers()))),
    Typed(Address, st.builds(Address, texts, st.lists(texts))),
    Typed(Circle | Square, st.builds(Circle, st.integers()) | st.builds(Square, st.integers())),
    Typed(
        Tree, st.recursive(st.builds(Tree, st.integers()), lambda kids: st.builds(Tree, st.integers(), st.lists(kids)))
    ),
]


def _containers(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    return st.one_of(
        inner.map(lambda item: Typed(list[item.declared], st.lists(item.values, max_size=5))),  # type: ignore[name-defined]
        inner.map(lambda item: Typed(item.declared | None, item.values | st.none())),
        inner.map(lambda item: Typed(Box[item.declared], item.values.map(Box))),  # type: ignore[name-defined]
        inner.map(lambda item: Typed(dict[str, item.declared], st.dictionaries(texts, item.values, max_size=5))),  # type: ignore[name-defined]
        st.tuples(inner, inner).map(
            lambda pair: Typed(
                tuple.__class_getitem__(tuple(item.declared for item in pair)),
                st.tuples(*(item.values for item in pair)),
            )
        ),
    )


typed = st.recursive(st.sampled_from(LEAVES), _containers, max_leaves=4)


@given(typed=typed, data=st.data())
def test_a_value_of_its_declared_type_comes_back_the_same(typed: Typed, data: st.DataObject) -> None:
    value = data.draw(typed.values)

    assert same(round_trip(typed.declared, value), value)


@given(declared=typed, actual=typed, data=st.data())
def test_a_value_of_any_type_comes_back_the_same_or_is_refused(
    declared: Typed, actual: Typed, data: st.DataObject
) -> None:
    value = data.draw(actual.values)
    try:
        back = round_trip(declared.declared, value)
    except PayloadError:
        return

    assert same(value, back)  # in this order: an int may have become the float that is declared


@given(moment=st.datetimes(timezones=offsets))
def test_a_moment_comes_back_as_the_same_moment_or_is_refused(moment: datetime) -> None:
    try:
        back = round_trip(datetime, moment)
    except PayloadError:
        return

    assert back == moment
    assert back.utcoffset() == moment.utcoffset()


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | floats | texts,
        lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    )
)
def test_every_plain_json_value_needs_no_type(value: Any) -> None:
    assert same(round_trip(None, value), value)


def test_a_deck_of_many_cards_comes_back() -> None:
    deck = Deck("d", [Card(str(number), number) for number in range(1_000)])

    assert round_trip(Deck, deck) == deck
