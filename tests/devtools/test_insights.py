"""The graph, the workers and the numbers, by way of the API."""

from __future__ import annotations

from pathlib import Path

from cnstra import CNS, DurableRunner, collateral, neuron
from cnstra.devtools import serve
from cnstra.durable import Keep
from cnstra.stores import MemoryStore
from tests.devtools.shop import Shop, sell
from tests.devtools.visiting import TOKEN, Visitor, visiting


async def test_the_graph_that_was_given_is_shown_whole(runner: DurableRunner, visitor: Visitor) -> None:
    graph = await visitor.get("/graph")

    edges = [(edge["source"], edge["collateral"], edge["target"]) for edge in graph["edges"]]
    assert (graph["source"], graph["is_complete"]) == ("declared", True)
    assert [neuron["name"] for neuron in graph["neurons"]] == ["take", "pack", "ship"]
    assert sorted(edges, key=str) == [
        ("pack", "packed", "ship"), ("take", "taken", "pack"), (None, "ordered", "take"),
    ]  # fmt: skip
    assert "take" in await visitor.get("/graph/mermaid")
    assert "digraph" in await visitor.get("/graph/dot")


async def test_a_graph_that_was_not_given_is_what_was_seen_at_work(
    runner: DurableRunner, shop: Shop, store_url: str
) -> None:
    await sell(runner, shop, "a")
    await sell(runner, shop, "b", note="fail")
    with serve(store_url, token=TOKEN, quiet=True) as url:
        async with visiting(url) as visitor:
            graph = await visitor.get("/graph")
            drawn = await visitor.get("/graph/mermaid")
            missing = await visitor.problem("/neurons/take")
            listed = await visitor.get("/neurons")

    edges = [(edge["source"], edge["collateral"], edge["target"]) for edge in graph["edges"]]
    assert graph["source"] == "observed"
    assert edges == [(None, "ordered", "take"), ("pack", "packed", "ship"), ("take", "taken", "pack")]
    assert '-->|"taken"|' in drawn
    assert (missing, listed["neurons"]) == ("no_neuron", [])


async def test_a_neuron_is_shown_with_its_contract_and_its_place(runner: DurableRunner, visitor: Visitor) -> None:
    neuron = await visitor.get("/neurons/take")

    [dendrite] = neuron["dendrites"]
    assert neuron["axon"]["doc"] == "What is known of an order that was taken."
    assert dendrite["handler"]["doc"] == "Write an order down.\n\nIt is kept until it is packed."
    assert dendrite["handler"]["file"].endswith("shop.py")
    assert "def write_down" in _line(dendrite["handler"])


async def test_a_collateral_is_shown_with_the_schema_of_its_payloads(runner: DurableRunner, visitor: Visitor) -> None:
    shown = await visitor.get("/collaterals/ordered")

    schema = shown["contract"]["schema"]["$defs"]["Order"]
    assert (shown["is_entry"], shown["subscribers"], shown["type_name"]) == (True, ["take"], "Order")
    assert list(schema["properties"]) == ["number", "note", "password"]
    assert "default" not in schema["properties"]["password"]
    assert "class Order" in _line(shown["contract"]["source"])
    assert await visitor.problem("/collaterals/nothing") == "no_collateral"


def _line(place: dict[str, object]) -> str:
    """Return the line that a place names, with the one after it: a decorator may come first."""
    lines = Path(str(place["file"])).read_text(encoding="utf-8").splitlines()
    number = place["line"]
    assert isinstance(number, int)
    return "\n".join(lines[number - 1 : number + 1])


