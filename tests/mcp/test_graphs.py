"""What an assistant learns of the graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mcp.talking import APP, ask, over_stdio, refused

GRAPH = ("--graph", f"{APP}:cns", "--registry", f"{APP}:registry")


async def test_a_graph_alone_is_enough_for_the_tools_about_it() -> None:
    async with over_stdio(*GRAPH) as client:
        context = (await ask(client, "cns_get_context"))["result"]
        neurons = await ask(client, "cns_list_neurons")
        refusal = await refused(client, "list_runs")

    assert "`take`" in context
    assert [(one["name"], one["listens"], one["emits"]) for one in neurons["neurons"]] == [
        ("take", ["ordered"], ["taken"]), ("pack", ["taken"], ["packed"]), ("ship", ["packed"], []),
    ]  # fmt: skip
    assert "start it with --store URL, or with --runner MODULE:RUNNER" in refusal


async def test_a_graph_is_shown_in_every_format_whole_or_in_part() -> None:
    async with over_stdio(*GRAPH) as client:
        whole = await ask(client, "cns_get_graph")
        near = await ask(client, "cns_get_graph", around="ship", depth=1)
        texts = [(await ask(client, "cns_get_graph", format=one))["text"] for one in ("mermaid", "dot", "markdown")]
        refusal = await refused(client, "cns_get_graph", around="shop")

    assert (whole["source"], len(whole["graph"]["edges"])) == ("declared", 3)
    assert [one["name"] for one in near["graph"]["neurons"]] == ["pack", "ship"]
    assert all(word in text for word, text in zip(("flowchart", "digraph", "# CNS"), texts, strict=True))
    assert "no neuron and no collateral 'shop'; there is 'ship'" in refusal


async def test_a_neuron_is_shown_with_its_contract_and_its_place() -> None:
    async with over_stdio(*GRAPH) as client:
        neuron = await ask(client, "cns_get_neuron", name="take")
        refusal = await refused(client, "cns_get_neuron", name="tak")

    [dendrite] = neuron["dendrites"]
    assert dendrite["handler"]["file"].endswith("shop.py")
    assert dendrite["handler"]["doc"].startswith("Write an order down.")
    schema = neuron["payloads"]["ordered"]["schema"]["$defs"]["Order"]
    assert "default" not in schema["properties"]["password"]
    assert "no neuron 'tak'; there is 'take'" in refusal


async def test_collaterals_are_listed_page_by_page_and_by_a_text() -> None:
    async with over_stdio(*GRAPH) as client:
        first = await ask(client, "cns_list_collaterals", limit=2)
        second = await ask(client, "cns_list_collaterals", limit=2, start=first["next"])
        found = await ask(client, "cns_list_collaterals", query="PACK")

    names = [one["name"] for page in (first, second) for one in page["collaterals"]]
    assert sorted(names) == ["ordered", "packed", "taken"]
    assert (first["total"], second["next"]) == (3, None)
    assert [one["name"] for one in found["collaterals"]] == ["packed"]


async def test_a_way_through_the_graph_is_found() -> None:
    async with over_stdio(*GRAPH) as client:
        way = await ask(client, "cns_find_path", source="ordered", target="ship")
        back = await ask(client, "cns_find_path", source="ship", target="take")

    assert [one["name"] for one in way["steps"]] == ["ordered", "take", "taken", "pack", "packed", "ship"]
    assert (back["is_reachable"], back["steps"]) == (False, [])


async def test_of_a_store_alone_the_graph_is_what_was_seen_at_work(url: str) -> None:
    async with over_stdio("--store", url) as client:
        context = (await ask(client, "cns_get_context"))["result"]
        graph = await ask(client, "cns_get_graph")
        refusal = await refused(client, "cns_get_neuron", name="take")

    assert "not at hand" in context
    assert (graph["source"], len(graph["graph"]["edges"])) == ("observed", 3)
    assert "start it with --runner MODULE:RUNNER, or --graph MODULE:CNS" in refusal


async def test_the_graph_is_there_as_resources_and_debugging_as_a_prompt() -> None:
    async with over_stdio(*GRAPH) as client:
        listed = [one.uri for one in (await client.list_resources()).resources]
        [context] = (await client.read_resource("cnstra://context")).contents
        [graph] = (await client.read_resource("cnstra://graph")).contents
        [prompt] = (await client.list_prompts()).prompts
        [message] = (await client.get_prompt(prompt.name, {"stimulation_id": "a'b"})).messages

    assert sorted(map(str, listed)) == ["cnstra://context", "cnstra://graph"]
    assert (context.mime_type, graph.mime_type) == ("text/markdown", "application/json")
    assert '"edges"' in str(graph)
    assert "explain_failure" in str(message.content)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_clients_of_older_and_of_newer_versions_are_served(mode: str, tmp_path: Path) -> None:
    async with over_stdio(*GRAPH, mode=mode) as client:
        names = {one.name for one in (await client.list_tools()).tools}
        neurons = await ask(client, "cns_list_neurons")

    assert "cns_get_context" in names
    assert neurons["total"] == 3
