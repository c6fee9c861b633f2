"""The graph, its neurons, and the health of the store."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.devtools.browser.bookshop import Bookshop
from tests.devtools.browser.conftest import PATIENCE
from tests.devtools.browser.stage import Stage

expect.set_options(timeout=PATIENCE)


def test_every_neuron_of_the_graph_can_be_reached_and_leads_to_its_contract(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "refuse")
    page.goto(f"{stage.address}/#/graph")
    expect(page.locator("[data-neuron]")).to_have_count(9)

    page.get_by_role("button", name="payment").focus()
    page.keyboard.press("Enter")

    contract = page.get_by_role("region", name="Contract")
    expect(contract).to_contain_text("Talks to the bank")
    expect(contract).to_contain_text("bookshop.py:")
    expect(page.get_by_role("table", name="Latest tasks")).to_contain_text("BankError")


def test_a_search_in_the_graph_dims_the_rest(page: Page, stage: Stage) -> None:
    page.goto(f"{stage.address}/#/graph")
    expect(page.locator("[data-neuron]")).to_have_count(9)

    page.get_by_label("Find a neuron or collateral").fill("parcel_shipped")

    expect(page.locator("[data-neuron]:not(.is-dim)")).to_have_count(2)


def test_a_neighbourhood_is_a_place_of_its_own(page: Page, stage: Stage) -> None:
    page.goto(f"{stage.address}/#/graph?focus=reminder")

    expect(page.locator("[data-neuron=payment]")).to_be_visible()
    expect(page.locator("[data-neuron=courier]")).to_have_count(0)


@pytest.mark.parametrize("bookshop", [Bookshop(reminders=320)], ids=["large"])
def test_a_large_graph_is_shown_in_part(page: Page, stage: Stage, bookshop: Bookshop) -> None:
    stage.sell("order-1")
    page.goto(f"{stage.address}/#/graph")
    expect(page.get_by_text("This graph is large: what is shown is what is around stock.")).to_be_visible()
    expect(page.locator("[data-neuron]")).to_have_count(6)

    page.get_by_label("Find a neuron or collateral").fill("reminder319")
    expect(page.locator("[data-neuron=reminder319]")).to_be_visible()
    expect(page.locator("[data-neuron]")).to_have_count(2)
    page.goto(f"{stage.address}/#/runs/order-1?view=graph")

    expect(page.locator("[data-neuron]")).to_have_count(8)


@pytest.mark.parametrize("bookshop", [Bookshop(reminders=320, group="mail/")], ids=["grouped"])
def test_a_large_graph_has_its_groups_folded_until_they_are_opened(page: Page, stage: Stage) -> None:
    page.goto(f"{stage.address}/#/graph")
    expect(page.locator("[data-group=mail]")).to_contain_text("320 neurons")
    expect(page.locator("[data-neuron]")).to_have_count(8)

    page.locator("[data-group=mail]").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("This graph is large")).to_be_visible()
    expect(page.locator("[data-group]")).to_have_count(0)
    page.get_by_role("group", name="Groups").get_by_role("button", name="mail 320").click()

    expect(page.locator("[data-group=mail]")).to_be_visible()


def test_the_graph_is_taken_away_in_four_forms(page: Page, stage: Stage) -> None:
    page.goto(f"{stage.address}/#/graph")
    expect(page.locator("[data-neuron]")).to_have_count(9)
    taken = {}
    for name in ("Mermaid", "DOT (Graphviz)", "SVG, as shown", "JSON"):
        page.locator("details.menu").evaluate("menu => { menu.open = true }")
        with page.expect_download() as download:
            page.get_by_text(name, exact=True).click()
        taken[name] = download.value.path().read_text()

    assert taken["Mermaid"].startswith("flowchart")
    assert taken["DOT (Graphviz)"].startswith("digraph")
    assert "class=" not in taken["SVG, as shown"]
    assert ">courier </text>" in taken["SVG, as shown"]
    assert len(json.loads(taken["JSON"])["neurons"]) == 9


def test_health_shows_workers_with_their_leases_and_what_was_done(page: Page, stage: Stage) -> None:
    stage.sell("order-1")

    page.goto(f"{stage.address}/#/health")

    expect(page.get_by_role("table", name="Workers")).to_contain_text("shop-1")
    expect(page.get_by_role("region", name="Throughput")).to_contain_text("1 run started, 1 completed, 0 failed")


def test_the_neurons_are_a_table_of_numbers(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "refuse")

    page.goto(f"{stage.address}/#/neurons?window=86400")

    expect(page.locator("tr[data-neuron=payment] td.is-failed")).to_have_text("1")
