from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra import GraphError, RetryPolicy, StimulationFailed

starts = st.integers(min_value=1, max_value=10_000)
chances = st.floats(0, 1)


def test_each_delay_is_longer_by_the_factor() -> None:
    policy = RetryPolicy(first_delay=0.5, factor=3.0, max_delay=10.0, jitter=0.0)

    assert [policy.delay(start, 0.5) for start in range(1, 6)] == [0.5, 1.5, 4.5, 10.0, 10.0]


def test_chance_shortens_a_delay() -> None:
    assert RetryPolicy(first_delay=10.0, jitter=0.2).delay(1, 1.0) == 8.0


policies = st.builds(
    RetryPolicy,
    first_delay=st.floats(0, 1e300),
    factor=st.floats(1, 1e300),
    max_delay=st.floats(0, 1e6),
    jitter=chances,
)


@given(policies, starts, chances)
def test_a_delay_is_never_longer_than_the_longest(policy: RetryPolicy, start: int, chance: float) -> None:
    assert 0 <= policy.delay(start, chance) <= policy.max_delay


def test_the_last_start_is_final() -> None:
    policy = RetryPolicy(max_attempts=3)

    assert [policy.is_final(start, OSError()) for start in (1, 2, 3, 4)] == [False, False, True, True]


def test_without_a_limit_no_start_is_final() -> None:
    assert not RetryPolicy(max_attempts=None).is_final(1_000_000, OSError())


def test_what_it_is_no_use_to_try_again_is_final_at_once() -> None:
    policy = RetryPolicy(give_up_on=(ValueError,))

    assert policy.is_final(1, StimulationFailed("failed", [ValueError(), UnicodeError()]))
    assert policy.is_final(1, StimulationFailed("failed", [ExceptionGroup("two", [ValueError(), ValueError()])]))


def test_a_failure_that_is_in_part_worth_another_try_is_not_final() -> None:
    policy = RetryPolicy(give_up_on=(ValueError,))

    assert not policy.is_final(1, StimulationFailed("failed", [ValueError(), OSError()]))


@pytest.mark.parametrize(
    "options",
    [
        {"max_attempts": 0},
        {"max_losses": -1},
        {"first_delay": -1.0},
        {"max_delay": float("inf")},
        {"factor": 0.5},
        {"factor": float("nan")},
        {"jitter": 1.5},
    ],
    ids=str,
)
def test_numbers_that_make_no_sense_are_refused(options: Mapping[str, Any]) -> None:
    with pytest.raises(GraphError):
        RetryPolicy(**options)
