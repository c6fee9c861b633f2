from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra.persist.reading import MAX_DEPTH, depth_of, first_dropped, parse

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1_000, 10_000])
def test_the_depth_of_a_deep_document_is_found(depth: int) -> None:
    assert depth_of(b'[{"a":' * (depth // 2) + b"[" * (depth % 2)) == depth


def test_brackets_inside_texts_do_not_count() -> None:
    text = json.dumps(["[{" * 500, '"[' * 500, "\\" * 501, {"[" * 300: "]"}]).encode()

    assert depth_of(text) == 2


def test_a_shallow_document_is_not_looked_at() -> None:
    assert depth_of(b"[[[1]]]") == 0


@given(document=documents)
def test_what_json_writes_is_parsed(document: Any) -> None:
    assert parse(json.dumps(document).encode()) == document


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b'{"a": 1, "a": 2}', "the key 'a' appears twice"),
        (b'[{"b": {"c": 1, "c": 1}}]', "the key 'c' appears twice"),
        (b"[NaN]", "NaN is not JSON"),
        (b"-Infinity", "-Infinity is not JSON"),
        (b"\xff", "can't decode"),
        (b"[1", "Expecting"),
    ],
)
def test_what_is_not_json_is_refused(text: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse(text)


@given(document=documents)
def test_nothing_is_dropped_from_a_document_to_itself(document: Any) -> None:
    assert first_dropped(document, document) is None


@pytest.mark.parametrize(
    ("stored", "kept", "dropped"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, "$.b"),
        ({"cards": [{"x": 1}, {"x": 1, "y": 2}]}, {"cards": [{"x": 1}, {"x": 1}]}, "$.cards[...].y"),
        ([1, 2], [1], "$[...]"),
        ({"a": {"b c": None}}, {"a": {}}, "$.a['b c']"),
        ({"a": 1}, {"a": 1, "new": 2}, None),
        ([{"x": 1}, {"y": 2}], [{"y": 2}, {"x": 1}], None),
        ("text", "other text", None),
    ],
)
def test_a_part_that_is_gone_is_named(stored: Any, kept: Any, dropped: str | None) -> None:
    assert first_dropped(stored, kept) == dropped


def test_a_long_key_above_many_parts_costs_no_more_than_its_length() -> None:
    stored: Any = {}
    for _ in range(200):
        stored = {"k" * 50_000: stored}

    path = first_dropped(stored, {})

    assert path is not None
    assert len(path) < 100
