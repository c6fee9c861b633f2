"""Browsers that sign in and out, over a real server."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from cnstra.devtools import Address, serve
from tests.devtools.describing import PREFIX
from tests.devtools.visiting import TOKEN


@pytest.fixture
def address(sqlite_url: str) -> Iterator[Address]:
    with serve(sqlite_url, token=TOKEN, quiet=True) as address:
        yield address


@pytest.fixture
def browser(address: Address) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        yield client


def _is_in(browser: httpx.Client) -> bool:
    return browser.get(f"{PREFIX}/meta").status_code == 200


def test_a_login_link_is_good_once(address: Address, browser: httpx.Client) -> None:
    link = address.login_link()

    first = browser.get(link)
    is_in = _is_in(browser)
    browser.cookies.clear()
    second = browser.get(link)

    assert (first.status_code, is_in, second.status_code, _is_in(browser)) == (200, True, 401, False)


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(address: Address, browser: httpx.Client) -> None:
    cookie = browser.get(address.login_link()).headers["set-cookie"].lower()

    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip() for part in cookie.split(";")}
    assert TOKEN not in cookie


def test_a_browser_that_only_looks_ahead_does_not_use_the_link_up(address: Address, browser: httpx.Client) -> None:
    link = address.login_link()

    browser.get(link, headers={"Sec-Purpose": "prefetch"})
    browser.head(link)

    assert not _is_in(browser)
    assert browser.get(link).status_code == 200


def test_the_form_takes_the_token_and_nothing_else(address: Address, browser: httpx.Client) -> None:
    wrong = browser.post("/login", data={"token": "wrong-wrong-wrong-wrong"})
    right = browser.post("/login", data={"token": TOKEN}, headers={"Origin": str(address)})

    assert (wrong.status_code, right.status_code, _is_in(browser)) == (401, 200, True)


@pytest.mark.parametrize("code", ["", "x", "a" * 32, "%00", "é", "../login"])
def test_a_code_that_nobody_gave_out_is_refused(browser: httpx.Client, code: str) -> None:
    assert browser.get("/login", params={"code": code}).status_code == 401


def test_a_body_that_is_no_form_is_refused(browser: httpx.Client) -> None:
    assert browser.post("/login", content=b"x" * 100_000).status_code == 413
    assert browser.post("/login", content=b"\xff\x00").status_code == 401


def test_signing_out_ends_the_session_wherever_its_cookie_is(address: Address, browser: httpx.Client) -> None:
    browser.get(address.login_link())
    copied = dict(browser.cookies)

    ended = browser.delete(f"{PREFIX}/session", headers={"X-CNStra-CSRF": "1"})

    assert ended.status_code == 204
    assert not _is_in(browser)
    assert httpx.get(f"{address}{PREFIX}/meta", cookies=copied, trust_env=False).status_code == 401


def test_a_change_needs_a_header_that_no_other_site_can_send(address: Address, browser: httpx.Client) -> None:
    browser.get(address.login_link())

    refused = browser.delete(f"{PREFIX}/session")

    assert (refused.status_code, refused.json()["code"]) == (403, "no_csrf_header")
    assert _is_in(browser)


def test_a_session_is_good_after_a_restart_with_the_same_token(address: Address, sqlite_url: str) -> None:
    with httpx.Client(trust_env=False) as browser:
        browser.get(address.login_link())
        [session] = dict(browser.cookies).values()
        with serve(sqlite_url, token=TOKEN, quiet=True) as other:
            port = other.rpartition(":")[2]
            answer = httpx.get(f"{other}{PREFIX}/meta", cookies={f"cnstra_devtools_{port}": session}, trust_env=False)

    assert answer.status_code == 200


def test_the_form_is_shown_to_whoever_is_not_signed_in(browser: httpx.Client) -> None:
    page = browser.get("/")

    assert page.status_code == 401
    assert '<form method="post" action="/login">' in page.text
    assert "<script" not in page.text


def test_the_form_leads_back_to_where_somebody_wanted_to_go(browser: httpx.Client) -> None:
    asked = browser.get("/", headers={"Sec-Fetch-Mode": "navigate"})
    form = browser.get(asked.headers["location"])
    given = browser.post(asked.headers["location"], data={"token": TOKEN})

    assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=%2F")
    assert '<form method="post"><label' in form.text  # to its own address, with what is behind the #
    assert (given.status_code, given.headers["location"], _is_in(browser)) == (303, "/", True)


def test_a_login_link_may_have_a_place_to_go_on_to(address: Address, browser: httpx.Client) -> None:
    welcome = browser.get(f"{address.login_link()}&next=%2F%23%2Fruns%2Forder-1")

    assert 'content="0;url=/#/runs/order-1"' in welcome.text


@pytest.mark.parametrize(
    "place",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "evil",
        "",
        "/\t/evil.example",
        "/a b",
        "/\r\nX: y",
        "javascript:x",
    ],
)
def test_after_signing_in_nobody_is_sent_to_another_server(browser: httpx.Client, place: str) -> None:
    given = browser.post("/login", params={"next": place}, data={"token": TOKEN})

    assert given.headers["location"] == "/"
