"""The benchmark of the workers runs and tidies up; its figures are not looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "workers.py"
ROW = "BullMQ, SQLite"


def test_a_row_of_the_benchmark_is_measured_and_nothing_is_left(tmp_path: Path) -> None:
    options = ["--quick", "--rounds", "1", "--only", ROW, "--directory", str(tmp_path)]

    printed = subprocess.run([sys.executable, SCRIPT, *options], check=True, capture_output=True, text=True).stdout

    assert [line for line in printed.splitlines() if ROW in line and "x (" in line]
    assert list(tmp_path.iterdir()) == []
