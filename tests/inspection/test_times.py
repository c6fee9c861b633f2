"""Durations and points in time, as a person types them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cnstra.inspection.times import duration, point

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_point_in_time_is_a_date_or_so_long_ago() -> None:
    assert point("2h", "since", NOON) == NOON.timestamp() - 7200
    assert point("2026-01-31 13:00+01:00", "since") == NOON.timestamp()
    assert duration("2w", "window") == 1_209_600


@pytest.mark.parametrize("text", ["", "noon", "9" * 400, "2026-13-01"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"since .* is no point in time"):
        point(text, "since")
