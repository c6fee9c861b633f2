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
from tests.cli.calling import call
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


def test_what_makes_no_sense_is_told_in_one_line(url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        calls = {
            "--port 0 takes a free port": ("--store", url, "--transport", "http", "--port", port),
            "can be reached by others: give a token": ("--store", url, "--transport", "http", "--host", "0.0.0.0"),
            "which store?": (),
            "there is no file": ("--store", "sqlite:///nowhere.db"),
            "leave out --graph": ("--runner", f"{APP}:runner", "--graph", f"{APP}:cns"),
            "say --graph MODULE:CNS": ("--registry", f"{APP}:registry", "--store", url),
            "redact_keys is a regular expression": ("--store", url, "--redact-keys", "["),
        }
        done = {problem: call(ROOT, "mcp", *options) for problem, options in calls.items()}

    assert {problem for problem, one in done.items() if problem not in one.stderr} == set()
    assert all(one.stderr.count("\n") == 1 and one.stdout == "" for one in done.values())
    assert {one.returncode for one in done.values()} == {Exit.USAGE, Exit.STORE}


def test_a_server_of_nothing_is_refused() -> None:
    with pytest.raises(GraphError, match="of a graph, of a store, or of both"):
        mcp_server()


def test_an_sdk_that_is_missing_is_told() -> None:
    code = "import sys; sys.modules['mcp'] = None; import cnstra.mcp"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert "ImportError: a server for assistants needs an SDK: pip install 'cnstra[mcp]'" in done.stderr
