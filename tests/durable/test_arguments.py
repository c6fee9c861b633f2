from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

import pytest

from cnstra.durable.arguments import checked_id, moment, one_of, seconds, several_of, whole
from cnstra.errors import GraphError


def test_one_of_names_what_is_allowed() -> None:
    with pytest.raises(GraphError, match="volume is one of 'full', 'progress', not 'half'"):
        one_of("half", Literal["full", "progress"], "volume")


@pytest.mark.parametrize("given", ["failed", ["failed"], {"failed"}])
def test_one_string_or_several_are_given_back_as_a_tuple(given: Any) -> None:
    assert several_of(given, ("failed", "aborted"), "status") == ("failed",)


@pytest.mark.parametrize("given", ["lost", ["failed", "lost"], 3])
def test_a_status_that_does_not_exist_is_refused(given: Any) -> None:
    with pytest.raises(GraphError, match="status is one of"):
        several_of(given, ("failed", "aborted"), "status")


@pytest.mark.parametrize("given", ["", None, 7, "a\0b"])
def test_an_id_that_no_store_keeps_is_refused(given: Any) -> None:
    with pytest.raises(GraphError, match="stimulation_id"):
        checked_id(given)


@pytest.mark.parametrize("given", [0, -1, True, "5", None, float("nan"), float("inf")])
def test_seconds_are_a_finite_number_above_0(given: Any) -> None:
    with pytest.raises(GraphError, match="lease must be a number of seconds above 0"):
        seconds(given, "lease")


def test_seconds_may_begin_with_0_where_that_is_said() -> None:
    assert seconds(0, "delay", least=0) == 0.0
    with pytest.raises(GraphError, match="delay must be a number of seconds of 0 or more, not -1"):
        seconds(-1, "delay", least=0)


@pytest.mark.parametrize("given", [-1, 1.0, True, "1", None])
def test_a_whole_number_is_no_float_and_no_truth_value(given: Any) -> None:
    with pytest.raises(GraphError, match="limit must be a whole number of 0 or more"):
        whole(given, "limit", 0)


def test_a_whole_number_may_have_an_upper_end() -> None:
    with pytest.raises(GraphError, match="priority must be a whole number from -5 to 5, not 6"):
        whole(6, "priority", -5, 5)


@pytest.mark.parametrize(
    "given",
    [
        1_000_000_000,
        datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC),
        datetime(2001, 9, 9, 3, 46, 40, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_moment_is_seconds_since_the_epoch(given: Any) -> None:
    assert moment(given, "run_at") == 1_000_000_000.0
    assert moment(None, "run_at") is None


@pytest.mark.parametrize("given", [datetime(2001, 9, 9), "2001-09-09", True, float("nan")])  # noqa: DTZ001 - refused
def test_a_moment_without_a_time_zone_is_refused(given: Any) -> None:
    with pytest.raises(GraphError, match="run_at"):
        moment(given, "run_at")
