from __future__ import annotations

from typing import Any

import pytest

from cnstra.persist.parts import first_difference, key_suffix, parts_of, place_of, short, walk
from cnstra.persist.strictness import Strictness
from tests.persist.payloads import Card, Deck, Point


def test_a_path_leads_through_fields_lists_and_keys() -> None:
    value = Deck("d", [Card("a", image={"big": {1, 2}}), Card("b", image=Point(1, 2))])

    paths = [path for path, _ in walk(value)]

    assert "$.cards[0].image.big[...]" in paths
    assert "$.cards[1].image[1]" in paths


@pytest.mark.parametrize(
    ("key", "suffix"), [("name", ".name"), ("two words", "['two words']"), (3, "[3]"), ("x" * 99, f"['{'x' * 59}...]")]
)
def test_a_key_is_written_so_that_it_can_be_read(key: object, suffix: str) -> None:
    assert key_suffix(key) == suffix


def test_the_innermost_part_at_fault_is_named() -> None:
    value = {"cards": [Card("a"), Card("b", image=[1, 2j])]}

    assert place_of(value, lambda part: "2j" in repr(part)) == ("$.cards[1].image[1]", 2j)


def test_a_value_that_contains_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)

    assert len(place_of(loop, lambda _: True)[0]) > 100
    assert [path for path, _ in walk(loop)] == ["$", "$[0]"]


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [
        ([1, [2, 3]], [1, [2, 4]], "$[1][1]"),
        ({"a": {"b": 1}}, {"a": {"b": True}}, "$.a.b"),
        ({"a": 1}, {"b": 1}, "$"),
        ({"a": 1}, {}, "$"),
        ([1], [1, 2], "$"),
        ([{1}], [{2}], "$[0]"),
        (Card("a", 1), Card("a", 2), "$.number"),
        (1, "1", "$"),
    ],
)
def test_the_first_difference_is_found(one: Any, other: Any, path: str) -> None:
    assert first_difference(one, other, Strictness().same)[0] == path


def test_a_long_text_is_cut() -> None:
    assert len(short("x" * 1_000_000)) < 70
    assert len(short({str(number): number for number in range(1000)})) < 70


def test_a_value_whose_repr_fails_has_a_name_still() -> None:
    class Silent:
        def __repr__(self) -> str:
            raise RuntimeError

    assert short(Silent()) == "<Silent>"


def test_a_scalar_has_no_parts() -> None:
    assert list(parts_of(5)) == []
