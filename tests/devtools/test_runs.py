"""Runs by way of the API, on each store, while somebody else works on it."""

from __future__ import annotations

import json

from cnstra import DurableRunner
from tests.devtools.shop import SECRET, Shop, sell, settled
from tests.devtools.visiting import Visitor


async def test_a_list_shows_the_newest_first_without_payloads(
    runner: DurableRunner, shop: Shop, visitor: Visitor
) -> None:
    for name in ("a", "b", "c"):
        await sell(runner, shop, name)

    page = await visitor.get("/runs")

    assert [run["stimulation_id"] for run in page["runs"]] == ["c", "b", "a"]
    assert page["cursor"] is None
    assert '"note"' not in json.dumps(page)


async def test_pages_follow_each_other_while_runs_are_added(
    runner: DurableRunner, shop: Shop, visitor: Visitor
) -> None:
    for number in range(5):
        await sell(runner, shop, f"run-{number}")
    first = await visitor.get("/runs", limit=2)
    await sell(runner, shop, "later")

    second = await visitor.get("/runs", limit=2, cursor=first["cursor"])
    third = await visitor.get("/runs", limit=2, cursor=second["cursor"])

    shown = [run["stimulation_id"] for page in (first, second, third) for run in page["runs"]]
    assert shown == ["run-4", "run-3", "run-2", "run-1", "run-0"]
    assert third["cursor"] is None


async def test_a_list_is_filtered_by_status_entry_error_and_time(
    runner: DurableRunner, shop: Shop, visitor: Visitor
) -> None:
    await sell(runner, shop, "good")
    await sell(runner, shop, "bad", note="fail")
    [bad] = (await visitor.get("/runs", status="failed"))["runs"]

    async def names(**query: object) -> list[str]:
        return [run["stimulation_id"] for run in (await visitor.get("/runs", **query))["runs"]]

    assert bad["stimulation_id"] == "bad"
    assert await names(status=["completed", "failed"]) == ["bad", "good"]
    assert await names(entry="ordered") == ["bad", "good"]
    assert await names(entry="packed") == []
    assert await names(error="OutOfStockError in neuron") == ["bad"]
    assert await names(error="nothing left") == ["bad"]
    assert await names(created_after=bad["created_at"]) == ["bad"]
    assert await names(created_before=bad["created_at"]) == ["good"]


async def test_a_run_is_shown_with_what_it_was_started_with(
    runner: DurableRunner, shop: Shop, visitor: Visitor
) -> None:
    run = await runner.stimulate(shop.order(7), stimulation_id="a", metadata={"tenant": "acme", "api_key": "k"})
    await run

    shown = await visitor.get("/runs/a")

    assert shown["status"] == "completed"
    assert shown["metadata"]["data"] == {"tenant": "acme", "api_key": {"$redacted": "key"}}
    [signal] = shown["entry_signals"]
    assert signal["payload"]["data"] == {"number": 7, "note": "", "password": {"$redacted": "key"}}


async def test_a_failed_run_shows_the_neuron_the_input_and_the_chained_traceback(
    runner: DurableRunner, shop: Shop, visitor: Visitor
) -> None:
    await sell(runner, shop, "a", note="fail", number=3)

    [left] = (await visitor.get("/runs/a/frontier"))["tasks"]
    task = await visitor.get(f"/runs/a/frontier/{left['ordinal']}")

    assert (task["neuron_name"], task["status"]) == ("pack", "failed")
    assert task["input"]["payload"]["data"]["number"] == 3
    assert "KeyError: 3" in task["error"]["traceback"]
    assert "direct cause" in task["error"]["traceback"]


async def test_the_history_of_a_run_tells_who_emitted_what_and_when(
    runner: DurableRunner, shop: Shop, visitor: Visitor
) -> None:
    await sell(runner, shop, "a")

    page = await visitor.get("/runs/a/tasks")

    assert [task["neuron_name"] for task in page["tasks"]] == ["take", "pack", "ship"]
    assert [task["parent"] for task in page["tasks"]] == [None, 0, 1]
    assert [len(task["outputs"]) for task in page["tasks"]] == [1, 1, 0]
    assert all(task["queued_at"] <= task["started_at"] for task in page["tasks"])
    assert page["total"] == 3


