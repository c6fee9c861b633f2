from pathlib import Path

from cnstra.cli.ending import Exit
from tests.cli.invoking import document, invoke
from tests.cli.runs.conftest import SHOP
from tests.cli.runs.looking import info_of, status_of


def test_a_failed_run_is_left_to_a_worker_also_when_the_application_is_dead(file: Path, url: str) -> None:
    done = invoke("runs", "retry", "flaky", "--store", url)
    info = info_of(file, "flaky")

    assert (done.exit_code, done.stdout) == (Exit.DONE, "run flaky waits for a worker\n")
    assert info is not None
    assert (info.status, info.owner, info.outstanding, info.attempt_number) == ("pending", None, 1, 1)


def test_a_failed_run_goes_on_here(file: Path, url: str) -> None:
    done = invoke("runs", "retry", "flaky", "--store", url, "--runner", SHOP, "--here", "--json")

    assert done.exit_code == Exit.DONE, done.stderr
    assert document("action", done.stdout)["runs"][0]["status"] == "completed"
    assert status_of(file, "flaky") == "completed"


def test_a_run_that_fails_here_once_more_is_a_no(file: Path, url: str) -> None:
    done = invoke("runs", "retry", "broken", "--store", url, "--runner", SHOP, "--here")

    assert done.exit_code == Exit.NO
    assert done.stderr == "cnstra: ValueError: \\x1b[31mred\\x07 \\u202e[bold]\n"
    info = info_of(file, "broken")
    assert info is not None
    assert (info.status, info.attempt_number) == ("failed", 2)


def test_a_run_that_refuses_keeps_nothing_from_the_others(file: Path, url: str) -> None:
    done = invoke("runs", "retry", "done", "nothing", "broken", "broken", "--store", url, "--json")

    outcomes = document("action", done.stdout)["runs"]
    assert done.exit_code == Exit.NO
    assert [(one["stimulation_id"], one["done"], one["status"]) for one in outcomes] == [
        ("done", False, "completed"),
        ("nothing", False, None),
        ("broken", True, "pending"),
    ]
    assert len(done.stderr.splitlines()) == 2
    assert status_of(file, "broken") == "pending"


def test_going_on_here_needs_the_graph(url: str) -> None:
    done = invoke("runs", "retry", "flaky", "--store", url, "--here")

    assert done.exit_code == Exit.USAGE
    assert done.stderr == "cnstra: this needs the graph of the application: say --runner MODULE:RUNNER\n"
