"""Texts that a client cannot make."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cnstra.inspection.sealing import Seal

SEAL = Seal("secret", "cursors")
_data = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=10)


@given(_data)
def test_what_was_closed_can_be_opened(data: object) -> None:
    assert SEAL.open(SEAL.close(data)) == data


@given(st.text())
def test_what_was_not_closed_here_cannot_be_opened(text: str) -> None:
    assert SEAL.open(text) is None


@given(_data, st.integers(min_value=0), st.sampled_from("Az09_"))
def test_what_was_changed_cannot_be_opened(data: object, place: int, letter: str) -> None:
    text = SEAL.close(data)
    place %= len(text) - 1  # the last letter may have bits that mean nothing
    changed = text[:place] + letter + text[place + 1 :]

    assert changed == text or SEAL.open(changed) is None


def test_another_purpose_is_another_seal() -> None:
    assert Seal("secret", "sessions").open(SEAL.close(1)) is None
    assert Seal("other", "cursors").open(SEAL.close(1)) is None
