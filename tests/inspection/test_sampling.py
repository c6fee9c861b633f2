"""Neurons in numbers."""

from __future__ import annotations

from cnstra.inspection.sampling import percentile


def test_a_percentile_is_the_value_that_its_share_does_not_exceed() -> None:
    assert percentile([], 0.5) is None
    assert percentile([1.0], 0.95) == 1.0
    assert percentile([float(number) for number in range(1, 101)], 0.95) == 95.0
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
