import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from cnstra.cli.ending import Exit
from tests.cli.invoking import document, invoke
from tests.cli.runs.looking import status_of


def test_runs_are_deleted(file: Path, url: str) -> None:
    done = invoke("runs", "delete", "done", "broken", "--yes", "--store", url, "--json")

    outcomes = document("action", done.stdout)["runs"]
    assert done.exit_code == Exit.DONE
    assert [(one["done"], one["status"]) for one in outcomes] == [(True, None), (True, None)]
    assert (status_of(file, "done"), status_of(file, "flaky")) == (None, "failed")


@pytest.mark.parametrize("arguments", [("delete", "done"), ("purge", "--older-than", "0s")])
def test_nothing_is_gone_without_a_yes_where_nobody_can_be_asked(
    arguments: tuple[str, ...], file: Path, url: str
) -> None:
    done = invoke("runs", *arguments, "--store", url)

    assert (done.exit_code, done.stdout) == (Exit.USAGE, "")
    assert done.stderr == "cnstra: this cannot be undone, and there is no terminal to ask at; say --yes\n"
    assert status_of(file, "done") == "completed"


@pytest.mark.parametrize(("answer", "code", "status"), [(b"n\n", Exit.NO, "completed"), (b"y\n", Exit.DONE, None)])
def test_a_person_at_a_terminal_is_asked(answer: bytes, code: Exit, status: str | None, file: Path, url: str) -> None:
    person, terminal = pty.openpty()
    command = [sys.executable, "-m", "cnstra.cli", "runs", "delete", "done", "--store", url]
    os.write(person, answer)
    done = subprocess.run(command, stdin=terminal, capture_output=True, text=True, check=False, timeout=60)
    os.close(person)
    os.close(terminal)

    assert "Delete done, and everything that is stored of it?" in done.stderr
    assert done.returncode == code
    assert status_of(file, "done") == status


def test_runs_that_are_over_are_purged_by_status_and_age(file: Path, url: str) -> None:
    young = invoke("runs", "purge", "--older-than", "1h", "--yes", "--store", url)
    failed = invoke(
        "runs", "purge", "--older-than", "0s", "--status", "failed", "--keep", "1", "--yes", "--store", url, "--json"
    )

    assert (young.exit_code, young.stdout) == (Exit.DONE, "0 runs dropped\n")
    assert document("purge", failed.stdout) == {"dropped": 1}
    assert [status_of(file, name) for name in ("done", "broken", "flaky")] == ["completed", None, "failed"]


def test_a_run_that_is_not_stored_is_a_no(url: str) -> None:
    done = invoke("runs", "delete", "nothing", "--yes", "--store", url)

    assert (done.exit_code, done.stderr) == (Exit.NO, "cnstra: no run 'nothing' is stored in this scope\n")


def test_an_age_that_is_none_is_a_wrong_call(url: str) -> None:
    done = invoke("runs", "purge", "--older-than", "long", "--yes", "--store", url)

    assert done.exit_code == Exit.USAGE
    assert "--older-than 'long' is no duration; write one such as 90s" in done.stderr
