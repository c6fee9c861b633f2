from datetime import UTC, datetime

import pytest

from cnstra.cli.ending import CommandError
from cnstra.cli.times import duration, point

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("12h", 43200), ("7d", 604800), ("2w", 1209600)]
)
def test_a_duration_has_a_unit(text: str, seconds: float) -> None:
    assert duration(text, "--older-than") == seconds


@pytest.mark.parametrize("text", ["", "-1s", "1y", "s", "1h30", "inf"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match=r"--older-than .* is no duration"):
        duration(text, "--older-than")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2h", NOON.timestamp() - 7200),
        ("2026-01-31T12:00", NOON.timestamp()),
        ("2026-01-31 13:00+01:00", NOON.timestamp()),
        ("2026-01-31", NOON.timestamp() - 43200),
        (None, None),
    ],
)
def test_a_point_in_time_is_a_date_or_so_long_ago(text: str | None, at: float | None) -> None:
    assert point(text, "--since", NOON) == at


def test_what_is_no_point_in_time_is_refused() -> None:
    with pytest.raises(CommandError, match="--since 'noon' is no point in time"):
        point("noon", "--since")
