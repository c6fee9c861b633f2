"""Every route, asked from the wrong place or with the wrong key, over a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

import httpx
import pytest
from starlette.types import Message

from cnstra.devtools import Address, devtools, serve
from cnstra.stores import MemoryStore
from tests.devtools.describing import PREFIX, description
from tests.devtools.shop import Shop, sell
from tests.devtools.visiting import TOKEN

_KEY = {"Authorization": f"Bearer {TOKEN}"}
_PARTS = {"{run}": "a", "{name}": "take", "{attempt}": "1", "{ordinal}": "0", "{key}": "k"}


def _paths() -> list[str]:
    return [*_described("get", "delete"), "/", "/index.html", "/assets/app.js", "/nowhere", f"{PREFIX}/nowhere"]


def _described(*methods: str) -> list[str]:
    """Return the paths that the description has with one of these methods."""
    paths = []
    for template in [one for one, item in description()["paths"].items() if item.keys() & set(methods)]:
        path = template
        for part, value in _PARTS.items():
            path = path.replace(part, value)
        paths.append(f"{PREFIX}{path}")
    return paths


async def _sell(shop: Shop, url: str) -> None:
    async with shop.runner(url) as runner:
        await sell(runner, shop, "a")


@pytest.fixture
def address(shop: Shop, sqlite_url: str) -> Iterator[Address]:
    asyncio.run(_sell(shop, sqlite_url))
    with serve(sqlite_url, cns=shop.cns, registry=shop.registry, token=TOKEN, quiet=True) as address:
        yield address


@pytest.fixture
def client(address: Address) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        yield client


def _status(client: httpx.Client, path: str, headers: Mapping[str, str], method: str = "GET") -> int:
    with client.stream(method, path, headers=headers) as answer:  # a stream of events does not end by itself
        return answer.status_code


def test_no_route_answers_without_a_token(client: httpx.Client) -> None:
    assert {path: _status(client, path, {}) for path in _paths()} == dict.fromkeys(_paths(), 401)


@pytest.mark.parametrize(
    "key", ["Bearer wrong-wrong-wrong", "Bearer", "Basic YTpi", f"Token {TOKEN}", f"bearer{TOKEN}"]
)
def test_no_route_answers_with_a_wrong_token(client: httpx.Client, key: str) -> None:
    statuses = {_status(client, path, {"Authorization": key}) for path in _paths()}

    assert statuses == {401}


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "", "[::2]"])
def test_no_route_answers_under_a_foreign_name(client: httpx.Client, host: str) -> None:
    statuses = {_status(client, path, {**_KEY, "Host": host}) for path in [*_paths(), "/login"]}

    assert statuses == {421}


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "file://", "http://127.0.0.1"]
)
def test_no_route_answers_a_page_of_a_foreign_origin(client: httpx.Client, origin: str) -> None:
    statuses = {_status(client, path, {**_KEY, "Origin": origin}) for path in [*_paths(), "/login"]}

    assert statuses == {403}


def test_what_a_page_of_another_site_embeds_is_not_answered(client: httpx.Client) -> None:
    for site in ("cross-site", "same-site"):  # the latter is another port of the same host
        embedded = {**_KEY, "Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}

        assert {_status(client, path, embedded) for path in _paths()} == {403}


def test_a_link_from_another_site_may_be_followed(client: httpx.Client) -> None:
    followed = {**_KEY, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

    assert _status(client, f"{PREFIX}/meta", followed) == 200


def test_the_servers_own_page_is_answered(client: httpx.Client, address: Address) -> None:
    own = {**_KEY, "Origin": str(address), "Sec-Fetch-Site": "same-origin"}

    assert _status(client, f"{PREFIX}/runs", own) == 200


def test_a_name_and_an_origin_may_be_allowed(sqlite_url: str) -> None:
    hosts, origins = ["runs.example"], ["http://localhost:5173"]
    with (
        serve(sqlite_url, token=TOKEN, quiet=True, hosts=hosts, origins=origins) as address,
        httpx.Client(base_url=address, trust_env=False) as client,
    ):
        named = _status(client, f"{PREFIX}/meta", {**_KEY, "Host": "runs.example"})
        asked = _status(client, f"{PREFIX}/meta", {**_KEY, "Origin": "http://localhost:5173"})

    assert (named, asked) == (200, 200)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({**_KEY, "Host": "evil.example"}, 421), ({**_KEY, "Origin": "https://evil.example"}, 403)],
)
def test_nothing_is_done_from_the_wrong_place_or_without_a_key(
    client: httpx.Client, headers: Mapping[str, str], status: int
) -> None:
    actions = _described("post")
    assert actions

    assert {_status(client, path, {**headers, "X-CNStra-CSRF": "1"}, "POST") for path in actions} == {status}


def test_nothing_is_done_for_a_session_without_the_header(client: httpx.Client) -> None:
    client.post("/login", data={"token": TOKEN})

    assert {_status(client, path, {}, "POST") for path in _described("post")} == {403}
    assert {_status(client, path, {"X-CNStra-CSRF": "1"}, "POST") for path in _described("post")} == {400}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_what_only_reads_takes_no_other_method(client: httpx.Client, method: str) -> None:
    reads = set(_described("get")) - set(_described("post"))

    assert {_status(client, path, {**_KEY, "X-CNStra-CSRF": "1"}, method) for path in reads} == {405}


def test_every_answer_forbids_what_a_page_could_be_misused_for(client: httpx.Client) -> None:
    for headers in (_KEY, {}, {"Host": "evil.example"}):
        for path in _paths():
            with client.stream("GET", path, headers=headers) as answer:
                policy = answer.headers["content-security-policy"]
                assert "default-src 'none'" in policy
                assert "frame-ancestors 'none'" in policy
                assert "unsafe" not in policy
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["referrer-policy"] == "same-origin"
                assert "access-control-allow-origin" not in answer.headers


async def test_a_websocket_is_refused() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await devtools(MemoryStore(), token=TOKEN)({"type": "websocket", "path": "/api/v1/events"}, receive, send)

    assert sent == [{"type": "websocket.close", "code": 1008}]
