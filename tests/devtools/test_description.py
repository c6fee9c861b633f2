"""The description of the API against the code, and against what the code answers to anything that can be asked."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from openapi_spec_validator import validate
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from cnstra.devtools import Address, devtools, serve
from cnstra.stores import MemoryStore
from tests.devtools.describing import PREFIX, description
from tests.devtools.shop import Shop, sell
from tests.devtools.visiting import TOKEN

_FILE = Path(__file__).parents[2] / "docs" / "devtools-api.yaml"


def test_the_description_is_valid() -> None:
    validate(dict(description()))


def test_the_description_has_exactly_the_routes_of_the_code() -> None:
    tools = devtools(MemoryStore(), token=TOKEN)
    app = tools._app._app  # behind the guard
    assert isinstance(app, Starlette)

    paths = {
        f"{outer.path}{inner.path}" if isinstance(outer, Mount) else inner.path
        for outer in app.routes
        for inner in (outer.routes if isinstance(outer, Mount) else [outer])
        if isinstance(outer, Mount | Route) and isinstance(inner, Route)
    }
    described = {f"{PREFIX}{path}" for path in description()["paths"]}

    assert {re.sub(r":\w+\}", "}", path) for path in paths if path.startswith(PREFIX)} == described


async def _fill(shop: Shop, url: str) -> None:
    async with shop.runner(url) as runner:
        for name, note in (("a", ""), ("b", "fail"), ("../c d/é", "fail"), ("~", "x" * 50_000)):
            await sell(runner, shop, name, note=note)
        await (await runner.clone("a", new_id="a-copy"))


@pytest.fixture
def address(shop: Shop, sqlite_url: str) -> Iterator[Address]:
    asyncio.run(_fill(shop, sqlite_url))
    with serve(sqlite_url, cns=shop.cns, registry=shop.registry, token=TOKEN, quiet=True) as address:
        yield address


def test_whatever_is_asked_the_answer_is_as_described(address: Address, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text('[parameters]\n"path.run" = "b"\n')  # or nothing would be found
    command: list[str | Path] = [
        Path(sys.executable).with_name("schemathesis"), "run", _FILE,
        "--url", f"{address}{PREFIX}", "--header", f"Authorization: Bearer {TOKEN}",
        "--include-method", "GET", "--include-method", "POST", "--exclude-path", "/events",
        "--phases", "coverage,fuzzing", "--max-examples", "5", "--generation-deterministic",
        "--workers", "1", "--no-color",  # Python 3.11 cannot parse source in two threads at once, as hypothesis does
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
