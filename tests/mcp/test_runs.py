"""What an assistant learns of stored runs, also when their application is dead."""

from __future__ import annotations

import json
import logging

import pytest
from mcp import Client

from cnstra import CNS, DurableRunner, MemoryStore, collateral, create_persist_registry, neuron
from cnstra.mcp import mcp_server
from cnstra.mcp.shown_runs import Signal
from tests.devtools.shop import SECRET, Shop, sell, settled
from tests.mcp.conftest import HOSTILE_ID, HOSTILE_NOTE
from tests.mcp.talking import APP, ask, over_stdio, refused


async def test_runs_are_listed_and_filtered(url: str) -> None:
    async with over_stdio("--store", url) as client:
        names = [
            [one["stimulation_id"] for one in (await ask(client, "list_runs", **filters))["runs"]]
            for filters in (
                {},
                {"status": ["failed"]},
                {"neuron": "ship", "limit": 1},
                {"text": "NOTHING LEFT"},
                {"text": "ignore all"},
                {"since": "1h"},
                {"since": "2999-01-01"},
                {"text": SECRET},
            )
        ]

    everything = [HOSTILE_ID, "huge", "large", "broken", "done"]
    assert names == [everything, ["broken"], [HOSTILE_ID], ["broken"], [HOSTILE_ID], everything, [], []]


async def test_a_list_goes_on_where_it_stopped(url: str) -> None:
    async with over_stdio("--store", url) as client:
        first = await ask(client, "list_runs", limit=3)
        second = await ask(client, "list_runs", limit=3, cursor=first["cursor"])
        refusal = await refused(client, "list_runs", cursor="nonsense")

    assert [len(page["runs"]) for page in (first, second)] == [3, 2]
    assert second["cursor"] is None
    assert "no page has this cursor" in refusal


async def test_a_failed_run_is_explained_in_one_answer(url: str) -> None:
    async with over_stdio("--store", url) as client:
        told = await ask(client, "explain_failure", stimulation_id="broken")

    [failed] = told["failed"]
    assert "Neuron 'pack' failed on 'taken' (activation 1): OutOfStockError" in told["summary"]
    assert "A retry would run what is left, 1 activation," in told["summary"]
    assert "KeyError: 8" in failed["error"]["traceback"]
    assert failed["input"]["payload"]["data"]["number"] == 8
    assert told["retry_runs"] == ["pack (1)"]
    assert (told["last_context_change"]["neuron_name"], told["left"]) == ("take", [])
    assert told["last_context_change"]["changes"] == [{"path": "$", "before": None, "after": {"seen": 8}}]


async def test_a_run_that_did_not_fail_is_told_so(url: str) -> None:
    async with over_stdio("--store", url) as client:
        told = await ask(client, "explain_failure", stimulation_id="done")

    assert told["summary"] == "Run 'done' is completed, in attempt 1. There is nothing to retry."
    assert told["failed"] == told["retry_runs"] == []


async def test_a_run_is_shown_with_its_attempts_activations_and_frontier(url: str) -> None:
    async with over_stdio("--store", url) as client:
        run = await ask(client, "get_run", stimulation_id="broken")

    assert (run["run"]["status"], run["run"]["version"]) == ("failed", "1-failed")
    assert [(one["neuron_name"], one["status"]) for one in run["activations"]] == [("take", "done"), ("pack", "failed")]
    assert [(one["neuron_name"], one["attempt_number"]) for one in run["frontier"]] == [("pack", None)]
    assert [one["status"] for one in run["attempts"]] == ["failed"]


async def test_payloads_are_shown_when_they_are_asked_for(url: str) -> None:
    async with over_stdio("--store", url) as client:
        bare = await ask(client, "get_task", stimulation_id="done", ordinal=0)
        whole = await ask(client, "get_task", stimulation_id="done", ordinal=0, include_payload=True)
        refusal = await refused(client, "get_task", stimulation_id="done", ordinal=99)

    assert (bare["input"], bare["emitted"]) == (None, ["taken"])
    assert "include_payload=true" in bare["note"]
    assert whole["input"]["payload"]["data"]["number"] == 7
    assert whole["contexts"][0]["after"]["data"] == {"seen": 7}
    assert "run 'done' has no activation 99" in refusal


async def test_a_large_payload_is_cut_and_says_how_to_get_more(url: str) -> None:
    async with over_stdio("--store", url) as client:
        cut = await ask(client, "get_task", stimulation_id="large", ordinal=0, include_payload=True)
        whole = await ask(client, "get_task", stimulation_id="large", ordinal=0, include_payload=True, full=True)
        huge = await ask(client, "get_task", stimulation_id="huge", ordinal=0, include_payload=True, full=True)

    payload = cut["input"]["payload"]
    assert payload["is_cut"]
    assert len(json.dumps(payload)) < 5_000
    assert "full=true" in payload["note"]
    assert len(whole["input"]["payload"]["data"]["note"]) == 200_000
    assert huge["input"]["payload"]["is_cut"]
    assert len(json.dumps(huge["input"])) < 5_000
    assert "cnstra runs export" in huge["input"]["payload"]["note"]


async def test_a_neuron_is_shown_in_numbers(url: str) -> None:
    async with over_stdio("--store", url) as client:
        numbers = await ask(client, "neuron_stats", name="pack", window="1h")
        refusals = [
            await refused(client, "neuron_stats", name="nothing"),
            await refused(client, "neuron_stats", name="pack", window="soon"),
        ]

    assert (numbers["done"], numbers["failed"], numbers["runs"]) == (4, 1, 5)
    assert numbers["recent"][0]["stimulation_id"] == HOSTILE_ID
    assert "no neuron 'nothing' was seen in the last 1h" in refusals[0]
    assert "'soon' is no duration" in refusals[1]


