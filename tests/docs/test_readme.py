"""The program on the README's first screen does what the README says of it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks_of

README = ROOT / "README.md"
LINES = [f"read page {number}" for number in range(1, 11)]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Return the program as a file, with less work to do."""
    [block] = blocks_of(README, "python")
    source = block.source.replace("sleep(0.5)", "sleep(0.05)")
    assert source != block.source
    path = tmp_path / "book.py"
    path.write_text(source, encoding="utf-8")
    return path


def run(program: Path) -> list[str]:
    ran = subprocess.run([sys.executable, program], cwd=program.parent, capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    return ran.stdout.splitlines()


def run_until(program: Path, line: str, stop: signal.Signals) -> list[str]:
    """Run the program, and stop it when it prints *line*; return all that it printed."""
    read: list[str] = []
    command = [sys.executable, str(program)]
    with subprocess.Popen(
        command, cwd=program.parent, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        for printed in process.stdout:
            read.append(printed.rstrip())
            if read[-1] == line:
                process.send_signal(stop)
    return read


def test_the_program_has_25_lines_and_fits_on_a_screen() -> None:
    [block] = blocks_of(README, "python")
    lines = [line for line in block.source.splitlines() if line.strip()]

    assert len(lines) == 25
    assert max(map(len, lines)) <= 100
    assert block.line + len(block.source.splitlines()) < 50


def test_the_program_reads_each_page(program: Path) -> None:
    assert run(program) == LINES


def test_the_program_does_nothing_when_it_is_done(program: Path) -> None:
    run(program)

    assert run(program) == []


def test_the_program_reads_on_where_it_was_killed(program: Path) -> None:
    before = run_until(program, "read page 4", signal.SIGKILL)
    after = run(program)

    assert before[:4] == LINES[:4]
    assert after[-1] == LINES[-1]
    # A page that was printed, but whose hop was not committed yet, may be read again; no other, and none is left out.
    assert list(dict.fromkeys(before + after)) == LINES
    assert len(before) + len(after) <= len(LINES) + 1


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_program_finishes_the_page_at_hand_when_it_is_asked_to_stop(program: Path, stop: signal.Signals) -> None:
    before = run_until(program, "read page 4", stop)

    assert before + run(program) == LINES


@pytest.mark.skipif(not (ROOT / "Makefile").exists(), reason="not a checkout")
@pytest.mark.parametrize("command", ["demo", "test", "bench"])
def test_the_commands_of_the_readme_exist(command: str) -> None:
    asked = subprocess.run(
        ["make", "--dry-run", command], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )

    assert asked.returncode == 0, asked.stderr
