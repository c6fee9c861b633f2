from pathlib import Path

import pytest

from cnstra.cli.ending import Exit
from tests.cli.invoking import document, invoke
from tests.cli.runs.conftest import SHOP
from tests.cli.runs.looking import info_of, status_of


def test_a_clone_waits_for_a_worker(file: Path, url: str) -> None:
    done = invoke("runs", "clone", "done", "--id", "again", "--store", url, "--runner", SHOP)
    info = info_of(file, "again")

    assert (done.exit_code, done.stdout) == (Exit.DONE, "run again is a clone of done\n")
    assert info is not None
    assert (info.status, info.clone_of, info.entry[0].payload) == ("pending", "done", {"number": 7, "note": "done"})


def test_a_clone_may_run_here(url: str) -> None:
    done = invoke("runs", "clone", "done", "--store", url, "--runner", SHOP, "--here", "--json")
    broken = invoke("runs", "clone", "broken", "--store", url, "--runner", SHOP, "--here", "--json")

    made = document("action", done.stdout)
    assert (done.exit_code, made["action"], made["runs"][0]["source"]) == (Exit.DONE, "clone", "done")
    assert made["runs"][0]["status"] == "completed"
    assert broken.exit_code == Exit.NO
    assert document("action", broken.stdout)["runs"][0]["status"] == "failed"


def test_a_fork_begins_with_a_task_and_perhaps_another_payload(file: Path, url: str) -> None:
    better = '{"number": 8, "note": "fine"}'
    waits = invoke("runs", "fork", "done", "1", "--id", "f", "--store", url, "--runner", SHOP)
    mended = invoke(
        "runs", "fork", "broken", "0", "--payload", better, "--id", "g", "--store", url, "--runner", SHOP, "--here"
    )
    fork, other = info_of(file, "f"), info_of(file, "g")

    assert (waits.exit_code, waits.stdout) == (Exit.DONE, "run f is a fork of done\n")
    assert fork is not None
    assert (fork.status, fork.forked_from, fork.forked_task) == ("pending", "done", 1)
    assert mended.exit_code == Exit.DONE, mended.stderr
    assert other is not None
    assert (other.status, other.entry[0].payload) == ("completed", {"number": 8, "note": "fine"})


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (("fork", "done", "9"), Exit.NO, "no task 9 has settled in it"),
        (("fork", "done", "9", "--payload", "{}"), Exit.NO, "no task 9 has settled in run 'done'"),
        (("fork", "done", "0", "--payload", '{"number": "x"}'), Exit.USAGE, "collateral ordered: Expected `int`"),
        (("fork", "done", "0", "--payload", "{"), Exit.USAGE, "the payload is no JSON"),
        (("clone", "nothing"), Exit.NO, "no run 'nothing' is stored"),
        (("clone", "done", "--id", "broken"), Exit.NO, "run 'broken' exists already and is failed"),
    ],
)
def test_what_cannot_be_copied_is_told(arguments: tuple[str, ...], code: Exit, problem: str, url: str) -> None:
    done = invoke("runs", *arguments, "--store", url, "--runner", SHOP)

    assert (done.exit_code, done.stdout) == (code, "")
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_copy_needs_the_graph(file: Path, url: str) -> None:
    done = invoke("runs", "clone", "done", "--id", "again", "--store", url)

    assert done.exit_code == Exit.USAGE
    assert "say --runner MODULE:RUNNER" in done.stderr
    assert status_of(file, "again") is None
