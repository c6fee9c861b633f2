from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra.stores.prefixes import end_of_prefix, has_surrogates

letters = st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("ab\ud7ff\ue000\U0010fffe\U0010ffff"))
texts = st.text(letters, max_size=4)


@pytest.mark.parametrize(
    ("prefix", "end"),
    [("a", "b"), ("az", "a{"), ("a\U0010ffff", "b"), ("\ud7ff", "\ue000"), ("\U0010ffff", None), ("", None)],
)
def test_the_end_is_the_next_text_that_does_not_begin_so(prefix: str, end: str | None) -> None:
    assert end_of_prefix(prefix) == end


@given(prefix=texts, text=texts)
def test_what_begins_so_is_what_lies_between(prefix: str, text: str) -> None:
    end = end_of_prefix(prefix)

    is_between = prefix.encode() <= text.encode() and (end is None or text.encode() < end.encode())

    assert is_between == text.startswith(prefix)


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\udcffb"])
def test_half_a_letter_is_found(text: str) -> None:
    assert has_surrogates(text)
    assert not has_surrogates("größe \ud7ff\ue000\U0001f4a5")
