from pathlib import Path

import pytest

from cnstra.cli.ending import Exit
from tests.cli.invoking import document, invoke
from tests.cli.runs.shop import HOSTILE


def ids_of(url: str, *arguments: str) -> list[str]:
    listed = document("runs", invoke("runs", "list", "--store", url, "--json", *arguments).stdout)
    return [run["stimulation_id"] for run in listed["runs"]]


def test_the_newest_run_comes_first(url: str) -> None:
    shown = invoke("runs", "list", "--store", url)

    assert shown.exit_code == Exit.DONE
    assert [line.split()[:3] for line in shown.stdout.splitlines()] == [
        ["run", "status", "entry"],
        ["waiting", "pending", "ordered"],
        ["flaky", "failed", "ordered"],
        ["broken", "failed", "ordered"],
        ["done", "completed", "ordered"],
    ]


def test_a_list_has_no_payloads_and_no_tracebacks(url: str) -> None:
    listed = document("runs", invoke("runs", "list", "--store", url, "--json").stdout)

    assert "note" not in str(listed)
    assert listed["runs"][1]["error"]["traceback"] is None
    assert listed["runs"][0]["due_at"] is not None


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (("--status", "failed"), ["flaky", "broken"]),
        (("--status", "pending", "--status", "completed"), ["waiting", "done"]),
        (("--entry", "billed"), []),
        (("--error", "ValueError"), ["flaky", "broken"]),
        (("--error", "KeyError"), []),
        (("--since", "1h"), ["waiting", "flaky", "broken", "done"]),
        (("--until", "2020-01-01"), []),
    ],
)
def test_a_filter_selects_runs(arguments: tuple[str, ...], ids: list[str], url: str) -> None:
    assert ids_of(url, *arguments) == ids


def test_a_cursor_gets_the_next_page(url: str) -> None:
    first = document("runs", invoke("runs", "list", "--store", url, "--limit", "3", "--json").stdout)
    shown = invoke("runs", "list", "--store", url, "--limit", "3").stdout

    assert ids_of(url, "--limit", "3", "--cursor", first["cursor"]) == ["done"]
    assert shown.endswith(f"there is more: --cursor {first['cursor']}\n")


def test_what_a_stranger_wrote_cannot_command_the_terminal(url: str) -> None:
    invoke("runs", "abort", "waiting", "--reason", HOSTILE, "--store", url)

    shown = invoke("runs", "list", "--store", url).stdout

    assert r"\x1b[31mred\x07 \u202e[bold]" in shown
    assert all(character.isprintable() or character == "\n" for character in shown)


def test_a_time_that_is_none_is_a_wrong_call(url: str) -> None:
    done = invoke("runs", "list", "--store", url, "--since", "yesterday")

    assert done.exit_code == Exit.USAGE
    assert done.stderr.startswith("cnstra: --since 'yesterday' is no point in time; write one such as 2026-01-31")


def test_looking_leaves_no_worker_behind_and_makes_no_file(file: Path, url: str) -> None:
    before = sorted(file.parent.iterdir())

    invoke("runs", "list", "--store", url)
    numbers = document("store-stats", invoke("store", "stats", "--store", url, "--json").stdout)

    assert (numbers["workers"], numbers["expired_workers"]) == (0, 0)
    assert {path.name.partition("-")[0] for path in sorted(file.parent.iterdir())} == {
        one.name.partition("-")[0] for one in before
    }