async def test_neurons_are_counted_and_timed(runner: DurableRunner, shop: Shop, visitor: Visitor) -> None:
    for number in range(4):
        await sell(runner, shop, f"run-{number}", note="fail" if number == 0 else "")

    numbers = {one["name"]: one for one in (await visitor.get("/statistics", window=3_600))["neurons"]}
    pack = await visitor.get("/neurons/pack/statistics")

    assert {name: (one["done"], one["failed"]) for name, one in numbers.items()} == {
        "take": (4, 0), "pack": (3, 1), "ship": (3, 0),
    }  # fmt: skip
    assert 0 <= numbers["take"]["p50"] <= numbers["take"]["p95"] <= numbers["take"]["longest"]
    assert [one["run"]["stimulation_id"] for one in pack["recent"]] == ["run-3", "run-2", "run-1", "run-0"]
    assert pack["sample"] == {"runs": 4, "tasks": 11, "is_complete": True}


async def test_the_store_is_shown_in_numbers(runner: DurableRunner, shop: Shop, visitor: Visitor) -> None:
    await sell(runner, shop, "a")
    await sell(runner, shop, "b", note="fail")

    health = await visitor.get("/health")
    [worker] = (await visitor.get("/workers"))["workers"]
    activity = await visitor.get("/activity", window=60)

    assert (health["runs"]["completed"], health["runs"]["failed"], health["workers"]) == (1, 1, 1)
    assert (worker["worker_id"], worker["is_expired"]) == (runner.worker_id, False)
    assert sum(bucket["created"] for bucket in activity["buckets"]) == 2
    assert sum(bucket["failed"] for bucket in activity["buckets"]) == 1


async def test_devtools_say_what_they_are_of(runner: DurableRunner, visitor: Visitor) -> None:
    meta = await visitor.get("/meta")

    assert (meta["name"], meta["store"], meta["has_graph"]) == ("cnstra", runner.store.label, True)


async def test_an_empty_store_is_shown_as_such() -> None:
    with serve(MemoryStore(), token=TOKEN, quiet=True) as url:
        async with visiting(url) as visitor:
            assert (await visitor.get("/runs"))["runs"] == []
            assert (await visitor.get("/graph"))["neurons"] == []
            assert (await visitor.get("/statistics"))["neurons"] == []
            assert await visitor.problem("/neurons/x/statistics") == "no_neuron"


async def test_parts_that_share_a_label_are_told_apart() -> None:
    said = collateral(str, name="said")
    twins = [neuron({}, name="twin").dendrite(said, lambda word: None) for _ in range(2)]
    with serve(MemoryStore(), cns=CNS(twins), token=TOKEN, quiet=True) as url:
        async with visiting(url) as visitor:
            graph = await visitor.get("/graph")
            second = await visitor.get("/neurons/" + graph["neurons"][1]["ref"])

    assert [one["name"] for one in graph["neurons"]] == ["twin", "twin (2)"]
    assert not graph["neurons"][0]["is_registered"]
    assert second["listens"] == ["said"]


async def test_health_tells_what_is_kept_and_what_waits_to_be_done(shop: Shop) -> None:
    async with shop.runner(MemoryStore(), obeys=True, retention={"completed": Keep(60.0, 5), "failed": 90}) as runner:
        with serve(runner, token=TOKEN, quiet=True) as url:
            async with visiting(url) as visitor:
                health = await visitor.get("/health")

    assert health["retention"] == {
        "completed": {"age": 60.0, "count": 5}, "failed": {"age": 90.0, "count": None}, "aborted": None,
    }  # fmt: skip
    assert health["commands"] == {"waiting": 0, "oldest_at": None, "oldest_age": None, "is_complete": True}


async def test_health_of_a_store_alone_tells_what_waits_for_a_worker_with_the_graph() -> None:
    with serve(MemoryStore(), token=TOKEN, quiet=True) as url:
        async with visiting(url) as visitor:
            clone = await visitor.order("clone", "a")
            health = await visitor.get("/health")

    assert health["retention"] is None
    assert (health["commands"]["waiting"], health["commands"]["oldest_at"]) == (1, clone["ordered_at"])
    assert health["commands"]["oldest_age"] >= 0
