"""What an assistant may have done, where it is allowed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from mcp import Client

from cnstra import StimulationFailed
from tests.devtools.shop import Shop
from tests.mcp.talking import APP, ask, over_stdio, refused

ACTIONS = {"retry_run", "fork_run", "clone_run", "abort_run", "stimulate"}
PAYLOAD = '{"number": 5, "note": "by hand"}'


@asynccontextmanager
async def acting(url: str, *options: str) -> AsyncIterator[Client]:
    """Talk to a server that may act, beside which no worker lives."""
    async with over_stdio("--store", url, "--allow-actions", *options) as client:
        yield client


async def test_actions_are_hidden_unless_they_are_allowed(url: str) -> None:
    async with over_stdio("--store", url) as client:
        hidden = {one.name for one in (await client.list_tools()).tools}
        refusal = await refused(client, "retry_run", stimulation_id="broken")
    async with acting(url) as client:
        tools = {one.name: one.annotations for one in (await client.list_tools()).tools}

    assert not hidden & ACTIONS
    assert "Unknown tool" in refusal
    destructive = {name for name, one in tools.items() if one is not None and one.destructive_hint}
    assert (tools.keys() >= ACTIONS, destructive) == (True, {"retry_run", "abort_run"})


async def test_a_retry_is_carried_out_once_and_a_worker_runs_what_is_left(url: str) -> None:
    shop = Shop()
    async with acting(url) as client:
        done = await ask(client, "retry_run", stimulation_id="broken", seen="1-failed")
        again = await ask(client, "retry_run", stimulation_id="broken", seen="1-failed")
        async with shop.runner(url) as runner:
            with pytest.raises(StimulationFailed):
                await runner.wait("broken")
            [command] = await runner.commands("broken")
            tasks = await runner.tasks("broken", 2)

    assert (done["status"], done["run"]["status"], done["is_repeated"]) == ("done", "pending", False)
    assert (again["status"], again["is_repeated"]) == ("done", True)
    assert [one.neuron_name for one in tasks] == ["pack"]
    assert (command.actor, command.kind, command.seen) == ("mcp", "retry", "1-failed")


async def test_a_run_that_has_changed_since_is_left_alone(url: str) -> None:
    async with acting(url) as client:
        await ask(client, "retry_run", stimulation_id="broken")
        refusal = await ask(client, "retry_run", stimulation_id="broken", seen="1-failed", idempotency_key="another")
        missing = await refused(client, "retry_run", stimulation_id="nothing")

    assert refusal["status"] == "refused"
    assert "no run 'nothing' is stored" in missing


async def test_runs_are_cloned_and_forked_with_another_input(url: str) -> None:
    async with acting(url, "--runner", f"{APP}:runner") as client:
        clone = await ask(client, "clone_run", stimulation_id="done", new_id="clone-1")
        fork = await ask(client, "fork_run", stimulation_id="broken", from_task=1, payload_json=PAYLOAD)
        run = await ask(client, "get_run", stimulation_id=fork["run"]["stimulation_id"])

    assert (clone["status"], clone["run"]["stimulation_id"], clone["run"]["clone_of"]) == ("done", "clone-1", "done")
    assert (fork["run"]["forked_from"], fork["run"]["forked_task"]) == ("broken", 1)
    assert run["entry_signals"][0]["payload"]["data"]["number"] == 5


async def test_a_run_that_waits_is_aborted_with_a_reason(url: str) -> None:
    async with acting(url) as client:
        await ask(client, "retry_run", stimulation_id="broken")
        done = await ask(client, "abort_run", stimulation_id="broken", reason="no more of that")
        told = await ask(client, "explain_failure", stimulation_id="broken")

    assert (done["status"], done["run"]["status"]) == ("done", "aborted")
    assert "no more of that" in told["error"]["message"]


async def test_a_signal_is_checked_and_starts_a_run_once(url: str) -> None:
    signal = {"collateral": "ordered", "payload_json": PAYLOAD}
    async with acting(url, "--runner", f"{APP}:runner") as client:
        checked = await ask(client, "stimulate", **signal, dry_run=True)
        before = await ask(client, "list_runs")
        done = await ask(client, "stimulate", **signal)
        again = await ask(client, "stimulate", **signal)
        other = await ask(client, "stimulate", **signal, idempotency_key="once more", stimulation_id="mine")

    assert (checked["status"], len(before["runs"])) == ("valid", 5)
    assert (done["status"], done["run"]["status"]) == ("done", "pending")
    assert (again["run"]["stimulation_id"], again["is_repeated"]) == (done["run"]["stimulation_id"], True)
    assert other["run"]["stimulation_id"] == "mine"


async def test_a_payload_that_is_not_what_its_collateral_declares_is_refused(url: str) -> None:
    async with acting(url, "--runner", f"{APP}:runner") as client:
        refusals = [
            await refused(client, "stimulate", collateral="ordered", payload_json='{"number": "x"}', dry_run=True),
            await refused(client, "stimulate", collateral="ordered", payload_json="{"),
            await refused(client, "stimulate", collateral="nothing", payload_json="1"),
        ]
        left = await ask(client, "list_runs")

    assert ["$.number" in refusals[0], "is no JSON" in refusals[1], "'nothing'" in refusals[2]] == [True] * 3
    assert len(left["runs"]) == 5


async def test_a_key_that_was_used_for_something_else_is_told(url: str) -> None:
    async with acting(url) as client:
        await ask(client, "retry_run", stimulation_id="broken", idempotency_key="k")
        refusal = await refused(client, "abort_run", stimulation_id="broken", idempotency_key="k")

    assert "the idempotency key 'k' was used for retry of 'broken'" in refusal
