"""A browser, and pages in it that are signed in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from cnstra.devtools.static_files import BUILT_PAGE
from tests.devtools.browser.bookshop import Bookshop
from tests.devtools.browser.stage import TOKEN, Stage, staged
from tests.servers.processes import find_on_path, missing

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 30_000
"""Milliseconds that a state may take to come, on a machine that has other things to do."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module: between modules, the event loop that drives it is not in the way of other tests."""
    if not (BUILT_PAGE / "index.html").is_file():
        missing("built page", hint="`make ui` builds it with Node")
    program = find_on_path("chromium", "chromium-browser", "google-chrome")
    if program is None:
        missing("chromium", hint="`make test` installs it for root on Debian; apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def bookshop() -> Bookshop:
    return Bookshop()


@pytest.fixture
def stage(tmp_path: Path, bookshop: Bookshop) -> Iterator[Stage]:
    with staged(tmp_path, bookshop) as stage:
        yield stage


@pytest.fixture
def context(browser: Browser, stage: Stage) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 860}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    context.request.post(f"{stage.address}/login", form={"token": TOKEN})
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, stage: Stage) -> Iterator[Page]:
    """A page on which nothing may go wrong unseen: it asks no other server, and breaks no rule of its own."""
    page = context.new_page()
    wrongs: list[str] = []

    def asked(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"blob", "data"} and f"{parts.scheme}://{parts.netloc}" != stage.address:
            wrongs.append(f"a request to {request.url}")

    page.on("request", asked)
    page.on("pageerror", lambda error: wrongs.append(str(error)))
    page.on("console", lambda message: wrongs.append(message.text) if "Security Policy" in message.text else None)
    yield page
    assert wrongs == []
