"""Who is let in, by the headers of a request."""

from __future__ import annotations

import pytest

from cnstra.inspection.doors import Door, is_loopback
from cnstra.inspection.keys import Keys

TOKEN = "a-token-for-the-test"
DOOR = Door(Keys(TOKEN), hosts=["Tools.Internal"], origins=["http://localhost:5173/"])


def code(**headers: str) -> str | None:
    refusal = DOOR.refusal([(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])
    return None if refusal is None else refusal.code


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8181", "127.0.0.1:1", "[::1]:8181", "[::1]", "tools.internal"]
)
def test_a_name_of_the_server_is_let_in(host: str) -> None:
    assert code(host=host) is None


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", "localhost:x"])
def test_a_foreign_name_is_not(host: str) -> None:
    assert code(host=host) == "foreign_host"


def test_a_request_has_one_host() -> None:
    twice = DOOR.refusal([(b"host", b"localhost"), (b"host", b"localhost")])

    assert code() == "foreign_host"
    assert twice is not None


@pytest.mark.parametrize("origin", ["http://localhost:8181", "https://localhost:8181", "http://localhost:5173"])
def test_a_page_of_the_server_or_one_that_is_known_may_ask(origin: str) -> None:
    assert code(host="localhost:8181", origin=origin) is None


@pytest.mark.parametrize(
    "origin", ["null", "", "http://localhost:9999", "file://localhost:8181", "http://evil.example"]
)
def test_another_page_may_not(origin: str) -> None:
    assert code(host="localhost:8181", origin=origin) == "foreign_origin"


def test_a_browser_that_says_so_itself_is_believed() -> None:
    assert code(host="localhost", sec_fetch_site="same-site", sec_fetch_mode="cors") == "foreign_origin"
    assert code(host="localhost", sec_fetch_site="cross-site", sec_fetch_mode="navigate") is None
    assert code(host="localhost", sec_fetch_site="same-origin") is None


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"])
def test_what_is_not_the_token_does_not_open(given: str) -> None:
    assert not DOOR.has_token([(b"authorization", given.encode())])
    assert DOOR.has_token([(b"authorization", f"bearer  {TOKEN} ".encode())])


def test_an_address_that_others_can_reach_is_known() -> None:
    assert all(is_loopback(host) for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.example"))
