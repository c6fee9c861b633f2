import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("seed", "kills", "options"),
    [
        (1, 60, {}),
        (2, 60, {}),
        (3, 60, {"volume": "progress"}),
        (4, 40, {"durability": "interval", "max_staleness": 0.01}),
        (5, 30, {"durability": "exit"}),
    ],
    ids=["hop", "hop-again", "progress", "interval", "exit"],
)
def test_runs_survive_being_killed_at_random_instants(
    seed: int, kills: int, options: dict[str, Any], tmp_path: Path
) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.durability.killing",
        str(tmp_path),
        str(seed),
        str(kills),
        json.dumps(options),
    ]
    # The killed have no time to say what they covered, and to measure it would slow them down.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110, check=False
    )

    assert result.returncode == 0, result.stderr[-4000:]
    assert json.loads(result.stdout)["kills"] >= kills