async def test_a_history_is_paged_and_filtered(runner: DurableRunner, shop: Shop, visitor: Visitor) -> None:
    await sell(runner, shop, "a")

    first = await visitor.get("/runs/a/tasks", limit=2)
    rest = await visitor.get("/runs/a/tasks", start=first["next"])
    ships = await visitor.get("/runs/a/tasks", neuron="ship", status="done", attempt=1)

    assert [task["ordinal"] for task in first["tasks"] + rest["tasks"]] == [0, 1, 2]
    assert rest["next"] is None
    assert [task["neuron_name"] for task in ships["tasks"]] == ["ship"]


async def test_attempts_are_told_apart(runner: DurableRunner, shop: Shop, visitor: Visitor) -> None:
    await sell(runner, shop, "a", note="fail")
    await settled(await runner.retry("a"))

    attempts = (await visitor.get("/runs/a/attempts"))["attempts"]
    second = await visitor.get("/runs/a/tasks", attempt=2)

    assert [(one["attempt_number"], one["status"]) for one in attempts] == [(1, "failed"), (2, "failed")]
    assert [task["neuron_name"] for task in second["tasks"]] == ["pack"]


async def test_an_activation_shows_its_context_before_and_after(
    runner: DurableRunner, shop: Shop, visitor: Visitor
) -> None:
    await sell(runner, shop, "a", number=5)

    task = await visitor.get("/runs/a/tasks/1/0")

    [change] = task["contexts"]
    assert (change["neuron_name"], change["is_changed"], change["before"]) == ("take", True, None)
    assert change["after"]["data"] == {"seen": 5}


async def test_a_large_payload_is_cut_and_whole_when_asked_for(
    runner: DurableRunner, shop: Shop, visitor: Visitor
) -> None:
    note = "x" * 100_000
    await sell(runner, shop, "a", note=note)

    brief = (await visitor.get("/runs/a/tasks/1/0"))["input"]["payload"]
    full = (await visitor.get("/runs/a/tasks/1/0", full="true"))["input"]["payload"]

    assert brief["is_cut"]
    assert brief["data"]["note"]["$cut"]["characters"] == len(note)
    assert not full["is_cut"]
    assert full["data"]["note"] == note


async def test_an_export_has_everything_of_a_run(runner: DurableRunner, shop: Shop, visitor: Visitor) -> None:
    await sell(runner, shop, "a", note="fail")

    exported = await visitor.get("/runs/a/export")

    assert exported["run"]["stimulation_id"] == "a"
    assert len(exported["attempts"]) == 1
    assert [task["status"] for task in exported["tasks"]] == ["done", "failed"]
    assert [task["neuron_name"] for task in exported["frontier"]] == ["pack"]


async def test_lineage_goes_both_ways(runner: DurableRunner, shop: Shop, visitor: Visitor) -> None:
    await sell(runner, shop, "a")
    await (await runner.clone("a", new_id="copy"))
    await (await runner.fork("a", 1, new_id="branch"))

    parent = await visitor.get("/runs/a/lineage")
    child = await visitor.get("/runs/branch/lineage")

    assert [run["stimulation_id"] for run in parent["children"]] == ["branch", "copy"]
    assert [run["stimulation_id"] for run in child["parents"]] == ["a"]


async def test_no_secret_leaves_by_any_route_of_a_run(runner: DurableRunner, shop: Shop, visitor: Visitor) -> None:
    await sell(runner, shop, "a", note="fail")

    for path in ("", "/attempts", "/tasks", "/tasks/1/0", "/tasks/1/1", "/frontier", "/frontier/1", "/export"):
        assert SECRET not in json.dumps(await visitor.get(f"/runs/a{path}"))


async def test_what_is_not_there_is_a_problem_with_a_code(runner: DurableRunner, shop: Shop, visitor: Visitor) -> None:
    await sell(runner, shop, "a")

    assert await visitor.problem("/runs/b") == "no_run"
    assert await visitor.problem("/runs/b/tasks") == "no_run"
    assert await visitor.problem("/runs/a/tasks/9/0") == "no_task"
    assert await visitor.problem("/runs/a/frontier/0") == "no_task"
    assert await visitor.problem("/runs", limit="many") == "bad_request"
    assert await visitor.problem("/runs", cursor="Zm9yZ2Vk") == "no_page"
    assert await visitor.problem("/runs", sttaus="failed") == "bad_request"
