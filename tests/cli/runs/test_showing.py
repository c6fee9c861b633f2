import asyncio
import json
from pathlib import Path

import pytest

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner
from cnstra.cli.ending import Exit
from tests.cli.invoking import document, invoke
from tests.cli.runs.shop import HOSTILE


def test_a_failed_run_tells_what_failed_and_what_is_left(url: str) -> None:
    shown = invoke("runs", "show", "broken", "--store", url)

    assert shown.exit_code == Exit.DONE
    facts = [line.split(maxsplit=1) for line in shown.stdout.splitlines()[:3]]
    assert facts == [["run", "broken"], ["status", "failed"], ["entry", 'ordered {"number":7,"note":"broken"}']]
    assert "\nleft\n" in shown.stdout
    assert "\ntask 0 of billing: ValueError: " in shown.stdout
    assert "Traceback (most recent call last)" in shown.stdout
    assert "shop.py" in shown.stdout


def test_what_a_stranger_wrote_cannot_command_the_terminal(url: str) -> None:
    shown = [invoke("runs", "show", name, "--store", url).stdout for name in ("broken", "done")]

    assert all(character.isprintable() or character in "\n\t" for character in "".join(shown))


def test_the_document_has_everything(url: str) -> None:
    run = document("run", invoke("runs", "show", "broken", "--store", url, "--json").stdout)

    assert run["entry"] == [{"collateral": "ordered", "version": 1, "payload": {"number": 7, "note": "broken"}}]
    assert [(one["attempt_number"], one["status"]) for one in run["attempts"]] == [(1, "failed")]
    assert [(one["activation_id"], one["status"]) for one in run["tasks"]] == [("broken:0", "failed")]
    assert run["frontier"][0]["error"]["message"] == HOSTILE
    assert "Traceback" in run["frontier"][0]["error"]["traceback"]


def test_a_completed_run_has_its_history_and_metadata(url: str) -> None:
    run = document("run", invoke("runs", "show", "done", "--store", url, "--json").stdout)

    assert [(one["neuron"], [signal["collateral"] for signal in one["output"]]) for one in run["tasks"]] == [
        ("billing", ["billed"]),
        ("shipping", []),
    ]
    assert run["metadata"] == {"by": HOSTILE}
    assert run["frontier"] == []


@pytest.mark.parametrize("command", ["show", "export", "tail"])
def test_a_run_that_is_not_stored_is_a_no_with_a_hint(command: str, url: str) -> None:
    done = invoke("runs", command, "nothing", "--store", url)

    assert (done.exit_code, done.stdout) == (Exit.NO, "")
    assert done.stderr == "cnstra: no run 'nothing' is stored in this scope; `cnstra runs list` shows what is\n"


def test_a_run_is_exported_as_the_document_that_show_prints(url: str, tmp_path: Path) -> None:
    target = tmp_path / "run.json"

    done = invoke("runs", "export", "done", "--store", url, "--output", str(target))
    printed = invoke("runs", "export", "done", "--store", url).stdout
    shown = invoke("runs", "show", "done", "--store", url, "--json").stdout

    assert (done.exit_code, done.stdout) == (Exit.DONE, "")
    assert target.read_text(encoding="utf-8") == printed == shown
    document("run", printed)


def test_an_export_overwrites_nothing_unless_it_is_told_to(url: str, tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    target.write_text("mine")

    refused = invoke("runs", "export", "done", "--store", url, "-o", str(target))
    kept = target.read_text()
    forced = invoke("runs", "export", "done", "--store", url, "-o", str(target), "--force")

    assert (refused.exit_code, kept) == (Exit.USAGE, "mine")
    assert "say --force to overwrite it" in refused.stderr
    assert forced.exit_code == Exit.DONE
    assert json.loads(target.read_text())["run"]["stimulation_id"] == "done"


def test_a_file_that_cannot_be_written_is_told(url: str, tmp_path: Path) -> None:
    done = invoke("runs", "export", "done", "--store", url, "-o", str(tmp_path / "none" / "run.json"))

    assert done.exit_code == Exit.USAGE
    assert done.stderr.endswith("cannot be written: No such file or directory\n")


async def _order(url: str) -> None:
    """Order two things about a run, of which one is refused, and one waits for somebody who has the graph."""
    async with DurableRunner(CNS([]), CNSPersistOptionsRegistry(), url, max_active_runs=0) as runner:
        await runner.order("clone", "broken", key="first", actor="ann")
        refused = await runner.order("retry", "broken", key="second", seen="7-failed", actor=HOSTILE)
        while refused.status != "refused":
            await asyncio.sleep(0.01)
            refused = await runner.command("second") or refused


def test_a_run_is_shown_with_what_was_ordered_about_it(url: str) -> None:
    asyncio.run(_order(url))

    shown = invoke("runs", "show", "broken", "--store", url).stdout
    run = document("run", invoke("runs", "show", "broken", "--store", url, "--json").stdout)

    assert "\ncommands\n" in shown
    assert [(one["key"], one["kind"], one["actor"], one["status"]) for one in run["commands"]] == [
        ("second", "retry", HOSTILE, "refused"),
        ("first", "clone", "ann", "waiting"),
    ]
    assert "it is in attempt 1 now" in run["commands"][0]["outcome"]
