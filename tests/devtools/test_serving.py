"""DevTools beside a script, as a program, and mounted in somebody's application."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from cnstra.devtools import devtools, serve
from cnstra.errors import GraphError, StoreError
from cnstra.stores import MemoryStore
from tests.devtools.describing import PREFIX
from tests.devtools.shop import Shop, sell
from tests.devtools.visiting import TOKEN, until, visiting
from tests.servers.processes import free_port

ROOT = Path(__file__).parents[2]
GRACE = 20.0
"""Seconds for what takes a fraction of one, on a machine that has other things to do."""


def test_a_script_serves_what_a_dead_application_has_left(shop: Shop, sqlite_url: str) -> None:
    asyncio.run(_sell(shop, sqlite_url))

    with serve(sqlite_url, quiet=True) as url:
        key = {"Authorization": f"Bearer {url.token}"}
        page = httpx.get(f"{url}{PREFIX}/runs", headers=key, trust_env=False).json()
        graph = httpx.get(f"{url}{PREFIX}/graph", headers=key, trust_env=False).json()

    assert [run["stimulation_id"] for run in page["runs"]] == ["a"]
    assert (graph["source"], [neuron["name"] for neuron in graph["neurons"]]) == ("observed", ["pack", "ship", "take"])


async def _sell(shop: Shop, url: str) -> None:
    async with shop.runner(url) as runner:
        await sell(runner, shop, "a")


def test_a_login_link_is_printed(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(sqlite_url) as url:
        [link] = re.findall(r"http://\S+", capsys.readouterr().err)

        assert link.startswith(f"{url}/login?code=")
        assert httpx.get(link, trust_env=False).status_code == 200


def test_a_server_is_gone_when_its_context_ends(sqlite_url: str) -> None:
    with serve(sqlite_url, quiet=True) as url:
        assert httpx.get(url, trust_env=False).status_code == 401

    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
    assert "cnstra devtools" not in {thread.name for thread in threading.enumerate()}


async def test_a_server_stops_although_streams_are_open(sqlite_url: str) -> None:
    context = serve(sqlite_url, token=TOKEN, quiet=True)
    url = context.__enter__()
    async with visiting(url) as visitor, visitor.news() as news:
        await until(news, "hello")
        await asyncio.to_thread(context.__exit__, None, None, None)

        assert [one async for one in news] == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.com", "192.0.2.1"])
def test_an_address_that_others_can_reach_needs_a_token(host: str) -> None:
    with pytest.raises(GraphError, match="give a token"), serve(MemoryStore(), host=host):
        pass


def test_a_port_that_is_taken_is_told_of_at_once(sqlite_url: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"), serve(sqlite_url, port=port, quiet=True):
            pass


def test_a_runner_is_served_from_inside_its_loop_alone(shop: Shop) -> None:
    with pytest.raises(GraphError, match="inside its event loop"), serve(shop.runner(MemoryStore())):
        pass


def test_what_is_contradictory_is_refused(shop: Shop) -> None:
    with pytest.raises(GraphError, match="scope with a store"):
        devtools(shop.runner(MemoryStore()), scope="other")
    with pytest.raises(GraphError, match="give cns"):
        devtools(MemoryStore(), registry=shop.registry)
    with pytest.raises(StoreError, match="no store"):
        devtools("mysql://localhost")


async def test_a_store_whose_loop_has_closed_is_told_of() -> None:
    context = serve(MemoryStore(), token=TOKEN, quiet=True)

    async def enter() -> str:
        return context.__enter__()

    url = await asyncio.to_thread(asyncio.run, enter())
    async with visiting(url) as visitor:
        assert await visitor.problem("/runs") == "store_error"
    await asyncio.to_thread(context.__exit__, None, None, None)


@contextmanager
def _program(code: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program of Python's, and kill it if it has not ended by then."""
    process = subprocess.Popen(
        [sys.executable, *code],
        cwd=ROOT,
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _line_with(text: str, output: IO[str] | None) -> str:
    assert output is not None
    said = []
    for line in output:
        said.append(line)
        if text in line:
            return line
    raise AssertionError("".join(said))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_a_program_of_its_own_stops_at_a_signal_with_streams_open(sqlite_url: str, how: signal.Signals) -> None:
    code = f"from cnstra.devtools import run; run({sqlite_url!r}, port=0, token={TOKEN!r})"
    with _program(["-c", code]) as process:
        link = _line_with("/login?code=", process.stderr)
        async with visiting(link.split()[1].partition("/login")[0]) as visitor, visitor.news() as news:
            await until(news, "hello")
            process.send_signal(how)
            status = await asyncio.to_thread(process.wait, GRACE)

    assert status == 0


async def test_mounted_in_an_application_it_stops_with_its_server_although_streams_are_open(sqlite_url: str) -> None:
    port = free_port()
    arguments = ["-m", "uvicorn", "tests.devtools.mounted:app", "--port", str(port)]
    with _program(arguments, SHOP_STORE=sqlite_url, SHOP_TOKEN=TOKEN) as process:
        _line_with("running on", process.stderr)
        async with visiting(f"http://127.0.0.1:{port}/inside/devtools") as visitor, visitor.news() as news:
            await until(news, "hello")
            runs = (await visitor.client.get("api/v1/runs")).json()["runs"]
            process.send_signal(signal.SIGTERM)
            status = await asyncio.to_thread(process.wait, GRACE)

    assert [run["stimulation_id"] for run in runs] == ["a"]
    assert status in (0, -signal.SIGTERM)


async def test_mounted_in_an_application_a_browser_stays_below_the_mount(sqlite_url: str) -> None:
    port = free_port()
    arguments = ["-m", "uvicorn", "tests.devtools.mounted:app", "--port", str(port)]
    with _program(arguments, SHOP_STORE=sqlite_url, SHOP_TOKEN=TOKEN) as process:
        _line_with("running on", process.stderr)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as browser:
            form = await browser.get("/inside/devtools/")
            signed_in = await browser.post("/inside/devtools/login", data={"token": TOKEN})
            meta = await browser.get("/inside/devtools/api/v1/meta")
            outside = await browser.get("/")

    assert 'action="/inside/devtools/login"' in form.text
    assert "Path=/inside/devtools/" in signed_in.headers["set-cookie"]
    assert meta.json()["has_graph"]
    assert outside.text == "hello"


def test_a_missing_server_is_told_of_with_the_way_to_install_it() -> None:
    code = "import sys; sys.modules['starlette'] = None; import cnstra.devtools"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "ImportError: DevTools need a web server: pip install 'cnstra[devtools]'" in done.stderr