@pytest.mark.parametrize("options", [(), ("--runner", f"{APP}:runner")])
async def test_no_answer_has_a_secret(url: str, options: tuple[str, ...]) -> None:
    async with over_stdio("--store", url, *options) as client:
        answers = [
            await ask(client, "list_runs"),
            await ask(client, "get_run", stimulation_id="broken"),
            await ask(client, "explain_failure", stimulation_id="broken"),
            await ask(client, "get_task", stimulation_id="broken", ordinal=1, include_payload=True, full=True),
            await ask(client, "neuron_stats", name="pack"),
            await ask(client, "cns_get_context"),
            await ask(client, "cns_get_graph"),
        ]

    assert SECRET not in json.dumps(answers)
    assert '{"$redacted": "key"}' in json.dumps(answers)


async def test_a_function_of_the_users_has_the_last_word(url: str) -> None:
    hook = "tests.cli.runs.vault:names_alone"
    async with over_stdio("--store", url, CNSTRA_REDACT=hook) as client:
        task = await ask(client, "get_task", stimulation_id="done", ordinal=0, include_payload=True)

    assert task["input"]["payload"]["data"] == "ordered"


async def test_hostile_ids_and_payloads_are_data(url: str) -> None:
    async with over_stdio("--store", url) as client:
        run = await ask(client, "get_run", stimulation_id=HOSTILE_ID)
        refusals = [
            await refused(client, "get_run", stimulation_id=name)
            for name in ("../../etc/passwd", "a\0b", "", "'; DROP TABLE runs; --", "x" * 5_000)
        ]

    assert run["entry_signals"][0]["payload"]["data"]["note"] == HOSTILE_NOTE
    assert all("Error executing tool get_run: " in one for one in refusals)
    assert "no run" in refusals[3]


async def test_what_a_handler_logged_is_told_without_its_secrets() -> None:
    asked = collateral(str, name="asked")

    def answer(word: str) -> None:
        logging.getLogger("oracle").warning("no answer to %s, token=%s", word, SECRET)
        raise ValueError(word)

    oracle = neuron({}, name="oracle").dendrite(asked, answer)
    registry = create_persist_registry({"oracle": oracle}).register_collateral("asked", asked)
    async with DurableRunner(CNS([oracle]), registry, MemoryStore(), handle_sigterm=False) as runner:
        await settled(await runner.stimulate(asked.create_signal("why"), stimulation_id="a"))
        async with Client(mcp_server(runner)) as client:
            told = await ask(client, "explain_failure", stimulation_id="a")
            task = await ask(client, "get_task", stimulation_id="a", ordinal=0)

    assert [one["message"] for one in told["failed"][0]["logs"]] == ["no answer to why, token=[redacted]"]
    assert task["logs"] == told["failed"][0]["logs"]


async def test_of_a_run_that_keeps_no_history_what_is_left_is_shown() -> None:
    shop = Shop()
    async with shop.runner(MemoryStore(), volume="progress") as runner:
        await sell(runner, shop, "brief", note="fail")
        async with Client(mcp_server(runner)) as client:
            run = await ask(client, "get_run", stimulation_id="brief")
            told = await ask(client, "explain_failure", stimulation_id="brief")
            refusal = await refused(client, "get_task", stimulation_id="brief", ordinal=0)

    assert (run["activations"], [one["neuron_name"] for one in run["frontier"]]) == ([], ["pack"])
    assert "volume progress" in run["note"]
    assert "nothing left" in told["summary"]
    assert "volume progress" in refusal


async def test_a_history_that_is_too_long_to_be_read_hides_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnstra.mcp.runs.MAX_HISTORY", 1)
    monkeypatch.setattr("cnstra.inspection.reading.MAX_HISTORY", 1)
    shop = Shop()
    async with shop.runner(MemoryStore()) as runner:
        await sell(runner, shop, "long", note="fail")
        async with Client(mcp_server(runner)) as client:
            run = await ask(client, "get_run", stimulation_id="long")
            told = await ask(client, "explain_failure", stimulation_id="long")
            refusal = await refused(client, "get_task", stimulation_id="long", ordinal=0)

    assert "too many to be read" in run["note"]
    assert told["retry_runs"] == ["pack (1)"]
    assert "is not read" in refusal


def test_half_a_surrogate_pair_is_shown_as_a_question_mark() -> None:
    shown = Signal.of({"collateral_name": "a\ud800", "version": 1, "bytes": 2, "payload": None})

    assert shown.model_dump_json() == '{"collateral_name":"a\ufffd","version":1,"bytes":2,"payload":null}'


async def test_every_tool_that_looks_says_so_and_has_schemas(url: str) -> None:
    async with over_stdio("--store", url) as client:
        tools = (await client.list_tools()).tools

    assert {one.name for one in tools} == {
        "cns_get_context", "cns_get_graph", "cns_get_neuron", "cns_list_neurons", "cns_list_collaterals",
        "cns_find_path", "list_runs", "get_run", "get_task", "explain_failure", "neuron_stats",
    }  # fmt: skip
    for tool in tools:
        assert tool.annotations is not None
        assert (tool.annotations.read_only_hint, tool.annotations.destructive_hint) == (True, False)
        assert tool.output_schema is not None
        assert tool.description
