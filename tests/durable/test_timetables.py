import subprocess
import sys
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra import GraphError
from cnstra.durable.timetables import Every, Timetable, latest, stamp, timetable

BERLIN = ZoneInfo("Europe/Berlin")


def berlin(cron: str) -> Timetable:
    return timetable(cron, None, "Europe/Berlin")


def instants(times: Timetable, start: datetime, count: int) -> list[str]:
    """Return the next instants, as a clock in Berlin shows them."""
    found = []
    moment: float | None = start.timestamp()
    for _ in range(count):
        assert moment is not None
        moment = times.after(moment)
        assert moment is not None
        found.append(datetime.fromtimestamp(moment, BERLIN).strftime("%d %H:%M %Z"))
    return found


def test_an_expression_goes_by_the_wall_clock_of_its_zone() -> None:
    start = datetime(2026, 7, 1, 12, tzinfo=UTC)

    assert instants(berlin("0 3 * * *"), start, 2) == ["02 03:00 CEST", "03 03:00 CEST"]
    assert instants(timetable("0 3 * * *", None, "UTC"), start, 1) == ["02 05:00 CEST"]


def test_what_the_clock_leaves_out_in_spring_comes_at_the_end_of_the_gap() -> None:
    start = datetime(2026, 3, 28, 12, tzinfo=BERLIN)

    assert instants(berlin("30 2 * * *"), start, 3) == ["29 03:00 CEST", "30 02:30 CEST", "31 02:30 CEST"]


def test_an_hour_that_comes_twice_in_autumn_is_named_once() -> None:
    start = datetime(2026, 10, 24, 12, tzinfo=BERLIN)

    assert instants(berlin("30 2 * * *"), start, 2) == ["25 02:30 CEST", "26 02:30 CET"]


def test_what_goes_by_minutes_goes_on_in_the_hour_that_comes_twice() -> None:
    start = datetime(2026, 10, 25, 1, tzinfo=BERLIN)

    assert instants(berlin("30 * * * *"), start, 4) == [
        "25 01:30 CEST",
        "25 02:30 CEST",
        "25 02:30 CET",
        "25 03:30 CET",
    ]


@given(
    st.sampled_from(["30 2 * * *", "*/20 * * * *", "0 2,3 * * 0", "15 2 25 * *", "59 23 29 2 *"]),
    st.one_of(
        st.floats(1_774_656_000, 1_774_915_200), st.floats(1_792_800_000, 1_793_059_200), st.floats(0, 2_000_000_000)
    ),
)
def test_an_instant_is_always_later_and_there_is_none_before_it(cron: str, moment: float) -> None:
    times = berlin(cron)

    instant = times.after(moment)

    assert instant is not None
    assert instant > moment
    assert times.after((moment + instant) / 2) == instant


@given(st.floats(1e-3, 1e6), st.floats(0, 4e9))
def test_an_interval_has_its_next_instant_within_its_length(every: float, moment: float) -> None:
    instant = Every(every).after(moment)

    assert moment < instant <= moment + every * (1 + 1e-6) + 1e-6


def test_an_interval_means_the_same_instants_everywhere() -> None:
    assert [Every(3600.0).after(moment) for moment in (0.0, 1.0, 3599.9, 3600.0)] == [3600.0, 3600.0, 3600.0, 7200.0]


@pytest.mark.parametrize("most", [1, 3, 1000])
@pytest.mark.parametrize("since", [0.0, 999_000.0, 999_995.0, 1_000_000.0])
def test_the_latest_instants_are_found_however_long_ago_the_last_look_was(since: float, most: int) -> None:
    times = Every(7.0)
    every = [7.0 * number for number in range(142_858) if since < 7.0 * number <= 1_000_000]

    assert latest(times, since, 1_000_000.0, most) == every[-most:]


def test_a_rare_instant_is_found_far_back() -> None:
    times, now = berlin("0 12 29 2 *"), datetime(2027, 12, 31, tzinfo=UTC).timestamp()

    assert latest(times, 0.0, now, 1) == [datetime(2024, 2, 29, 12, tzinfo=BERLIN).timestamp()]


def test_an_expression_without_an_end_of_instants_tells_so() -> None:
    class Never:
        def after(self, moment: float) -> float | None:
            return None

    assert latest(Never(), 0.0, 1e9, 5) == []


def test_an_instant_is_told_in_utc() -> None:
    assert stamp(datetime(2026, 3, 29, 3, tzinfo=BERLIN).timestamp()) == "2026-03-29T01:00:00Z"
    assert stamp(1.5) == "1970-01-01T00:00:01.500000Z"


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ((None, None, "UTC"), "one of the two"),
        (("* * * * *", 5.0, "UTC"), "one of the two"),
        (("61 * * * *", None, "UTC"), "'61 \\* \\* \\* \\*' is no cron expression: Bad minute"),
        (("never", None, "UTC"), "is no cron expression"),
        (("* * * * *", None, "Middle/Earth"), "timezone is the name of one"),
        (("* * * * *", None, "../etc/passwd"), "timezone is the name of one"),
        ((None, 0.0, "UTC"), "every must be a number of seconds above 0"),
    ],
)
def test_what_is_no_timetable_is_refused(given_: Any, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        timetable(*given_)


def test_without_the_library_an_expression_names_the_extra_and_an_interval_needs_none() -> None:
    code = """
import sys
sys.modules["cronsim"] = None
from cnstra.durable.timetables import timetable
timetable(None, 5.0, "UTC")
try:
    timetable("* * * * *", None, "UTC")
except ImportError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "pip install 'cnstra[cron]'" in result.stdout
