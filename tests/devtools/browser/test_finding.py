"""Runs are found by filters that are kept in the address, page by page, and with the keyboard alone."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.devtools.browser.conftest import PATIENCE
from tests.devtools.browser.stage import Stage

expect.set_options(timeout=PATIENCE)


def test_a_filter_is_in_the_address_and_a_reload_restores_it(page: Page, stage: Stage) -> None:
    stage.sell("order-1")
    stage.sell("order-2", "refuse")
    stage.sell("other-3", "refuse")
    page.goto(stage.address)

    page.get_by_role("group", name="Status").get_by_role("button", name="failed").click()
    page.get_by_label("Id begins with").fill("order")
    expect(page.locator("[data-run]")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"#/runs\?status=failed&id=order$"))
    page.reload()

    expect(page.locator("[data-run]")).to_have_count(1)
    expect(page.locator("[data-run=order-2]")).to_be_visible()
    expect(page.get_by_label("Id begins with")).to_have_value("order")


def test_runs_are_found_by_the_neuron_that_they_reached(page: Page, stage: Stage) -> None:
    stage.sell("order-1")
    stage.sell("order-2", "refuse")
    page.goto(f"{stage.address}/#/runs")

    page.get_by_label("Neuron").fill("courier")

    expect(page.locator("[data-run=order-2]")).to_have_count(0)
    expect(page.locator("[data-run=order-1]")).to_be_visible()


def test_runs_are_found_by_a_text_in_their_payloads_which_is_kept_in_the_address(page: Page, stage: Stage) -> None:
    stage.sell("order-1", customer="grace@example.com")
    stage.sell("order-2")
    page.goto(f"{stage.address}/#/runs")

    page.get_by_label("Payload contains").fill("grace@")
    expect(page).to_have_url(re.compile(r"#/runs\?text=grace%40$"))
    page.reload()

    expect(page.locator("[data-run=order-1]")).to_be_visible()
    expect(page.locator("[data-run]")).to_have_count(1)


def test_runs_are_found_by_when_they_were_started(page: Page, stage: Stage) -> None:
    stage.sell("order-1")
    page.goto(stage.address)
    expect(page.locator("[data-run=order-1]")).to_be_visible()

    page.get_by_label("Started").select_option("between …")
    page.get_by_label("Until").fill("2020-01-01T00:00")
    page.get_by_label("Until").blur()
    expect(page.get_by_text("No run is like that")).to_be_visible()
    page.get_by_label("Until").fill("2120-01-01T00:00")
    page.get_by_label("Until").blur()

    expect(page.locator("[data-run=order-1]")).to_be_visible()


def test_many_attempts_are_chosen_from_a_list(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "refuse")
    for _ in range(5):
        stage.retry("order-1")
    page.goto(f"{stage.address}/#/runs/order-1")

    page.get_by_label("Attempt").select_option("#4 failed")

    expect(page.locator("[data-task='4.1']")).to_be_visible()
    expect(page.locator("[data-task^='5.']")).to_have_count(0)


def test_filters_that_nothing_passes_can_be_cleared(page: Page, stage: Stage) -> None:
    stage.sell("order-1")
    page.goto(f"{stage.address}/#/runs?status=aborted")

    page.get_by_role("button", name="Clear the filters").click()

    expect(page.locator("[data-run=order-1]")).to_be_visible()


def test_older_runs_are_on_further_pages_and_back_leads_back(page: Page, stage: Stage) -> None:
    for number in range(52):
        stage.enqueue(f"order-{number}", delay=3600)
    page.goto(stage.address)
    expect(page.locator("[data-run]")).to_have_count(50)

    page.get_by_role("link", name="Older runs").click()
    expect(page.locator("[data-run]")).to_have_count(2)
    expect(page.locator("[data-run=order-0]")).to_be_visible()
    page.go_back()

    expect(page.locator("[data-run=order-51]")).to_be_visible()


def test_the_keyboard_alone_leads_to_the_first_failure(page: Page, stage: Stage) -> None:
    stage.sell("order-refused", "refuse")
    stage.sell("order-1")
    page.goto(f"{stage.address}/#/health")
    expect(page.get_by_role("heading", name="Health")).to_be_visible()

    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page.locator("[data-run]")).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("order-r")
    expect(page.locator("[data-run]")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="order-refused")).to_be_visible()
    page.keyboard.press("f")

    expect(page.locator("[data-traceback]")).to_contain_text("BankError: the bank did not answer")


def test_help_tells_of_the_keys(page: Page, stage: Stage) -> None:
    page.goto(stage.address)
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog", name="Keyboard")).to_have_count(0)
