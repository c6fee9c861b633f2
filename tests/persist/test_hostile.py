"""Stored text that someone has tampered with: a clear error, never a hang or a crash."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra.core.signals import collateral
from cnstra.errors import PayloadError
from cnstra.persist import CNSPersistOptionsRegistry
from tests.persist.payloads import Card, Deck, Movie, Order, Tree

registry = CNSPersistOptionsRegistry()
DECLARED = (None, Deck, Tree, dict[str, Any], list[list[Any]], Movie, Order, str, int, float, set[int])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"[" * 10_000 + b"]" * 10_000, id="deep lists"),
        pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, id="deep objects"),
        pytest.param(b'{"value":1,"children":[' * 10_000 + b"]}" * 10_000, id="deep trees"),
        pytest.param(b"[" * 10_000, id="deep and cut off"),
        pytest.param(b'"' + b"x" * 50_000_000 + b'"', id="50 MB"),
        pytest.param(b'"' * 15_000_000, id="quotes alone"),
        pytest.param(b"\\" * 15_000_000, id="backslashes alone"),
        pytest.param(b"9" * 10_000_000, id="a long number"),
        pytest.param(b"1e999", id="a large exponent"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b"[Infinity]", id="Infinity"),
        pytest.param(b"-Infinity", id="-Infinity"),
        pytest.param(b'{"name":"a","name":"b"}', id="a key twice"),
        pytest.param(b'{"name":"a"', id="cut off"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', id="an encoded surrogate"),
        pytest.param(b'"\\ud800"', id="half of a surrogate pair"),
        pytest.param(b'{"a":"\xff"}', id="not UTF-8 in a value that is skipped"),
        pytest.param(b"\xef\xbb\xbf1", id="a byte order mark"),
        pytest.param(b'{"__class__":"os.system"}x', id="something behind it"),
    ],
)
@pytest.mark.parametrize("declared", DECLARED, ids=str)
def test_text_that_is_no_payload_is_refused(declared: Any, text: bytes) -> None:
    with pytest.raises(PayloadError) as failure:
        registry.decode_payload(collateral(declared, name="c"), 1, text)
    assert len(str(failure.value)) < 1_000


def test_a_raised_recursion_limit_does_not_reach_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000_000)
    try:
        with pytest.raises(PayloadError, match="nested deeper than 256 levels"):
            registry.decode_payload(collateral(), 1, b"[" * 5_000_000 + b"]" * 5_000_000)
    finally:
        sys.setrecursionlimit(limit)


def test_a_parser_that_runs_out_of_stack_gives_a_clear_error() -> None:
    @dataclass
    class Bottomless:
        a: int

        def __post_init__(self) -> None:
            self.__post_init__()

    with pytest.raises(PayloadError, match="nested too deeply"):
        registry.decode_payload(collateral(Bottomless), 1, b'{"a":1}')


@given(text=st.binary(), declared=st.sampled_from(DECLARED))
def test_any_bytes_are_read_or_refused(text: bytes, declared: Any) -> None:
    channel = collateral(declared)
    try:
        value = registry.decode_payload(channel, 1, text)
    except PayloadError:
        return

    assert registry.decode_payload(channel, *registry.encode_payload(channel, value)) == value


@given(data=st.data())
def test_a_flipped_byte_is_read_or_refused(data: st.DataObject) -> None:
    channel = collateral(Deck)
    _, text = registry.encode_payload(channel, Deck("d", [Card("a", 1), Card("b", 2)]))
    place = data.draw(st.integers(0, len(text) - 1))
    tampered = text[:place] + bytes([data.draw(st.integers(0, 255))]) + text[place + 1 :]

    try:
        value = registry.decode_payload(channel, 1, tampered)
    except PayloadError:
        return
    assert isinstance(value, Deck)


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
        lambda inner: (
            st.lists(inner) | st.tuples(inner) | st.dictionaries(st.integers() | st.text() | st.none(), inner)
        ),
    )
)
def test_any_python_value_is_kept_or_refused_on_write(value: Any) -> None:
    channel = collateral()
    try:
        version, text = registry.encode_payload(channel, value)
    except PayloadError:
        return

    assert registry.decode_payload(channel, version, text) == value
