"""What is done to runs from the page: it is done once, it is seen what comes of it, and what must not be is refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

from playwright.sync_api import Locator, Page, Route, expect

from tests.devtools.browser.bookshop import CARD
from tests.devtools.browser.conftest import PATIENCE
from tests.devtools.browser.stage import Stage

expect.set_options(timeout=PATIENCE)


def _ask(page: Page, stage: Stage, path: str) -> Any:
    return page.context.request.get(f"{stage.address}/api/v1{path}").json()


def _orders(page: Page, stage: Stage) -> list[tuple[str, str]]:
    return [(one["kind"], one["status"]) for one in _ask(page, stage, "/commands")["commands"]]


def _open(page: Page, stage: Stage, place: str, button: str) -> Locator:
    """Open a dialog, and return it."""
    page.goto(f"{stage.address}/#/{place}")
    page.get_by_role("button", name=button).click()
    return page.get_by_role("dialog")


def _confirm(dialog: Locator, verb: str) -> None:
    dialog.get_by_role("button", name=verb, exact=True).click()


def _close(dialog: Locator) -> None:
    dialog.get_by_role("button", name="Close", exact=True).click()
    expect(dialog).to_have_count(0)


async def _release(stage: Stage) -> None:
    stage.shop.release()


def test_a_retry_says_what_it_will_run_and_runs_that_alone(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "refuse")
    stage.shop.open_bank()
    dialog = _open(page, stage, "runs/order-1", "Retry")
    expect(dialog.get_by_role("list", name="What will run")).to_have_text(re.compile(r"^payment 1\W$"))

    _confirm(dialog, "Retry")
    expect(dialog.locator("[data-command=done]")).to_be_visible()
    _close(dialog)
    expect(page.locator(".run-head [data-status=completed]")).to_be_visible()
    page.get_by_role("navigation", name="Attempts").get_by_role("link", name="#2 completed").click()

    expect(page.locator("[data-task='2.1'].is-done")).to_be_visible()
    expect(page.locator("[data-task='2.0'], [data-task='2.2']")).to_have_count(0)


def test_a_double_click_retries_once(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "refuse")
    stage.shop.open_bank()
    dialog = _open(page, stage, "runs/order-1", "Retry")
    expect(dialog.locator("[data-will-run]")).to_be_visible()

    dialog.get_by_role("button", name="Retry", exact=True).dblclick()
    expect(dialog.locator("[data-command=done]")).to_be_visible()
    expect(page.locator(".run-head [data-status=completed]")).to_be_visible()

    assert _orders(page, stage) == [("retry", "done")]
    assert _ask(page, stage, "/runs/order-1")["attempt_number"] == 2


def test_an_order_whose_answer_was_lost_is_sent_again_and_done_once(page: Page, stage: Stage) -> None:
    stage.sell("order-1")
    lost: list[str] = []

    def lose(route: Route) -> None:
        if route.request.method != "POST" or lost:
            route.continue_()
        else:
            lost.append(route.fetch().text())
            route.abort()

    page.route("**/api/v1/commands", lose)
    dialog = _open(page, stage, "runs/order-1", "Clone")
    _confirm(dialog, "Clone")
    dialog.locator("[data-made]").click()
    expect(page.locator(".run-head [data-status=completed]")).to_be_visible()

    assert len(lost) == 1
    assert _orders(page, stage) == [("clone", "done")]
    assert len(_ask(page, stage, "/runs")["runs"]) == 2


def test_a_retry_while_other_runs_start_is_of_its_own_run_alone(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "refuse", number=1)
    stage.shop.open_bank()
    dialog = _open(page, stage, "runs/order-1", "Retry")
    stage.begin("order-2", "hold", number=2)

    _confirm(dialog, "Retry")
    for number in range(3, 8):
        stage.begin(f"order-{number}", "hold" if number % 2 else "", number=number)
    expect(page.locator(".run-head [data-status=completed]")).to_be_visible()

    tasks = _ask(page, stage, "/runs/order-1/export")["tasks"]
    payloads = [task["input"]["payload"]["data"] for task in tasks]
    assert {payload["number"] for payload in payloads} == {1}
    assert [task["attempt_number"] for task in tasks if task["neuron_name"] == "payment"] == [1, 2]


def test_a_fork_begins_at_a_task_with_the_input_that_was_written(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "refuse")
    dialog = _open(page, stage, "runs/order-1?task=1.1", "Fork from here")
    editor = dialog.get_by_label("Input: order_placed")
    expect(editor).to_have_value(re.compile("The Dispossessed"))
    written = json.loads(editor.input_value())
    assert CARD not in editor.input_value() + page.content()

    editor.fill(json.dumps({**written, "note": "pays in cash"}))
    _confirm(dialog, "Fork")
    expect(dialog).to_contain_text("What is not shown cannot be sent: write a value at $.card_number.")
    editor.fill(json.dumps({**written, "note": "pays in cash", "card_number": "none", "number": "many"}))
    _confirm(dialog, "Fork")
    expect(dialog.locator(".problem")).to_contain_text("$.number")
    editor.fill(json.dumps({**written, "note": "pays in cash", "card_number": "none"}))
    dialog.get_by_label("Id of the new run").fill("order-1-in-cash")
    _confirm(dialog, "Fork")
    dialog.locator("[data-made]").click()

    expect(page.get_by_role("heading", name="order-1-in-cash")).to_be_visible()
    expect(page.locator(".run-head [data-status=completed]")).to_be_visible()
    fork = _ask(page, stage, "/runs/order-1-in-cash/export")
    assert (fork["run"]["forked_from"]["stimulation_id"], fork["run"]["forked_task"]) == ("order-1", 1)
    assert fork["tasks"][0]["input"]["payload"]["data"]["note"] == "pays in cash"


def test_an_input_of_megabytes_is_not_edited_but_forked_as_it_is(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "tell")
    page.goto(f"{stage.address}/#/runs/order-1?view=tasks")
    page.locator("[data-task]", has_text="mailer").first.click()
    page.get_by_role("button", name="Fork from here").click()
    dialog = page.get_by_role("dialog")

    expect(dialog).to_contain_text("is too large to be edited here")
    _confirm(dialog, "Fork")
    dialog.locator("[data-made]").click()

    expect(page.locator(".run-head [data-status=completed]")).to_be_visible()


def test_an_abort_ends_a_run_with_its_reason_and_keeps_what_is_left(page: Page, stage: Stage) -> None:
    stage.begin("order-1", "hold")
    dialog = _open(page, stage, "runs/order-1", "Abort")

    dialog.get_by_label("Reason").fill("called off by the customer")
    _confirm(dialog, "Abort")
    expect(dialog.locator("[data-command=done]")).to_be_visible()
    _close(dialog)
    stage.call(_release, stage)

    expect(page.locator(".run-head [data-status=aborted]")).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    run = _ask(page, stage, "/runs/order-1")
    assert run["error"]["message"] == "called off by the customer"
    assert run["outstanding"] > 0


def test_a_run_that_is_deleted_is_gone(page: Page, stage: Stage) -> None:
    stage.sell("order-1")
    dialog = _open(page, stage, "runs/order-1", "Delete")
    expect(dialog).to_contain_text("This cannot be taken back")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()

    _confirm(dialog, "Delete")
    expect(dialog.locator("[data-command=done]")).to_be_visible()
    _close(dialog)

    expect(page.get_by_text("There is no such run")).to_be_visible()


def test_what_was_decided_on_a_run_that_has_changed_since_is_refused(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "refuse")
    dialog = _open(page, stage, "runs/order-1", "Retry")
    expect(dialog.locator("[data-will-run]")).to_be_visible()
    stage.retry("order-1")

    _confirm(dialog, "Retry")
    expect(dialog.locator("[data-command=refused]")).to_be_visible()
    expect(dialog.locator("[data-conflict]")).to_contain_text(
        "it was failed in attempt 1, and is failed in attempt 2 now"
    )
    dialog.get_by_role("button", name="Look again").click()

    expect(dialog).to_have_count(0)
    expect(page.get_by_role("navigation", name="Attempts").get_by_role("link", name="#2 failed")).to_be_visible()
    assert _ask(page, stage, "/runs/order-1")["attempt_number"] == 2


def test_many_runs_are_retried_at_once_and_those_are_skipped_that_cannot_be(page: Page, stage: Stage) -> None:
    for number in range(6):
        stage.sell(f"order-{number}", "refuse" if number % 2 else "")
    stage.shop.open_bank()
    page.goto(stage.address)

    page.get_by_label("Pick order-5").click()
    page.get_by_label("Pick order-2").click(modifiers=["Shift"])
    picked = page.get_by_role("region", name="Picked runs")
    expect(picked).to_contain_text("4 runs picked")
    picked.get_by_role("button", name="Retry 2").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("list", name="What is skipped")).to_have_text("2 skipped: completed")
    _confirm(dialog, "Retry 2 runs")
    expect(dialog).to_contain_text("2 of 2 runs done")
    _close(dialog)

    expect(page.locator("[data-run=order-3] [data-status=completed]")).to_be_visible()
    expect(page.locator("[data-run=order-5] [data-status=completed]")).to_be_visible()
    expect(page.locator("[data-run=order-1] [data-status=failed]")).to_be_visible()


def test_all_runs_of_a_page_are_picked_and_aborted(page: Page, stage: Stage) -> None:
    for number in range(3):
        stage.enqueue(f"order-{number}", delay=3600)
    page.goto(stage.address)
    expect(page.locator("[data-run]")).to_have_count(3)

    page.get_by_label("Pick all on this page").click()
    page.get_by_role("button", name="Abort 3").click()
    dialog = page.get_by_role("dialog")
    _confirm(dialog, "Abort 3 runs")
    expect(dialog).to_contain_text("3 of 3 runs done")
    _close(dialog)

    expect(page.locator("[data-run] [data-status=aborted]")).to_have_count(3)


def test_who_did_what_is_kept_for_all_and_for_each_run(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "refuse")
    stage.sell("order-2")
    for name, verb in (("order-1", "Retry"), ("order-2", "Clone")):
        dialog = _open(page, stage, f"runs/{name}", verb)
        _confirm(dialog, verb)
        expect(dialog.locator("[data-command=done]")).to_be_visible()
        _close(dialog)

    page.goto(f"{stage.address}/#/actions")
    table = page.get_by_role("table", name="Actions")
    expect(table.get_by_role("row")).to_have_count(3)
    expect(table.get_by_role("row").nth(1)).to_contain_text("clone")
    expect(table.get_by_role("row").nth(1)).to_contain_text("devtools")
    page.goto(f"{stage.address}/#/runs/order-1?view=actions")

    expect(page.get_by_role("table", name="Actions").get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("table", name="Actions")).to_contain_text("retry")


def test_the_keyboard_alone_leads_through_a_retry(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "refuse")
    stage.shop.open_bank()
    page.goto(stage.address)
    expect(page.locator("[data-run]")).to_have_count(1)

    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    page.keyboard.press("r")
    expect(page.get_by_role("dialog").locator("[data-will-run]")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").locator("[data-command=done]")).to_be_visible()
    expect(page.get_by_role("button", name="Close", exact=True)).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".run-head [data-status=completed]")).to_be_visible()


def test_where_nothing_may_be_done_nothing_is_offered_and_all_is_refused(page: Page, stage: Stage) -> None:
    stage.sell("order-1", "refuse")
    stage.stop_server()
    stage.start_server(read_only=True)
    page.goto(f"{stage.address}/#/runs/order-1?task=1.1")
    expect(page.locator("[data-traceback]")).to_be_visible()

    expect(page.get_by_text("Read-only")).to_be_visible()
    expect(page.get_by_role("group", name="Actions").get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("button", name="Fork from here")).to_have_count(0)
    expect(page.get_by_role("navigation", name="Views").get_by_role("link", name="Stimulate")).to_have_count(0)
    page.goto(f"{stage.address}/#/runs")
    expect(page.locator("[data-run]")).to_be_visible()
    expect(page.get_by_role("checkbox")).to_have_count(0)
    order: dict[str, object] = {
        "key": "k",
        "kind": "delete",
        "stimulation_id": "order-1",
        "seen": None,
        "arguments": {},
    }
    answer = page.context.request.post(
        f"{stage.address}/api/v1/commands", data={"commands": [order]}, headers={"X-CNStra-CSRF": "1"}
    )

    assert (answer.status, answer.json()["code"]) == (403, "read_only")
    assert len(_ask(page, stage, "/runs")["runs"]) == 1


def test_what_a_killed_process_has_left_is_taken_up_again_from_the_page(page: Page, stage: Stage) -> None:
    stage.stop_working()
    _kill_in_the_middle(stage.store_url)
    page.goto(f"{stage.address}/#/health")
    expect(page.get_by_role("table", name="Workers").get_by_text("expired")).to_be_visible()
    dialog = _open(page, stage, "runs/order-1", "Abort")
    _confirm(dialog, "Abort")
    expect(dialog.locator("[data-command=done]")).to_be_visible()
    _close(dialog)

    page.get_by_role("button", name="Retry").click()
    expect(dialog.get_by_role("list", name="What will run")).to_have_text(re.compile(r"^packing 1\W$"))
    _confirm(dialog, "Retry")
    expect(dialog).to_contain_text("No worker is alive: what is to run waits until one comes.")
    _close(dialog)
    expect(page.locator(".run-head [data-status=pending]")).to_be_visible()
    stage.call(_release, stage)
    stage.work_again()

    expect(page.locator(".run-head [data-status=completed]")).to_be_visible()
    assert [task["neuron_name"] for task in _attempt(page, stage, 2)] == ["packing", "courier", "mailer"]


def _attempt(page: Page, stage: Stage, number: int) -> list[Any]:
    tasks = _ask(page, stage, "/runs/order-1/tasks")["tasks"]
    return [task for task in tasks if task["attempt_number"] == number]


def _kill_in_the_middle(store_url: str) -> None:
    """Have a process die that is at work on ``order-1``."""
    program = [sys.executable, "-m", "tests.devtools.browser.doomed", store_url]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.kill()
    assert said == "waiting\n"
