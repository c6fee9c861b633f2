from __future__ import annotations

from typing import Any

import pytest

from cnstra.persist.classes import attributes_of, caches_of, is_model, slots_of
from tests.persist.payloads import Address, Card, Circle, Computed, Deck, Incomplete, Order, PlainThing, SlottedThing


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Card, ("front", "number", "image")),
        (Computed, ("given", "doubled", "note")),
        (Circle, ("radius", "label")),
        (Address, ("street", "lines")),
        (Order, ("id", "placed", "price", "__pydantic_extra__", "__pydantic_private__")),
        (PlainThing, None),
        (SlottedThing, None),
        (int, None),
        (Incomplete, None),
    ],
)
def test_the_fields_of_each_kind_of_class(kind: type, names: tuple[str, ...] | None) -> None:
    assert attributes_of(kind) == names


def test_a_model_is_told_by_its_methods() -> None:
    assert is_model(Order)
    assert not is_model(Card)
    assert not is_model(Order.model_construct())


def test_slots_include_those_of_the_bases_and_private_ones() -> None:
    class Base:
        __slots__ = "one"  # noqa: PLC0205 - Python takes it, too

    class Derived(Base):
        __slots__ = ("__two", "__weakref__")

    assert slots_of(Derived) == {"one", "_Derived__two"}


def test_a_cached_property_may_be_there_or_not() -> None:
    assert "size" in caches_of(Deck)


def test_the_class_of_a_generic_instance_says_nothing_about_its_value() -> None:
    kind: Any = Deck

    assert "__orig_class__" in caches_of(kind)
