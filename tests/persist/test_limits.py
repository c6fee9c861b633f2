from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra import GraphError, Limit
from cnstra.persist.limits import Limits, StartLog

ONE, TWO, THREE = Limit(concurrency=1), Limit(concurrency=2), Limit(concurrency=3)


def test_a_key_has_its_own_limit_then_that_of_the_longest_pattern() -> None:
    limits = Limits({"customer-42": ONE, "customer-*": TWO, "*": THREE, "customer-4*": THREE})

    assert limits.of("customer-42") is ONE
    assert limits.of("customer-43") is THREE
    assert limits.of("customer-1") is TWO
    assert limits.of("anything") is THREE
    assert Limits({"a": ONE}).of("b") is None


def test_a_key_that_ends_with_a_star_is_no_pattern() -> None:
    assert Limits({"a*": ONE, "*": TWO}).of("a*") is ONE
    assert Limits({"ab*": ONE, "*": TWO}).of("a*") is TWO


@pytest.mark.parametrize(
    "given_",
    [
        {},
        {"concurrency": 0},
        {"concurrency": True},
        {"concurrency": 1.5},
        {"rate": 5},
        {"rate": (0, 1.0)},
        {"rate": (5, 0.0)},
        {"rate": (5, float("inf"))},
        {"rate": (5, float("nan"))},
        {"rate": (True, 1.0)},
        {"rate": (1.5, 1.0)},
    ],
    ids=str,
)
def test_a_limit_that_makes_no_sense_is_refused(given_: Any) -> None:
    with pytest.raises(GraphError):
        Limit(**given_)


def test_a_limit_of_concurrency_leaves_room_for_what_does_not_run() -> None:
    log = StartLog(TWO, (), 100.0)

    assert [log.room(running) for running in (0, 1, 2, 3)] == [2, 1, 0, 0]


def test_without_a_limit_there_is_room_for_any_number() -> None:
    log = StartLog(None, (), 100.0)
    log.add(5, 100.0)

    assert (log.room(1_000_000), log.text, log.opens_at, log.is_over_at) == (None, None, None, None)


@given(
    st.integers(1, 20),
    st.floats(0.01, 1000.0),
    st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(1, 8)), max_size=60),
)
def test_in_no_while_of_a_rate_do_more_start_than_it_says(
    most: int, seconds: float, wishes: list[tuple[float, int]]
) -> None:
    limit = Limit(rate=(most, seconds))
    now, text = 1_800_000_000.0, None
    started: list[float] = []
    for pause, wanted in wishes:
        now += pause * seconds
        log = StartLog.read(limit, text, now)
        room = log.room(0)
        assert room is not None
        log.add(min(room, wanted), now)
        started += [now] * min(room, wanted)
        text = log.text
        assert len(log.starts) <= 66

    for place, start in enumerate(started):
        assert sum(one < start + seconds - 1e-6 for one in started[place:]) <= most


@given(st.integers(1, 5), st.floats(0.1, 100.0), st.integers(1, 5))
def test_a_rate_lets_one_start_at_the_time_that_it_tells(most: int, seconds: float, number: int) -> None:
    limit = Limit(rate=(most, seconds))
    log = StartLog(limit, (), 1_800_000_000.0)
    log.add(min(number, most), 1_800_000_000.0)

    opens_at = log.opens_at
    assert (opens_at is None) == (number < most)
    if opens_at is not None:
        assert StartLog.read(limit, log.text, opens_at).room(0) == most
        assert opens_at <= 1_800_000_000.0 + seconds * (1 + 1 / 64) + 1e-6


def test_starts_that_the_clock_has_left_in_the_future_do_not_count() -> None:
    limit = Limit(rate=(1, 10.0))
    log = StartLog(limit, (), 1_000_000.0)
    log.add(1, 1_000_000.0)

    assert StartLog.read(limit, log.text, 1_000.0).room(0) == 1
