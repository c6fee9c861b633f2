"""Runs are started from the page, with a form that the payload's type makes."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.devtools.browser.bookshop import CARD
from tests.devtools.browser.conftest import PATIENCE
from tests.devtools.browser.stage import Stage

expect.set_options(timeout=PATIENCE)


def _entry(page: Page, stage: Stage, name: str) -> Any:
    run = page.context.request.get(f"{stage.address}/api/v1/runs/{name}").json()
    return run["entry_signals"][0]["payload"]["data"]


def _field(page: Page, path: str) -> Locator:
    return page.locator(f"[data-field='{path}'] input")


def test_an_invalid_payload_is_refused_where_it_is_wrong_and_a_valid_one_starts_a_run(page: Page, stage: Stage) -> None:
    page.goto(f"{stage.address}/#/stimulate")
    page.get_by_label("Signal").select_option("order_placed")

    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("It was not sent")
    expect(page.get_by_role("alert")).to_contain_text("number")
    _field(page, "$.number").fill("7")
    page.get_by_role("button", name="Give books").click()
    page.get_by_role("button", name="Add to books").click()
    _field(page, "$.books[0].title").fill("Emma")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("price")
    _field(page, "$.books[0].price").fill("9.5")
    page.get_by_label("Id of the new run").fill("order-7")
    page.get_by_role("button", name="Send").click()
    page.locator("[data-made]").click()

    expect(page.get_by_role("heading", name="order-7")).to_be_visible()
    expect(page.locator(".run-head [data-status=completed]")).to_be_visible()
    entry = _entry(page, stage, "order-7")
    [book] = entry["books"]
    assert (entry["number"], book["title"], book["price"]) == (7, "Emma", 9.5)


def test_a_past_run_is_an_example_whose_secrets_are_left_out(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "as a present", number=41)
    page.goto(f"{stage.address}/#/stimulate/order_placed")

    page.get_by_role("button", name="Take the payload of order-1").click()
    expect(_field(page, "$.number")).to_have_value("41")
    page.get_by_role("button", name="JSON", exact=True).click()
    editor = page.get_by_label("Payload of order_placed", exact=True).and_(page.get_by_role("textbox"))
    payload = json.loads(editor.input_value())
    editor.fill(json.dumps({**payload, "number": 42}))
    page.get_by_role("button", name="Send").click()
    page.locator("[data-made]").click()
    expect(page.locator(".run-head [data-status=completed]")).to_be_visible()

    assert CARD not in page.content()
    assert "card_number" not in payload
    assert (payload["note"], len(payload["books"])) == ("as a present", 2)


def test_an_id_that_is_taken_is_refused_with_the_reason(page: Page, stage: Stage) -> None:
    stage.sell("order-1")
    page.goto(f"{stage.address}/#/stimulate/order_placed")
    _field(page, "$.number").fill("1")
    page.get_by_label("Id of the new run").fill("order-1")

    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-command=refused]")).to_be_visible()
    expect(page.locator("[data-outcome]")).to_contain_text("order-1")
    page.get_by_role("button", name="Send another").click()

    expect(_field(page, "$.number")).to_have_value("")
