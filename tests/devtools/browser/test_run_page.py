"""The page of a run: where it failed, what with, and what is left."""

from __future__ import annotations

import json

from playwright.sync_api import Page, expect

from tests.devtools.browser.bookshop import CARD
from tests.devtools.browser.conftest import PATIENCE
from tests.devtools.browser.stage import Stage

expect.set_options(timeout=PATIENCE)


def test_a_failed_run_shows_its_traceback_with_the_cause(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "refuse")
    page.goto(f"{stage.address}/#/runs/order-1")

    page.get_by_role("button", name="Show it").click()

    traceback = page.locator("[data-traceback]")
    expect(traceback).to_contain_text("TimeoutError: POST /v2/charges/1: no answer after 30 s")
    expect(traceback).to_contain_text("The above exception was the direct cause of the following exception:")
    expect(traceback).to_contain_text("BankError: the bank did not answer, tried 3 times")


def test_what_a_task_has_logged_is_shown_from_a_level_on_and_without_secrets(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "refuse")
    page.goto(f"{stage.address}/#/runs/order-1?task=1.1")
    lines = page.get_by_role("list", name="Log").get_by_role("listitem")

    expect(lines).to_have_count(2)
    expect(lines.first).to_contain_text("WARNING bookshop.bank order 1 costs 60.50")
    page.get_by_label("Level").select_option("ERROR")

    expect(lines).to_have_count(1)
    expect(lines).to_contain_text("the bank is closed, password=[redacted]")


def test_attempts_are_told_apart(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "refuse")
    stage.shop.open_bank()
    stage.retry("order-1")
    page.goto(f"{stage.address}/#/runs/order-1")
    attempts = page.get_by_role("navigation", name="Attempts")

    attempts.get_by_role("link", name="#1 failed").click()
    expect(page.locator("[data-task='1.1'].is-failed")).to_be_visible()
    expect(page.locator("[data-task^='2.']")).to_have_count(0)
    attempts.get_by_role("link", name="#2 completed").click()

    expect(page.locator("[data-task='2.1'].is-done")).to_be_visible()
    expect(page.locator("[data-task^='1.']")).to_have_count(0)


def test_the_graph_of_a_run_shows_what_is_done_failed_and_left(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "refuse")

    page.goto(f"{stage.address}/#/runs/order-1?view=graph")

    expect(page.locator("[data-neuron=stock]")).to_have_attribute("data-state", "done")
    expect(page.locator("[data-neuron=payment]")).to_have_attribute("data-state", "failed left")
    expect(page.locator("[data-neuron=payment] .frontier")).to_be_visible()
    expect(page.locator("[data-neuron=courier]")).to_have_attribute("data-state", "untouched")


def test_the_replay_goes_back_to_the_beginning(page: Page, stage: Stage) -> None:
    stage.sell("order-1")
    page.goto(f"{stage.address}/#/runs/order-1?view=graph")
    expect(page.locator("[data-neuron=mailer]")).to_have_attribute("data-state", "done")

    page.get_by_label("Replay").fill("0")

    expect(page.locator("[data-neuron=mailer]")).to_have_attribute("data-state", "untouched")
    expect(page.locator("[data-neuron=stock]")).to_have_attribute("data-state", "left")


def test_a_neuron_of_the_graph_leads_to_its_task(page: Page, stage: Stage) -> None:
    stage.sell("order-1")
    page.goto(f"{stage.address}/#/runs/order-1?view=graph")

    page.locator("[data-neuron=courier]").click()

    expect(page.get_by_role("complementary", name="Task")).to_contain_text("parcel_packed")


def test_a_link_to_a_task_opens_it_with_its_contexts(page: Page, stage: Stage) -> None:
    stage.sell("order-1")

    page.goto(f"{stage.address}/#/runs/order-1?view=tasks&task=1.0")

    panel = page.get_by_role("complementary", name="Task")
    expect(panel.get_by_role("heading", name="stock", exact=True)).to_be_visible()
    expect(panel.locator("[data-json='Context of stock, after']")).to_contain_text("reserved3")
    expect(page.locator("[data-task='1.0']")).to_be_visible()


def test_five_megabytes_are_fetched_when_asked_for_and_leave_the_page_usable(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "tell")
    page.goto(f"{stage.address}/#/runs/order-1?view=tasks")
    page.locator("[data-task]", has_text="invoice").click()
    output = page.locator("[data-json='Output invoice_issued']")

    output.get_by_role("button", name="Load all of it (5.1 MB)").click()
    expect(output.get_by_text("beginning only")).to_have_count(0)
    output.get_by_role("button", name="text").click()
    expect(output.locator(".is-piece").first).to_contain_text("0 lorem ipsum")
    output.get_by_role("list").evaluate("list => { list.scrollTop = list.scrollHeight }")

    expect(output.locator(".is-piece").last).to_contain_text("49999 lorem ipsum")
    assert page.locator("*").count() < 1_500
    page.get_by_role("button", name="Close the task").click()
    expect(page.locator("[data-panel]")).to_have_count(0)


def test_secrets_are_nowhere_on_the_page_nor_in_the_download(page: Page, stage: Stage) -> None:
    stage.sell("order-1")
    shown = ""
    for place in ("?view=details", "?task=1.0", "?view=tasks&task=1.1"):
        page.goto(f"{stage.address}/#/runs/order-1{place}")
        expect(page.get_by_text("redacted").first).to_be_visible()
        shown += page.content()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    shown += download.value.path().read_text()

    assert "The Dispossessed" in shown
    assert CARD not in shown
    assert "s-81-secret" not in shown


def test_a_run_is_downloaded_as_one_file(page: Page, stage: Stage) -> None:
    stage.sell("order-1")
    page.goto(f"{stage.address}/#/runs/order-1")

    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    exported = json.loads(download.value.path().read_text())

    assert exported["format"] == "cnstra-run/1"
    assert {task["neuron_name"] for task in exported["tasks"]} >= {"stock", "payment", "courier"}


def test_a_name_with_slashes_and_tags_is_a_place_like_any_other(page: Page, stage: Stage) -> None:
    name = "a/b?c#<img src=x onerror=alert(1)>"
    stage.sell(name)
    page.goto(stage.address)

    page.get_by_role("link", name=name).click()

    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator("main img")).to_have_count(0)


def test_a_clone_and_its_origin_lead_to_each_other(page: Page, stage: Stage) -> None:
    stage.sell("order-1")
    stage.clone("order-1", "order-2")
    page.goto(f"{stage.address}/#/runs/order-1?view=lineage")

    page.get_by_role("table", name="Clones and forks").get_by_role("link", name="order-2").click()
    expect(page.get_by_role("heading", name="order-2")).to_be_visible()
    page.get_by_role("link", name="order-1").click()

    expect(page.get_by_role("heading", name="order-1")).to_be_visible()


def test_a_run_that_keeps_no_history_says_so_and_shows_what_is_left(page: Page, stage: Stage) -> None:
    stage.begin("order-1", "hold", volume="progress")

    page.goto(f"{stage.address}/#/runs/order-1")

    expect(page.get_by_text("This run keeps no history")).to_be_visible()
    expect(page.locator("[data-task]")).to_contain_text("packing")


def test_a_run_that_is_not_there_is_told_of(page: Page, stage: Stage) -> None:
    page.goto(f"{stage.address}/#/runs/nobody")

    expect(page.get_by_text("There is no such run")).to_be_visible()
