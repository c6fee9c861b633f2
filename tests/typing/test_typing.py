"""The types that a user's checker works out: the files beside this one are cases, and mypy is the judge.

What has to be accepted stands there plainly or in `assert_type`. What has to be refused carries an ignore with its
code, and an ignore that nothing needs is an error too: so a type that has become `Any` fails either way.
"""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CASES = sorted(path.stem for path in HERE.glob("*.py") if path != Path(__file__))
BROKEN = """
from cnstra import collateral, neuron
from tests.typing.messages import DeckAxon, Created, started

def on_created(payload: Created) -> None: ...

neuron(DeckAxon).dendrite(started, on_created)
collateral(int).create_signal("1")
"""


def mypy(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_case_is_accepted_and_every_mistake_refused() -> None:
    result = mypy(*(f"tests/typing/{case}.py" for case in CASES))

    assert result.stdout + result.stderr == ""


def test_a_mistake_without_an_ignore_is_reported() -> None:
    result = mypy("-c", BROKEN)

    assert re.findall(r"\[([a-z-]+)\]$", result.stdout, re.MULTILINE) == ["arg-type", "arg-type"]


@pytest.mark.parametrize("case", CASES)
def test_what_the_checker_accepts_also_runs(case: str) -> None:
    importlib.import_module(f"tests.typing.{case}")
