"""The server over HTTP: who is let in, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from cnstra.cli.ending import Exit
from cnstra.errors import GraphError
from cnstra.mcp import mcp_server
from tests.cli.invoking import invoke
from tests.mcp.talking import APP, ROOT, TOKEN, ask, over_http, serving

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
HEADERS = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_assistant_is_served_over_http(url: str, mode: str) -> None:
    with serving("--store", url, "--runner", f"{APP}:runner") as address:
        async with over_http(address, mode=mode) as client:
            told = await ask(client, "explain_failure", stimulation_id="broken")
            neurons = await ask(client, "cns_list_neurons")

    assert (told["run"]["status"], neurons["total"]) == ("failed", 3)


def test_nobody_is_let_in_from_the_wrong_place_or_without_the_token(url: str) -> None:
    attempts: list[dict[str, str]] = [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer a-token-for-the-tesT"},
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ]
    with serving("--store", url) as address, httpx.Client(trust_env=False) as http:
        answers = [http.post(address, json=HELLO, headers={**HEADERS, **one}) for one in attempts]
        other_path = http.get(address.removesuffix("/mcp"))

    assert [one.status_code for one in answers] == [200, 401, 401, 421, 403, 403, 403]
    assert answers[1].headers["www-authenticate"].startswith("Bearer")
    assert json.loads(answers[3].text)["code"] == "foreign_host"
    assert other_path.status_code == 401


def test_it_stops_in_good_order_with_a_stream_open(url: str) -> None:
    command = [sys.executable, "-m", "cnstra.cli", "mcp", "--transport", "http", "--port", "0", "--store", url]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address, _, token = process.stderr.readline().removeprefix("MCP: ").strip().partition("; Authorization: ")
        headers = {**HEADERS, "Authorization": token}
        with httpx.Client(headers=headers, trust_env=False, timeout=60) as http:
            session = http.post(address, json=HELLO).headers["mcp-session-id"]
            with http.stream("GET", address, headers={"mcp-session-id": session}) as stream:
                status = stream.status_code
                process.send_signal(signal.SIGTERM)
                code = process.wait(60)

    assert (status, code) == (200, Exit.DONE)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, None])
def test_it_stops_when_it_is_told_to_or_the_assistant_goes(url: str, how: signal.Signals | None) -> None:
    command = [sys.executable, "-m", "cnstra.cli", "mcp", "--store", url]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(HELLO) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        if how is None:
            process.stdin.close()
        else:
            process.send_signal(how)
        code = process.wait(60)

    assert answer["result"]["serverInfo"]["name"] == "cnstra"
    assert code == Exit.DONE


@pytest.mark.parametrize(
    ("options", "code", "problem"),
    [
        (("--transport", "http", "--host", "0.0.0.0"), Exit.USAGE, "can be reached by others: give a token"),
        (("--store", "sqlite:///nowhere.db"), Exit.STORE, "there is no file"),
        (("--runner", f"{APP}:runner", "--graph", f"{APP}:cns"), Exit.USAGE, "leave out --graph"),
        (("--registry", f"{APP}:registry"), Exit.USAGE, "say --graph MODULE:CNS"),
        (("--redact-keys", "["), Exit.USAGE, "redact_keys is a regular expression"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(url: str, options: tuple[str, ...], code: Exit, problem: str) -> None:
    done = invoke("mcp", *(() if "--store" in options else ("--store", url)), *options)

    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert problem in done.stderr


def test_a_port_that_is_taken_is_told_in_one_line(url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = invoke("mcp", "--store", url, "--transport", "http", "--port", str(port))

    assert (done.exit_code, done.stderr.count("\n")) == (Exit.USAGE, 1)
    assert f"cannot listen on 127.0.0.1:{port}: " in done.stderr


def test_a_server_needs_something_to_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CNSTRA_STORE", raising=False)

    done = invoke("mcp")

    assert (done.exit_code, "what is to be shown?" in done.stderr) == (Exit.USAGE, True)


def test_a_server_of_nothing_is_refused() -> None:
    with pytest.raises(GraphError, match="of a graph, of a store, or of both"):
        mcp_server()


def test_an_sdk_that_is_missing_is_told() -> None:
    code = "import sys; sys.modules['mcp'] = None; import cnstra.mcp"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert "ImportError: a server for assistants needs an SDK: pip install 'cnstra[mcp]'" in done.stderr
