"""The built page, and what is asked for beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cnstra.devtools import serve
from cnstra.stores import MemoryStore
from tests.devtools.visiting import TOKEN


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    page = tmp_path / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<!doctype html><title>DevTools</title>")
    (page / "assets" / "app-1a2b.js").write_text("export {}")
    (page / "assets" / "notes.exe").write_text("not of the page")
    (tmp_path / "secret.txt").write_text("outside")
    (page / "link.txt").symlink_to(tmp_path / "secret.txt")
    with (
        serve(MemoryStore(), token=TOKEN, quiet=True, page=page) as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False) as client,
    ):
        yield client


def test_the_page_may_load_nothing_but_its_own(client: httpx.Client) -> None:
    page = client.get("/")

    policy = page.headers["content-security-policy"]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in policy
    assert not {"unsafe-inline", "unsafe-eval", "http:", "https:", "*"} & set(policy.replace("'", "").split())
    assert page.headers["cache-control"] == "no-cache"


def test_files_named_by_their_content_are_kept_by_browsers(client: httpx.Client) -> None:
    script = client.get("/assets/app-1a2b.js")

    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in script.headers["cache-control"]


OUTSIDE = [
    "/../secret.txt",
    "/..%2fsecret.txt",
    "/%2e%2e/secret.txt",
    "/assets/../../secret.txt",
    "/assets/..%5c..%5csecret.txt",
    "//secret.txt",
    "/link.txt",
    "/assets",
    "/assets/",
    "/assets/notes.exe",
    "/index.html%00.js",
    "/assets/.",
    "/%00",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_what_is_not_a_file_of_the_page_is_not_there(client: httpx.Client, path: str) -> None:
    asked = client.build_request("GET", "/")
    asked.url = asked.url.copy_with(raw_path=path.encode())

    answer = client.send(asked)

    assert answer.status_code == 404
    assert "outside" not in answer.text


def test_without_the_built_page_there_is_help() -> None:
    with serve(MemoryStore(), token=TOKEN, quiet=True, page=Path(__file__).parent / "nowhere") as url:
        page = httpx.get(url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False)

    assert page.status_code == 503
    assert "npm run" in page.text
    assert "<script" not in page.text
