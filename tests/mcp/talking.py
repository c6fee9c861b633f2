"""Talking to the server as an assistant does: by the client of the SDK, to a process of the real command line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

__all__ = ["APP", "ROOT", "TOKEN", "ask", "over_http", "over_stdio", "refused", "serving", "text_of"]

ROOT = Path(__file__).parents[2]
APP = "tests.mcp.app"
TOKEN = "a-token-for-the-test"


@asynccontextmanager
async def over_stdio(*options: str, mode: str = "auto", **environment: str) -> AsyncIterator[Client]:
    """Start a server, and talk to it over its streams."""
    arguments = ["-m", "cnstra.cli", "mcp", *options]
    server = StdioServerParameters(
        command=sys.executable, args=arguments, env={**os.environ, **environment}, cwd=str(ROOT)
    )
    async with Client(server, mode=mode, read_timeout_seconds=60) as client:
        yield client


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """Start a server on a free port, and yield its address."""
    command = [sys.executable, "-m", "cnstra.cli", "mcp", "--transport", "http", "--port", "0", *options]
    environment = {**os.environ, "CNSTRA_DEVTOOLS_TOKEN": TOKEN}
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stderr is not None
            found = next(match for line in process.stderr if (match := re.search(r"http://\S+/mcp", line)))
            yield found[0]
        finally:
            process.terminate()
            process.wait(30)


@asynccontextmanager
async def over_http(url: str, token: str = TOKEN, mode: str = "auto") -> AsyncIterator[Client]:
    """Talk to a server over HTTP."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


async def ask(client: Client, tool: str, **arguments: Any) -> Any:
    """Call a tool, and return its structured answer, of which its text is the JSON."""
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, text_of(answer)
    assert answer.structured_content is not None
    return answer.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """Call a tool that cannot do what it is asked, and return what it says."""
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error
    return text_of(answer)


def text_of(answer: CallToolResult) -> str:
    """Return the text of an answer."""
    [content] = answer.content
    assert isinstance(content, TextContent)
    return content.text
