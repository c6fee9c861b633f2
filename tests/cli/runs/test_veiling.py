"""Secrets are left out of what the commands show, unless a person asks for them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cnstra import DurableRunner, StimulationFailed
from cnstra.cli.ending import Exit
from cnstra.cli.runs.veiling import Veil
from cnstra.durable import SignalInfo
from cnstra.inspection.redacting import Redaction
from tests.cli.invoking import document, invoke
from tests.cli.runs.vault import SECRET, Login, cns, opened, registry

VAULT = "tests.cli.runs.vault"
PIN = "pin-4711-pin"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a store with the runs ``ada``, which has completed, and ``eve``, which has failed."""
    url = f"sqlite:///{tmp_path_factory.mktemp('vault')}/runs.db"
    asyncio.run(_fill(url))
    return url


async def _fill(url: str) -> None:
    async with DurableRunner(cns, registry, url, handle_sigterm=False) as runner:
        for name in ("ada", "eve"):
            signal = opened.create_signal(Login(user=name, pin=PIN))
            run = await runner.stimulate(signal, stimulation_id=name, metadata={"token": SECRET, "by": "us"})
            if name == "ada":
                await run
            else:
                with pytest.raises(StimulationFailed):
                    await run


def shown(url: str, *options: str, name: str = "eve") -> Any:
    return document("run", invoke("runs", "show", name, "--store", url, "--json", *options).stdout)


@pytest.mark.parametrize("command", [("show", "eve"), ("export", "eve"), ("tail", "eve"), ("list",)])
@pytest.mark.parametrize("as_json", [True, False])
def test_no_command_shows_a_secret(vault: str, command: tuple[str, ...], *, as_json: bool) -> None:
    options = ["--json"] if as_json and command[0] != "export" else []

    done = invoke("runs", *command, "--store", vault, "--runner", f"{VAULT}:runner", *options)

    assert "[redacted]" in done.stdout
    assert SECRET not in done.output
    assert PIN not in done.output


def test_what_is_left_out_says_why(vault: str) -> None:
    run = shown(vault, "--runner", f"{VAULT}:runner")

    pin, password = {"$redacted": "type"}, {"$redacted": "key"}
    assert run["entry"][0]["payload"] == {"user": "eve", "pin": pin, "password": password}
    assert run["metadata"] == {"token": {"$redacted": "key"}, "by": "us"}
    assert run["frontier"][0]["error"]["message"] == "not with password=[redacted]"
    assert shown(vault, name="ada")["tasks"][0]["contexts"]["clerk"] == {"api_key": password, "user": "ada"}


def test_a_person_may_ask_for_everything(vault: str) -> None:
    run = shown(vault, "--show-secrets")

    assert run["entry"][0]["payload"] == {"user": "eve", "pin": PIN, "password": SECRET}
    assert run["metadata"]["token"] == SECRET
    assert SECRET in run["frontier"][0]["error"]["traceback"]


@pytest.mark.parametrize("is_in_environment", [True, False])
def test_the_pattern_of_secret_keys_may_be_another(
    vault: str, *, is_in_environment: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_in_environment:
        monkeypatch.setenv("CNSTRA_REDACT_KEYS", "user")

    run = shown(vault, *(() if is_in_environment else ("--redact-keys", "user")))

    assert run["entry"][0]["payload"] == {"user": {"$redacted": "key"}, "pin": PIN, "password": SECRET}


@pytest.mark.parametrize("is_in_environment", [True, False])
def test_a_function_has_the_last_word(vault: str, *, is_in_environment: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if is_in_environment:
        monkeypatch.setenv("CNSTRA_REDACT", f"{VAULT}:without_users")

    run = shown(vault, *(() if is_in_environment else ("--redact", f"{VAULT}:without_users")), name="ada")

    assert (run["tasks"][0]["input"]["payload"]["of"], run["metadata"]["of"]) == ("opened", "metadata")
    assert run["tasks"][0]["contexts"]["clerk"] == {"api_key": {"$redacted": "key"}, "of": "clerk"}


def test_the_document_keeps_its_schema_whatever_the_function_returns(vault: str) -> None:
    assert shown(vault, "--redact", f"{VAULT}:names_alone")["metadata"] == {"$shown": "metadata"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--redact-keys", "["], "redact_keys is a regular expression, which '[' is not: "),
        (["--redact", f"{VAULT}:nothing"], "has no 'nothing'"),
        (["--redact", f"{VAULT}:SECRET"], "is a str; it must be a function"),
        (["--redact", "somewhere"], "names no function; say MODULE:FUNCTION"),
        (["--show-secrets", "--redact-keys", "x"], "--show-secrets shows everything"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(vault: str, options: list[str], problem: str) -> None:
    done = invoke("runs", "list", "--store", vault, *options)

    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (Exit.USAGE, "", 1)
    assert problem in done.stderr


def test_what_cannot_be_read_or_is_nested_too_deeply_is_not_shown(tmp_path: Path) -> None:
    veil, deep = Veil(Redaction()), []  # type: ignore[var-annotated]  # a list of lists of lists
    for _ in range(100_000):
        deep = [deep]

    assert veil.payload(SignalInfo("x", "unreadable: password=hunter2 {")) == "unreadable: password=[redacted] {"
    assert veil.payload(SignalInfo("x", deep)) == {"$redacted": "depth"}


def test_what_a_handler_logged_is_in_the_document(vault: str) -> None:
    [task] = shown(vault)["tasks"]

    [one] = task["logs"]
    assert (one["level"], one["logger_name"]) == ("WARNING", "vault")
    assert one["message"] == "opened by eve\nwith password=[redacted]"


@pytest.mark.parametrize("command", ["show", "tail"])
def test_what_a_handler_logged_is_shown_under_its_task(vault: str, command: str) -> None:
    lines = invoke("runs", command, "eve", "--store", vault).stdout.splitlines()

    place = next(number for number, line in enumerate(lines) if line.endswith("  WARNING  vault: opened by eve"))
    assert lines[place].startswith("    20")
    assert lines[place + 1] == "      with password=[redacted]"
    if command == "show":
        assert lines[place - 2 : place] == ["logs", "  task 0 of clerk, attempt 1"]
