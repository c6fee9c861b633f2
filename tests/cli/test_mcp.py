"""``cnstra mcp init``: the files of a project that tell assistants what to start."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cnstra.cli.ending import Exit
from tests.cli.invoking import invoke

STORE = ("--store", "sqlite:///runs.db")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def entry(file: Path, key: str = "mcpServers", name: str = "cnstra") -> dict[str, object]:
    found: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))[key][name]
    return found


def test_a_project_without_a_file_gets_one(project: Path) -> None:
    done = invoke("mcp", "init", *STORE, "--allow-actions", "--yes")

    arguments = entry(project / ".mcp.json")["args"]
    assert isinstance(arguments, list)
    assert (done.exit_code, arguments[arguments.index("mcp") :]) == (Exit.DONE, ["mcp", *STORE, "--allow-actions"])
    assert [path.name for path in project.iterdir()] == [".mcp.json"]


def test_the_folders_that_are_there_tell_which_assistants_are_used(project: Path) -> None:
    (project / ".vscode").mkdir()
    (project / ".cursor").mkdir()

    invoke("mcp", "init", *STORE, "--yes")

    assert entry(project / ".vscode" / "mcp.json", "servers")["type"] == "stdio"
    assert "args" in entry(project / ".cursor" / "mcp.json")
    assert "args" in entry(project / ".mcp.json")


def test_an_assistant_may_be_asked_for(project: Path) -> None:
    invoke("mcp", "init", *STORE, "--client", "vscode", "--name", "runs", "--yes")

    assert "args" in entry(project / ".vscode" / "mcp.json", "servers", "runs")
    assert not (project / ".mcp.json").exists()


def test_everything_else_in_a_file_stays(project: Path) -> None:
    file = project / ".mcp.json"
    other = {"command": "é", "args": [], "env": {"A": "1"}}
    file.write_text(json.dumps({"x": [1], "mcpServers": {"other": other, "cnstra": {"env": {"B": "2"}}}}, indent=4))
    file.chmod(0o600)

    invoke("mcp", "init", *STORE, "--yes")

    data = json.loads(file.read_text(encoding="utf-8"))
    assert (data["x"], data["mcpServers"]["other"], data["mcpServers"]["cnstra"]["env"]) == ([1], other, {"B": "2"})
    assert list(data["mcpServers"]) == ["other", "cnstra"]
    assert '\n    "x"' in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_is_known_already_is_not_written_again(project: Path) -> None:
    invoke("mcp", "init", *STORE, "--yes")
    before = (project / ".mcp.json").stat().st_ino  # a file that is written is another one

    done = invoke("mcp", "init", *STORE)

    assert (done.exit_code, done.stdout) == (Exit.DONE, "nothing to do: the assistants know of this server\n")
    assert (project / ".mcp.json").stat().st_ino == before


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"{", "cannot be read as JSON"),
        (b'{\n  // a comment\n  "servers": {}\n}', "cannot be read as JSON"),
        (b'{"servers": {}, "servers": {"a": {}}}', "a key is there twice"),
        (b"[]", "is no JSON object"),
        (b'{"servers": []}', "'servers' is no object"),
        (b"\xff", "is not in UTF-8"),
        (b"[" * 100_000, "cannot be read as JSON"),
    ],
)
def test_a_file_that_cannot_be_read_stops_it_before_anything_is_changed(
    project: Path, text: bytes, problem: str
) -> None:
    (project / ".vscode").mkdir()
    (project / ".vscode" / "mcp.json").write_bytes(text)

    done = invoke("mcp", "init", *STORE, "--yes")

    assert (done.exit_code, done.stderr.count("\n"), done.stdout) == (Exit.USAGE, 1, "")
    assert problem in done.stderr
    assert "nothing was changed" in done.stderr
    assert (project / ".vscode" / "mcp.json").read_bytes() == text
    assert not (project / ".mcp.json").exists()


def test_what_would_be_written_is_shown_and_nothing_is_written(project: Path) -> None:
    done = invoke("mcp", "init", *STORE, "--print")

    assert done.exit_code == Exit.DONE
    assert '+    "cnstra": {' in done.stdout
    assert list(project.iterdir()) == []


def test_nobody_is_asked_where_there_is_no_terminal(project: Path) -> None:
    done = invoke("mcp", "init", *STORE)

    assert (done.exit_code, list(project.iterdir())) == (Exit.USAGE, [])
    assert "say --yes" in done.stderr


def test_a_password_is_not_written_into_the_files_of_a_project(project: Path) -> None:
    done = invoke("mcp", "init", "--store", "postgresql://me:hunter2@db/imports", "--yes")

    assert (done.exit_code, list(project.iterdir())) == (Exit.USAGE, [])
    assert "hunter2" not in done.output
    assert "CNSTRA_STORE" in done.stderr


def test_a_server_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cnstra.mcp", None)

    done = invoke("mcp", *STORE)

    assert (done.exit_code, done.stderr.count("\n")) == (Exit.USAGE, 1)
    assert "cnstra: " in done.stderr


def test_a_file_that_cannot_be_written_is_told(project: Path) -> None:
    (project / ".cursor").write_text("a file", encoding="utf-8")

    done = invoke("mcp", "init", *STORE, "--client", "cursor", "--yes")

    assert (done.exit_code, done.stderr.count("\n")) == (Exit.USAGE, 1)
    assert "cannot be" in done.stderr
