"""The page for everybody: with a screen reader, in the dark, on a telephone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.devtools.browser.conftest import PATIENCE
from tests.devtools.browser.stage import Stage
from tests.servers.processes import missing

expect.set_options(timeout=PATIENCE)

AXE = Path(__file__).parents[3] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
PLACES = {
    "#/runs": "[data-run]",
    "#/runs/order-refused?task=1.1": "[data-traceback]",
    "#/runs/order-refused?view=graph": "[data-neuron]",
    "#/runs/order-1?view=tasks&task=1.0": "[data-json]",
    "#/runs/order-1?view=details": "[data-json]",
    "#/runs/order-1?view=lineage": ".lineage",
    "#/runs/order-refused?view=actions": "[data-command-key]",
    "#/stimulate/order_placed": "[data-field='$.number']",
    "#/actions": "[data-command-key]",
    "#/graph": "[data-neuron]",
    "#/neurons": "tr[data-neuron]",
    "#/neurons/payment": ".schema",
    "#/health": "table",
}


DIALOGS = {
    "#/runs/order-refused": ("Retry", "[data-will-run]"),
    "#/runs/order-refused?task=1.1": ("Fork from here", "textarea"),
    "#/runs/order-1": ("Delete", "footer"),
    "#/runs/order-waiting": ("Abort", "[name=reason]"),
    "#/runs/order-1?view=tasks": ("Clone", "[name=new_id]"),
}


def _happened(stage: Stage) -> None:
    stage.sell("order-1")
    stage.sell("order-refused", "refuse")
    stage.enqueue("order-waiting", delay=3600)
    stage.order("abort", "order-1")
    stage.order("retry", "order-refused")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_anywhere(page: Page, stage: Stage, scheme: Literal["light", "dark"]) -> None:
    if not AXE.is_file():
        missing("axe-core", hint="`make ui` gets it")
    _happened(stage)
    page.emulate_media(color_scheme=scheme)
    found = {place: _serious(page, f"{stage.address}/{place}", there) for place, there in PLACES.items()}

    assert {place: wrong for place, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_a_dialog(page: Page, stage: Stage, scheme: Literal["light", "dark"]) -> None:
    if not AXE.is_file():
        missing("axe-core", hint="`make ui` gets it")
    _happened(stage)
    page.emulate_media(color_scheme=scheme)
    found = {}
    for place, (button, there) in DIALOGS.items():
        page.goto(f"{stage.address}/{place}")
        page.reload()
        page.get_by_role("button", name=button).click()
        found[button] = _serious_now(page, f"dialog {there}")
    page.get_by_role("dialog").get_by_role("button", name="Clone", exact=True).click()
    found["done"] = _serious_now(page, "dialog [data-made]")

    assert {place: wrong for place, wrong in found.items() if wrong} == {}


def _serious(page: Page, url: str, there: str) -> list[str]:
    page.goto(url)
    page.reload()
    return _serious_now(page, there)


def _serious_now(page: Page, there: str) -> list[str]:
    expect(page.locator(there).first).to_be_visible()
    page.evaluate(AXE.read_text())
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    result = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{one['id']}: {node['html'][:150]}"
        for one in result["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


def test_nothing_is_wider_than_a_telephone(page: Page, stage: Stage) -> None:
    _happened(stage)
    page.set_viewport_size({"width": 400, "height": 800})
    too_wide = {}
    for place, there in PLACES.items():
        page.goto(f"{stage.address}/{place}")
        expect(page.locator(there).first).to_be_visible()
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 400:
            too_wide[place] = width
    for place, (button, there) in DIALOGS.items():
        page.goto(f"{stage.address}/{place}")
        page.reload()
        page.get_by_role("button", name=button).click()
        expect(page.locator(f"dialog {there}").first).to_be_visible()
        if page.evaluate("document.querySelector('dialog').scrollWidth") > 400:
            too_wide[button] = place

    assert too_wide == {}


def test_the_theme_that_was_chosen_is_kept(page: Page, stage: Stage) -> None:
    page.goto(stage.address)
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")

    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_views_follow_the_links_that_say_where_they_are(page: Page, stage: Stage) -> None:
    page.goto(stage.address)
    for name in ("Graph", "Neurons", "Health", "Runs"):
        page.get_by_role("navigation", name="Views").get_by_role("link", name=name).click()

        expect(page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible()
        expect(page).to_have_title(f"{name} · CNStra DevTools")
