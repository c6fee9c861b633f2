"""A client of the DevTools, which compares every answer with the description of the API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, final
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from tests.devtools.describing import PREFIX, require_described

__all__ = ["TOKEN", "News", "Visitor", "collect", "until", "visiting"]

TOKEN = "a-token-for-the-tests"


class News(NamedTuple):
    """One event of the feed."""

    id: str
    kind: str
    data: Any


@final
class Visitor:
    """Asks one server.

    Attributes:
        client: Has the token; for what is not a question to the API.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def ask(self, path: str, **query: Any) -> tuple[int, Any]:
        """Return status and data of an answer."""
        answer = await self.client.get(f"{PREFIX}{path}", params=query)
        media = answer.headers["content-type"].partition(";")[0]
        data = json.loads(answer.content) if media.endswith("json") else answer.text
        require_described(urlsplit(str(answer.url)).path, answer.status_code, media, data)
        return answer.status_code, data

    async def get(self, path: str, **query: Any) -> Any:
        """Return the data of an answer, which is no problem."""
        status, data = await self.ask(path, **query)
        assert status == httpx.codes.OK, data
        return data

    async def send(self, path: str, body: Any) -> tuple[int, Any]:
        """Send JSON, or bytes as they are; return status and data of the answer."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = await self.client.post(f"{PREFIX}{path}", content=content)
        data = json.loads(answer.content)
        media = answer.headers["content-type"].partition(";")[0]
        require_described(urlsplit(str(answer.url)).path, answer.status_code, media, data, "post")
        return answer.status_code, data

    async def order(self, kind: str, stimulation_id: str | None = None, **given: Any) -> Any:
        """Order one thing; return the command as it is stored."""
        command = {"key": str(uuid4()), "kind": kind, "stimulation_id": stimulation_id, "arguments": {}, **given}
        status, data = await self.send("/commands", {"commands": [command]})
        assert status == httpx.codes.ACCEPTED, data
        return data["commands"][0]

    async def ended(self, command: Any) -> Any:
        """Return a command as it is once it has ended."""
        while command["ended_at"] is None:
            command = await self.get(f"/commands/{command['key']}")
        return command

    async def problem(self, path: str, **query: Any) -> str:
        """Return the code of a problem."""
        status, data = await self.ask(path, **query)
        assert status == data["status"] != httpx.codes.OK
        return str(data["code"])

    @asynccontextmanager
    async def news(self, *, last: str | None = None, **query: Any) -> AsyncIterator[AsyncIterator[News]]:
        """Yield what the feed tells, from now on, or from the event of an id."""
        headers = {} if last is None else {"Last-Event-ID": last}
        async with self.client.stream("GET", f"{PREFIX}/events", params=query, headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield _read(answer)


async def _read(answer: httpx.Response) -> AsyncIterator[News]:
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value
        elif not line and "event" in fields:
            yield News(fields["id"], fields["event"], json.loads(fields["data"]))
            fields = {}


@asynccontextmanager
async def visiting(url: str, token: str = TOKEN) -> AsyncIterator[Visitor]:
    """Yield a visitor of the server at *url*."""
    headers = {"Authorization": f"Bearer {token}"}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, limits=limits, trust_env=False) as client:
        yield Visitor(client)


async def collect(news: AsyncIterator[News], kind: str, **wanted: Any) -> list[News]:
    """Return all events up to the next one of a kind whose data has these values."""
    seen: list[News] = []
    async for one in news:
        seen.append(one)
        if one.kind == kind and wanted.items() <= one.data.items():
            return seen
    raise AssertionError(f"the stream has ended without {kind} {wanted}")


async def until(news: AsyncIterator[News], kind: str, **wanted: Any) -> News:
    """Return the next event of a kind whose data has these values."""
    return (await collect(news, kind, **wanted))[-1]
