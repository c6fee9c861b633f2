"""Stored values as they are shown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra.inspection.encoding import json_bytes
from cnstra.inspection.redacting import Redaction
from cnstra.inspection.shown import PREVIEW_BYTES, Shower

SHOWER = Shower(Redaction())
FULL = Shower(Redaction(), full=True)


@given(st.binary() | st.text().map(lambda text: json.dumps(text).encode()))
def test_whatever_is_stored_can_be_shown(stored: bytes) -> None:
    shown = SHOWER.value(stored)

    assert shown["bytes"] == len(stored)
    assert json.loads(json_bytes(shown)) is not None


@pytest.mark.parametrize(
    "stored",
    [b"", b"nope", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 5_000, b"1,2", b'"\\ud8"', b"\0"],
)
def test_what_is_no_json_is_shown_as_such(stored: bytes) -> None:
    shown = SHOWER.value(stored)

    assert not shown["is_readable"]
    assert list(shown["data"]) == ["$unreadable"]
    assert len(json_bytes(shown)) < 2_000


ODD_NUMBERS = ["12345678901234567890", "-9007199254740993", "1" * 10_000, "1e999", "NaN", "-Infinity"]


@pytest.mark.parametrize("digits", ODD_NUMBERS)
def test_a_number_that_javascript_would_change_is_shown_as_text(digits: str) -> None:
    shown = SHOWER.value(f"[{digits}]".encode())

    assert shown["data"] == [{"$number": digits[:2_000]}]


def test_half_a_surrogate_pair_is_shown_as_a_question_mark() -> None:
    assert "�" in json_bytes(SHOWER.value(b'{"a\\ud800":"\\udfff"}')).decode()


@pytest.mark.parametrize(
    "data",
    [
        ["x" * 100] * 10_000,
        {f"key-{number}": number for number in range(10_000)},
        "x" * 1_000_000,
        [[["deep"] * 40] * 40] * 40,
        {"a" * 5_000: "b" * 50_000},
    ],
)
def test_large_data_is_cut_to_a_small_preview(data: object) -> None:
    stored = json.dumps(data).encode()

    shown = SHOWER.value(stored)

    assert shown["is_cut"]
    assert "$cut" in json.dumps(shown)
    assert len(json_bytes(shown)) < 300_000
    assert FULL.value(stored)["data"] == data


def test_data_of_a_moderate_size_is_shown_whole() -> None:
    data = ["x" * 100] * (PREVIEW_BYTES // 110)

    assert SHOWER.value(json.dumps(data).encode())["data"] == data


def test_a_preview_is_redacted_before_it_is_cut() -> None:
    stored = json.dumps({"password": "hunter2", "rest": ["x" * 100] * 1_000}).encode()

    assert b"hunter2" not in json_bytes(SHOWER.value(stored))
