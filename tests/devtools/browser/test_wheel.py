"""The page comes with the wheel: what a person installs shows their runs, with no Node and no checkout."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from playwright.sync_api import Browser, expect

from tests.devtools.browser.bookshop import Bookshop, Order
from tests.devtools.browser.conftest import PATIENCE
from tests.devtools.browser.stage import TOKEN

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def installed(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has this project from its wheel, and the libraries from the one at hand.

    It is asked for a browser because that says first whether there is a page at all.
    """
    folder = tmp_path_factory.mktemp("installed")
    _call(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder / "dist"))
    [wheel] = (folder / "dist").glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    programs = folder / "venv" / "bin"
    _install(wheel, programs / "python")
    [packages] = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")  # whose own .pth files do not count
    return programs


def _install(wheel: Path, python: Path) -> None:
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if uv is not None:
        _call(uv, "pip", "install", "--offline", "--no-deps", "--python", str(python), str(wheel))
    else:
        _call(sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps", str(wheel))


def _call(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """A store with one run, whose application is gone."""
    url = f"sqlite:///{tmp_path}/shop.db"
    with start_blocking_portal() as portal:  # the browser's event loop has this thread
        portal.call(_sell, url)
    return url


async def _sell(url: str) -> None:
    shop = Bookshop()
    async with shop.runner(url) as runner:
        await (await runner.stimulate(shop.placed.create_signal(Order(1)), stimulation_id="order-1"))


def _surroundings() -> dict[str, str]:
    without = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**without, "CNSTRA_DEVTOOLS_TOKEN": TOKEN}


@pytest.fixture
def address(installed: Path, store_url: str, tmp_path: Path) -> Iterator[str]:
    """Where the DevTools of the wheel are."""
    command = [str(installed / "cnstra"), "devtools", "--store", store_url, "--port", "0"]
    process = subprocess.Popen(command, cwd=tmp_path, env=_surroundings(), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process, process.stderr:
        try:
            [address] = re.findall(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
            yield address
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()


def test_the_wheel_is_what_is_imported(installed: Path, tmp_path: Path) -> None:
    code = "import cnstra, cnstra.devtools; print(cnstra.__file__)"
    command = [str(installed / "python"), "-c", code]

    found = subprocess.run(command, cwd=tmp_path, env=_surroundings(), capture_output=True, text=True, check=True)

    assert Path(found.stdout.strip()).is_relative_to(installed.parent)


def test_the_page_of_the_wheel_shows_a_run(browser: Browser, address: str) -> None:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    context.request.post(f"{address}/login", form={"token": TOKEN})
    page = context.new_page()

    page.goto(address)
    page.locator("[data-run=order-1] a").click()

    expect(page.get_by_role("heading", name="order-1")).to_be_visible(timeout=PATIENCE)
    context.close()
