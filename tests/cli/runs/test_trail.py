"""What the command line does to runs is in the store's trail of who did what."""

import getpass
from pathlib import Path

import pytest

from cnstra.cli.ending import Exit
from tests.cli.invoking import invoke
from tests.cli.runs.conftest import SHOP
from tests.cli.runs.looking import status_of, trail_of


def test_who_did_what_and_what_came_of_it_is_kept(file: Path, url: str) -> None:
    here = ("--store", url, "--runner", SHOP)
    for arguments in (
        ("retry", "flaky"),
        ("retry", "broken", "--here"),
        ("abort", "waiting", "--reason", "no more"),
        ("clone", "done", "--id", "copy"),
        ("fork", "done", "1", "--payload", '{"number": 8, "note": "fine"}', "--id", "branch"),
        ("delete", "waiting", "--yes"),
    ):
        invoke("runs", *arguments, *here)
    trail = trail_of(file)

    assert {one.actor for one in trail} == {f"{getpass.getuser()}, on the command line"}
    assert {one.status for one in trail} == {"done"}
    assert [(one.kind, one.stimulation_id, one.arguments, one.made) for one in trail] == [
        ("retry", "flaky", {}, None),
        ("retry", "broken", {}, None),
        ("abort", "waiting", {"reason": "no more"}, None),
        ("clone", "done", {"new_id": "copy"}, "copy"),
        ("fork", "done", {"from_task": 1, "payload": {"number": 8, "note": "fine"}, "new_id": "branch"}, "branch"),
        ("delete", "waiting", {}, None),
    ]
    assert all(one.outcome for one in trail)


def test_a_copy_without_a_name_is_in_the_trail_with_the_one_that_it_was_given(file: Path, url: str) -> None:
    invoke("runs", "clone", "done", "--store", url, "--runner", SHOP)
    [command] = trail_of(file)

    assert command.arguments == {}
    assert command.made is not None
    assert status_of(file, command.made) == "pending"


@pytest.mark.parametrize(
    ("arguments", "outcome"),
    [
        (("retry", "done"), "run 'done' is completed: only one that has failed or was aborted is requeued"),
        (("abort", "done"), "run 'done' is completed: it is over, there is nothing to abort"),
        (("delete", "nothing", "--yes"), "no run 'nothing' is stored in this scope"),
    ],
)
def test_what_cannot_be_done_is_refused_in_the_trail(
    arguments: tuple[str, ...], outcome: str, file: Path, url: str
) -> None:
    done = invoke("runs", *arguments, "--store", url)
    [command] = trail_of(file)

    assert done.exit_code == Exit.NO
    assert (command.status, command.outcome) == ("refused", outcome)
    assert outcome in done.stderr


def test_the_trail_stands_below_the_run(file: Path, url: str) -> None:
    invoke("runs", "retry", "flaky", "--store", url)
    shown = invoke("runs", "show", "flaky", "--store", url)

    assert f"{getpass.getuser()}, on the command line" in shown.stdout
