"""Tokens, links and sessions."""

from __future__ import annotations

import pytest

from cnstra.errors import GraphError
from cnstra.inspection.keys import Keys


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("token", ["", "short", "with spaces in the middle", "naïve-naïve-naïve", "line\nline-line-l"])
def test_a_token_that_is_short_or_no_header_could_carry_is_refused(token: str) -> None:
    with pytest.raises(GraphError, match="16 or more"):
        Keys(token)


def test_a_token_is_made_where_none_is_given() -> None:
    assert Keys().token != Keys().token
    assert len(Keys().token) >= 32


def test_a_link_is_good_for_an_hour() -> None:
    clock = Clock()
    keys = Keys(clock=clock)
    soon, late = keys.new_link_code(), keys.new_link_code()

    clock.now += 3_599
    assert keys.redeem(soon)
    clock.now += 2
    assert not keys.redeem(late)


def test_only_the_latest_links_are_remembered() -> None:
    keys = Keys()
    codes = [keys.new_link_code() for _ in range(100)]

    assert not keys.redeem(codes[0])
    assert keys.redeem(codes[-1])


def test_a_session_ends_after_a_week() -> None:
    clock = Clock()
    keys = Keys(clock=clock)
    session, seconds = keys.new_session()

    clock.now += seconds - 1
    assert keys.is_session(session)
    clock.now += 2
    assert not keys.is_session(session)


def test_a_session_is_good_wherever_the_token_is_the_same_and_nowhere_else() -> None:
    session, _ = Keys("a-token-of-some-length").new_session()

    assert Keys("a-token-of-some-length").is_session(session)
    assert not Keys("another-token-of-some-length").is_session(session)


@pytest.mark.parametrize("forged", ["", "x", "e30", "ä", "=" * 10, "A" * 1_000])
def test_what_is_no_session_is_refused(forged: str) -> None:
    keys = Keys()
    keys.end_session(forged)

    assert not keys.is_session(forged)
