"""The benchmark of the stores runs and tidies up; its figures are not looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "stores.py"


@pytest.mark.parametrize(
    "row", ["one run, to one statement a hop", "AOF everysec, one run", "SQLite, hops beside 1,000"]
)
def test_a_row_of_the_benchmark_is_measured_and_nothing_is_left(row: str, tmp_path: Path) -> None:
    options = ["--quick", "--rounds", "1", "--only", row, "--directory", str(tmp_path)]

    printed = subprocess.run([sys.executable, SCRIPT, *options], check=True, capture_output=True, text=True).stdout

    assert [line for line in printed.splitlines() if row in line and "x (" in line]
    assert list(tmp_path.iterdir()) == []
