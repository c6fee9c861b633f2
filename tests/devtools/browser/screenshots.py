"""Takes the pictures of every view, light and dark, in docs/images/ (``make screenshots``)."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import chdir, closing
from pathlib import Path
from typing import Final, Literal, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from tests.devtools.browser.bookshop import Bookshop
from tests.devtools.browser.conftest import FLAGS
from tests.devtools.browser.stage import TOKEN, Stage, staged
from tests.servers.processes import find_on_path

IMAGES: Final = Path(__file__).parents[3] / "docs" / "images"
LARGEST: Final = 150 * 1024
WIDE: Final = (1280, 800)
NARROW: Final = (400, 800)


class View(NamedTuple):
    """What a picture is of."""

    place: str
    there: str
    size: tuple[int, int] = WIDE
    act: Callable[[Page], None] = lambda page: None


def _retry(page: Page) -> None:
    page.keyboard.press("r")
    page.locator("[data-will-run]").wait_for()


def _fork(page: Page) -> None:
    page.get_by_role("button", name="Fork from here").click()
    page.locator("dialog textarea").wait_for()


def _pick(page: Page) -> None:
    for row in page.get_by_role("checkbox").all()[1:8]:
        row.click()


def _fill(page: Page) -> None:
    page.get_by_role("button", name="Take the payload").first.click()


VIEWS: Final = {
    "runs": View("#/runs", "[data-run]"),
    "runs-picked": View("#/runs", "[data-pick]", act=_pick),
    "run": View("#/runs/order-2041?task=2.1", "[data-traceback]"),
    "run-graph": View("#/runs/order-2041?view=graph", "[data-neuron=payment]"),
    "run-tasks": View("#/runs/order-2040?view=tasks&task=1.4", ".changes"),
    "run-retry": View("#/runs/order-2041", "[data-task]", act=_retry),
    "run-fork": View("#/runs/order-2041?task=2.1", "[data-traceback]", act=_fork),
    "graph": View("#/graph", "[data-neuron=payment]"),
    "neurons": View("#/neurons", "tr[data-neuron]"),
    "neuron": View("#/neurons/payment", ".schema"),
    "stimulate": View("#/stimulate/order_placed", ".example", act=_fill),
    "actions": View("#/actions", "[data-command-key]"),
    "health": View("#/health", "table"),
    "runs-narrow": View("#/runs", "[data-run]", NARROW),
    "run-narrow": View("#/runs/order-2041", "[data-task]", NARROW),
    "stimulate-narrow": View("#/stimulate/order_placed", ".example", NARROW, _fill),
}


def main(names: Sequence[str]) -> None:
    """Take the pictures of these names, or all."""
    program = find_on_path("chromium", "chromium-browser", "google-chrome")
    if program is None:
        sys.exit("screenshots: there is no chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chdir(folder), staged(Path(), Bookshop(pace=0.04)) as stage:
        _busy_day(stage, Path("shop.db"))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            for name in names or VIEWS:
                _take(browser, stage, name, "light")
                _take(browser, stage, name, "dark")
            browser.close()


def _busy_day(stage: Stage, database: Path) -> None:
    async def sell_many() -> None:
        await asyncio.gather(*(stage._sell(f"order-{2000 + n}", "", {"number": 2000 + n}) for n in range(40)))

    stage.call(sell_many)
    for number in (2007, 2019, 2033):
        stage.sell(f"order-{number}-again", "refuse", number=number)
    for number in range(40):
        _age(database, f"order-{2000 + number}", 60.0 * (46 - number) + (number * 37 % 60))
    for number in (2007, 2019, 2033):
        _age(database, f"order-{number}-again", 300.0 - number % 100)
    stage.sell("order-2040", number=2040)
    _age(database, "order-2040", 140)
    stage.sell("order-2041", "refuse", number=2041)
    _age(database, "order-2041", 95)
    stage.order("retry", "order-2041")
    stage.wait("order-2041", "failed", attempts=2)
    stage.order("clone", "order-2040")
    stage.order("abort", "order-2039")
    stage.enqueue("order-2060", delay=3600)
    for number in (2042, 2043):
        stage.begin(f"order-{number}", "hold", number=number)
    _abort(stage, "order-2042")
    _move(database)


def _abort(stage: Stage, name: str) -> None:
    async def act() -> None:
        task = asyncio.create_task(stage.runner.abort(name, "called off by the customer"))
        await asyncio.sleep(0.2)
        stage.shop.release()
        await task

    stage.call(act)
    stage.shop.hold_again()
    stage.begin("order-2044", "hold", number=2044)


def _move(database: Path) -> None:
    """Have the code be where a shop would have it: the place of this checkout is nobody's business."""
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        for table, column in (("history", "error"), ("attempts", "error"), ("frontier", "failure")):
            connection.execute(
                f"UPDATE cnstra_{table} SET {column} = replace({column}, ?, '/srv')", (str(IMAGES.parents[1]),)
            )


def _age(database: Path, name: str, seconds: float) -> None:
    """Have a run been so much longer ago: a picture shows a day, and is taken in a minute."""
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        [key] = connection.execute("SELECT key FROM cnstra_runs WHERE stimulation_id = ?", (name,)).fetchone()
        for table, column in (
            ("cnstra_runs", "created_at"),
            ("cnstra_runs", "ended_at"),
            ("cnstra_progress", "updated_at"),
            ("cnstra_attempts", "started_at"),
            ("cnstra_attempts", "ended_at"),
            ("cnstra_history", "started_at"),
        ):
            connection.execute(f"UPDATE {table} SET {column} = {column} - ? WHERE key = ?", (seconds, key))


def _take(browser: Browser, stage: Stage, name: str, scheme: Literal["light", "dark"]) -> None:
    place, there, (width, height), act = VIEWS[name]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.request.post(f"{stage.address}/login", form={"token": TOKEN})
    page = context.new_page()
    page.goto(f"{stage.address}/{place}")
    page.locator(there).first.wait_for()
    page.locator("[data-live=live]").wait_for()
    page.wait_for_load_state("load")
    _settle(page)
    act(page)
    _settle(page)
    path = IMAGES / f"devtools-{name}-{scheme}.png"
    page.screenshot(path=path)
    context.close()
    size = path.stat().st_size
    sys.stdout.write(f"{path.relative_to(IMAGES.parents[1])}  {size // 1024} KB\n")
    if size > LARGEST:
        sys.exit(f"screenshots: {path.name} is too large")


def _settle(page: Page) -> None:
    """Wait until nothing is being fetched any more."""
    page.locator(".waiting").first.wait_for(state="detached")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


if __name__ == "__main__":
    main(sys.argv[1:])
