"""Running the command line in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent


def call(directory: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with *typed* as its standard input."""
    command = [sys.executable, "-m", "cnstra.cli", *arguments]
    return subprocess.run(command, cwd=directory, input=typed, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def running(directory: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command beside the test, and end it with the block."""
    command = [sys.executable, "-u", "-m", "cnstra.cli", *arguments]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=directory, text=True, **streams) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def until_line(process: subprocess.Popen[str], text: str) -> None:
    """Return once the process has printed a line with *text*."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"the process ended without {text!r}")
