"""The page moves with the runs, and comes back by itself."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.devtools.browser.conftest import PATIENCE
from tests.devtools.browser.stage import TOKEN, Stage

expect.set_options(timeout=PATIENCE)


def test_a_login_link_opens_the_page_on_the_runs(page: Page, stage: Stage) -> None:
    stage.sell("order-1")
    page.context.clear_cookies()

    page.goto(stage.address.login_link())

    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    expect(page.locator("[data-run=order-1]")).to_contain_text("completed")


def test_the_form_takes_the_token(page: Page, stage: Stage) -> None:
    page.context.clear_cookies()
    page.goto(stage.address)

    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", name="Runs")).to_be_visible()


def test_a_deep_link_leads_there_by_way_of_the_form(page: Page, stage: Stage) -> None:
    stage.sell("order-1")
    page.context.clear_cookies()
    page.goto(f"{stage.address}/#/runs/order-1?view=details")

    page.get_by_label("Token").fill("wrong-wrong-wrong-wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("That is not the token.")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", name="order-1")).to_be_visible()
    expect(page.get_by_role("heading", name="How it runs")).to_be_visible()


def test_a_run_appears_and_moves_while_it_is_looked_at(page: Page, stage: Stage) -> None:
    page.goto(stage.address)
    expect(page.get_by_text("No runs yet")).to_be_visible()

    stage.begin("order-1", "hold")
    row = page.locator("[data-run=order-1]")
    expect(row.locator("[data-status=running]")).to_be_visible()
    expect(row.locator("[data-cell=left]")).to_have_text("1")
    stage.call(_release, stage)

    expect(row.locator("[data-status=completed]")).to_be_visible()
    expect(row.locator("[data-cell=left]")).to_have_text("0")


async def _release(stage: Stage) -> None:
    stage.shop.release()


def test_a_paused_page_stands_still_and_counts_what_it_misses(page: Page, stage: Stage) -> None:
    stage.sell("order-1")
    page.goto(stage.address)
    expect(page.locator("[data-run]")).to_have_count(1)
    page.locator("[data-live=live]").click()

    stage.sell("order-2")
    expect(page.locator("[data-live=paused]")).to_contain_text("1 new")
    expect(page.locator("[data-run]")).to_have_count(1)
    page.locator("[data-live=paused]").click()

    expect(page.locator("[data-run]")).to_have_count(2)


def test_after_a_restart_of_the_server_the_page_catches_up(page: Page, stage: Stage) -> None:
    page.goto(stage.address)
    expect(page.locator("[data-live=live]")).to_be_visible()

    stage.stop_server()
    expect(page.locator("[data-live=lost]")).to_be_visible()
    stage.sell("order-meanwhile")
    stage.start_server()
    page.context.request.post(f"{stage.address}/login", form={"token": TOKEN})

    expect(page.locator("[data-live=live]")).to_be_visible()
    expect(page.locator("[data-run=order-meanwhile]")).to_be_visible()


def test_a_run_that_is_open_grows_on_its_own_page(page: Page, stage: Stage) -> None:
    stage.begin("order-1", "hold")
    page.goto(f"{stage.address}/#/runs/order-1")
    expect(page.locator("[data-task^='left.']")).to_contain_text("packing")

    stage.call(_release, stage)

    expect(page.locator("[data-task]", has_text="courier")).to_be_visible()
    expect(page.locator("[data-task^='left.']")).to_have_count(0)
    expect(page.locator(".run-head [data-status=completed]")).to_be_visible()


def test_a_session_that_is_over_is_opened_again_in_place(page: Page, stage: Stage) -> None:
    stage.sell("order-1")
    page.goto(f"{stage.address}/#/runs/order-1")
    expect(page.get_by_role("heading", name="order-1")).to_be_visible()
    page.context.clear_cookies()

    page.get_by_role("link", name="Details").click()
    page.get_by_role("link", name="Neurons").click()
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("table", name="Neurons")).to_be_visible()
