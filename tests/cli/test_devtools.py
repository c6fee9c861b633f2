import re
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

from cnstra.cli.ending import Exit
from tests.cli.calling import HERE, running
from tests.cli.invoking import invoke


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/runs.db"
    invoke("store", "migrate", "--store", url)
    return url


def test_devtools_serve_the_runs_of_a_store_until_they_are_stopped(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNSTRA_DEVTOOLS_TOKEN", "a-token-for-the-test")
    command = ("devtools", "--store", url, "--runner", "app:runner", "--dir", str(HERE), "--port", "0")
    with running(HERE, *command) as process:
        assert process.stderr is not None
        [address] = re.findall(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        with httpx.Client(base_url=address, headers={"Authorization": "Bearer a-token-for-the-test"}) as client:
            runs, neurons = client.get("/api/v1/runs").json(), client.get("/api/v1/neurons").json()
        process.send_signal(signal.SIGTERM)
        status = process.wait(60)

    assert status == Exit.DONE
    assert runs["runs"] == []
    assert {one["name"] for one in neurons["neurons"]} == {"first", "second"}


def test_devtools_carry_out_what_is_ordered_unless_they_are_read_only(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNSTRA_DEVTOOLS_TOKEN", "a-token-for-the-test")
    body = {"commands": [{"key": "click", "kind": "delete", "stimulation_id": "nothing"}]}
    answers = []
    for more in ((), ("--read-only",)):
        with running(HERE, "devtools", "--store", url, "--port", "0", *more) as process:
            assert process.stderr is not None
            [address] = re.findall(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
            with httpx.Client(base_url=address, headers={"Authorization": "Bearer a-token-for-the-test"}) as client:
                answers.append(
                    (client.get("/api/v1/meta").json()["read_only"], client.post("/api/v1/commands", json=body))
                )
                while not more and client.get("/api/v1/commands/click").json()["status"] != "refused":
                    pass
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == Exit.DONE

    assert [(read_only, answer.status_code) for read_only, answer in answers] == [(False, 202), (True, 403)]


def test_a_port_that_is_taken_is_told_in_one_line(url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = invoke("devtools", "--store", url, "--port", str(port))

    assert done.exit_code == Exit.USAGE
    assert done.stderr.startswith(f"cnstra: DevTools cannot listen on 127.0.0.1:{port}: ")
    assert done.stderr.endswith("--port 0 takes a free port\n")


def test_an_address_that_others_can_reach_needs_a_token_of_its_own(url: str) -> None:
    done = invoke("devtools", "--store", url, "--host", "0.0.0.0", "--port", "0")

    assert done.exit_code == Exit.USAGE
    assert "token" in done.stderr


def test_a_pattern_that_is_none_is_told_in_one_line(url: str) -> None:
    done = invoke("devtools", "--store", url, "--redact-keys", "[", "--port", "0")

    assert done.exit_code == Exit.USAGE
    assert done.stderr.startswith("cnstra: redact_keys is a regular expression, which '[' is not: ")
    assert done.stderr.count("\n") == 1


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    done = invoke("devtools", "--store", f"sqlite:///{tmp_path}/none.db", "--port", "0")

    assert done.exit_code == Exit.STORE
    assert not (tmp_path / "none.db").exists()


def test_devtools_that_are_not_installed_are_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cnstra.devtools", None)

    done = invoke("devtools", "--store", url)

    assert done.exit_code == Exit.USAGE
    assert "cnstra: " in done.stderr
