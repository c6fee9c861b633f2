import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from cnstra import (
    CNS,
    Axon,
    CNSPersistOptionsRegistry,
    Collateral,
    DurableRunner,
    MaxNeuronHopsExceeded,
    Neuron,
    StimulationFailed,
    afferent_path,
    collateral,
    modality,
    neuron,
)
from cnstra.errors import RunNotReady, UnknownName
from cnstra.persist.ports import Store
from tests.durable.conftest import Reopen
from tests.durable.graphs import Boom, Context, Graph, Item, Switch, line, pass_on
from tests.durable.waiting import until


class Stuck:
    """A body that hangs in the first process, and passes its item on in the next one."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.free = False

    def body(self) -> Any:
        async def hang(item: Item, ctx: Context) -> Item:
            self.reached.set()
            if not self.free:
                await asyncio.Event().wait()
            return item

        return hang


async def interrupt(graph: Graph, store: Store, stuck: Stuck, **options: Any) -> None:
    """Start run ``a``, and close its runner while a handler hangs."""
    async with DurableRunner(graph.cns, graph.registry, store, grace=0.01) as runner:
        await runner.stimulate(graph.signal(1), stimulation_id="a", **options)
        await stuck.reached.wait()
    stuck.free = True


async def test_opening_a_runner_resumes_what_was_left(stores: Reopen) -> None:
    stuck = Stuck()
    graph = line(pass_on, stuck.body(), pass_on)
    await interrupt(graph, stores(), stuck)

    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await runner.wait_until_idle()
        info = await runner.get("a")
        attempts = await runner.attempts("a")

    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1"]
    assert info is not None
    assert (info.status, info.attempt_number, info.recoveries) == ("completed", 2, 0)
    assert [attempt.status for attempt in attempts] == ["interrupted", "completed"]


async def test_many_runs_are_resumed(stores: Reopen) -> None:
    stuck = Stuck()
    graph = line(stuck.body(), pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores(), grace=0.01) as runner:
        await asyncio.gather(*(runner.stimulate(graph.signal(n), stimulation_id=str(n)) for n in range(150)))
    stuck.free = True

    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await runner.wait_until_idle()
        completed = await runner.list(status="completed", limit=200)

    assert len(completed) == 150


async def test_limits_metadata_and_the_callers_object_are_there_again(stores: Reopen) -> None:
    stuck = Stuck()
    seen: list[Any] = []

    def look(item: Item, ctx: Context) -> None:
        options = ctx.stimulation.options
        seen.append((ctx.metadata, ctx.stimulation_context, options.concurrency, options.max_neuron_hops))

    graph = line(stuck.body(), look)
    await interrupt(
        graph,
        stores(),
        stuck,
        metadata={"user": {"id": 7}},
        concurrency=3,
        max_neuron_hops=9,
        stimulation_context="one",
    )

    def make(stimulation_id: str, metadata: Mapping[str, Any]) -> Any:
        return ("made for", stimulation_id, metadata["user"]["id"])

    async with DurableRunner(graph.cns, graph.registry, stores(), stimulation_context=make) as runner:
        await runner.wait_until_idle()
        info = await runner.get("a")

    assert seen == [({"user": {"id": 7}}, ("made for", "a", 7), 3, 9)]
    assert info is not None
    assert info.metadata == {"user": {"id": 7}}


async def test_without_a_factory_there_is_no_callers_object_after_a_resume(stores: Reopen) -> None:
    stuck = Stuck()
    seen: list[Any] = []
    graph = line(stuck.body(), lambda item, ctx: seen.append(ctx.stimulation_context))
    await interrupt(graph, stores(), stuck, stimulation_context="one")

    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await runner.wait_until_idle()

    assert seen == [None]


async def test_a_factory_that_fails_fails_the_run_and_not_the_runner(
    stores: Reopen, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = Stuck()
    graph = line(stuck.body(), pass_on)
    await interrupt(graph, stores(), stuck)

    def make(stimulation_id: str, metadata: Mapping[str, Any]) -> Any:
        raise Boom("no database")

    async with DurableRunner(graph.cns, graph.registry, stores(), stimulation_context=make) as runner:
        with pytest.raises(StimulationFailed, match="no database"):
            await runner.wait("a")

    assert "cannot be resumed" in caplog.text


async def test_hops_are_counted_on_after_a_resume(stores: Reopen) -> None:
    stuck = Stuck()
    first = True

    async def loop(item: Item, ctx: Context) -> Item:
        nonlocal first
        if item.n == 3 and first:
            first = False
            stuck.reached.set()
            await asyncio.Event().wait()
        return Item(item.n + 1)

    entry = collateral(Item, name="entry")
    around = neuron({"entry": entry}, name="around")

    async def handle(item: Item, axon: Any, ctx: Context) -> Any:
        return axon.entry.create_signal(await loop(item, ctx))

    around.dendrite(entry, handle)
    registry = CNSPersistOptionsRegistry().register("around", around)
    cns = CNS([around])
    async with DurableRunner(cns, registry, stores(), grace=0.01) as runner:
        await runner.stimulate(entry.create_signal(Item(1)), stimulation_id="a", max_neuron_hops=5)
        await stuck.reached.wait()

    async with DurableRunner(cns, registry, stores()) as runner:
        [run] = runner.active_runs
        with pytest.raises(StimulationFailed) as raised:
            await run
        info = await runner.get("a")

    assert isinstance(raised.value.exceptions[0], MaxNeuronHopsExceeded)
    assert info is not None
    assert info.hop_count == 6


async def test_a_resumed_run_has_its_modality_and_path(stores: Reopen) -> None:
    stuck = Stuck()
    seen: list[str] = []
    click, swipe = afferent_path(), afferent_path()
    touch = modality({"click": click, "swipe": swipe}, name="touch")
    entry, middle, done = (collateral(Item, name=name) for name in ("entry", "middle", "done"))

    async def hang(item: Item, axon: Any, ctx: Context) -> Any:
        return axon.middle.create_signal(await stuck.body()(item, ctx))

    first = neuron({"middle": middle}, name="first").dendrite(entry, hang)
    second = neuron({"done": done}, name="second")
    second.modality_dendrite(
        middle,
        modality=touch,
        afferent_paths={click: lambda item: seen.append("click"), swipe: lambda item: seen.append("swipe")},
        output=lambda result, axon, ctx: None,
    )
    registry = CNSPersistOptionsRegistry().register("first", first).register("second", second)
    registry.register_collateral("entry", entry).register_modality("touch", touch)
    cns = CNS([first, second])
    async with DurableRunner(cns, registry, stores(), grace=0.01) as runner:
        await runner.stimulate(entry.create_signal(Item(1)), stimulation_id="a", modality=touch, afferent_path=swipe)
        await stuck.reached.wait()
    stuck.free = True

    async with DurableRunner(cns, registry, stores()) as runner:
        await runner.wait_until_idle()
        await (await runner.clone("a"))

    assert seen == ["swipe", "swipe"]


async def test_a_modality_without_a_name_is_refused_before_the_start(store: Store) -> None:
    click = afferent_path()
    touch = modality({"click": click}, name="touch")
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        with pytest.raises(UnknownName, match="touch"):
            await runner.stimulate(graph.signal(), stimulation_id="a", modality=touch, afferent_path=click)
        assert await runner.get("a") is None


# ---- dendrites -----------------------------------------------------------------------------------------------


async def test_only_the_dendrite_that_failed_is_run_again(stores: Reopen) -> None:
    ran: list[str] = []
    broken = True

    def second(item: Item) -> None:
        ran.append("second")
        if broken:
            raise Boom

    entry = collateral(Item, name="entry")
    both = neuron({}, name="both").dendrite(entry, lambda: ran.append("first")).dendrite(entry, second)
    registry = CNSPersistOptionsRegistry().register("both", both).register_collateral("entry", entry)
    cns = CNS([both])

    async with DurableRunner(cns, registry, stores()) as runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(entry.create_signal(Item(1)), stimulation_id="a"))
        [left] = await runner.frontier("a")
    broken = False
    async with DurableRunner(cns, registry, stores()) as runner:
        await (await runner.retry("a"))

    assert left.dendrite_index == 1
    assert ran == ["first", "second", "second"]


# ---- other code than before ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Version1:
    name: str


@dataclass(frozen=True)
class Version3:
    first_name: str
    age: int


class NewAxon(Axon):
    named = collateral(Version3)


def deployed(names: Mapping[str, Any], entry: Collateral[Any], emitted: Collateral[Any], seen: list[Any]) -> Graph:
    """Return a graph of two neurons whose second one hangs for version 1."""

    async def take(payload: Any) -> None:
        seen.append(payload)
        if isinstance(payload, Version1):
            await asyncio.Event().wait()

    first: Neuron[Any] = neuron({names["collateral"]: emitted}, name="first")
    first.dendrite(entry, emitted.create_signal)
    second: Neuron[Any] = neuron({}, name="second").dendrite(emitted, take)
    return Graph(CNS([first, second]), CNSPersistOptionsRegistry(), entry, [first, second], [entry, emitted], [])


async def test_renamed_neurons_and_payloads_of_two_versions_ago_are_resumed(stores: Reopen) -> None:
    seen: list[Any] = []
    old_entry, old_named = collateral(Version1, name="entry"), collateral(Version1, name="named")
    old = deployed({"collateral": "named"}, old_entry, old_named, seen)
    old.registry.register("first", old.neurons[0]).register("second", old.neurons[1])
    old.registry.register_collateral("entry", old_entry)
    async with DurableRunner(old.cns, old.registry, stores(), grace=0.01) as runner:
        await runner.stimulate(old_entry.create_signal(Version1("Ada")), stimulation_id="a")
        await until(lambda: bool(seen))

    new_entry, new_named = collateral(Version3, name="entry"), collateral(Version3, name="named")
    new = deployed({"collateral": "renamed"}, new_entry, new_named, seen)
    new.registry.register("first", new.neurons[0]).register("taker", new.neurons[1], aliases=("second",))
    upcast = {1: lambda data: {"first_name": data["name"]}, 2: lambda data: {**data, "age": 36}}
    new.registry.register_collateral("renamed", new_named, aliases=("named",), version=3, upcast=upcast)
    new.registry.register_collateral("entry", new_entry, version=3, upcast=upcast)
    async with DurableRunner(new.cns, new.registry, stores()) as runner:
        await runner.wait_until_idle()
        await (await runner.clone("a"))
        info = await runner.get("a")

    assert seen == [Version1("Ada"), Version3("Ada", 36), Version3("Ada", 36)]
    assert info is not None
    assert info.status == "completed"


async def test_a_run_with_names_unknown_to_this_code_is_left_to_code_that_knows_them(
    stores: Reopen, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = Stuck()
    graph = line(pass_on, stuck.body(), pass_on)
    await interrupt(graph, stores(), stuck)
    older = line(pass_on)

    async with DurableRunner(older.cns, older.registry, stores(), poll=0.01) as old:
        assert old.active_runs == []
        info = await old.get("a")
        attempts = await old.attempts("a")
        warnings = [one.message for one in caplog.records if (one.name, one.levelno) == ("cnstra", logging.WARNING)]
        async with DurableRunner(graph.cns, graph.registry, stores()) as new:
            await new.wait("a")

    assert info is not None
    assert (info.status, info.outstanding, info.attempt_number, info.recoveries) == ("pending", 1, 1, 0)
    assert [attempt.status for attempt in attempts] == ["interrupted"]
    [warning] = warnings
    assert "run a " in warning
    assert "'n1'" in warning
    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1"]


async def test_a_retry_by_code_that_lacks_a_name_says_so_and_leaves_the_run_as_it_was(stores: Reopen) -> None:
    switch = Switch()
    graph = line(pass_on, switch, pass_on)
    older = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        before = (await runner.get("a"), await runner.frontier("a"), await runner.attempts("a"))

    async with DurableRunner(older.cns, older.registry, stores()) as runner:
        with pytest.raises(RunNotReady, match="neuron 'n1': not registered"):
            await runner.retry("a")
        after = (await runner.get("a"), await runner.frontier("a"), await runner.attempts("a"))
    switch.on = False
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.retry("a"))

    assert after == before
    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1"]


async def test_a_dendrite_that_is_gone_is_named(stores: Reopen, caplog: pytest.LogCaptureFixture) -> None:
    stuck = Stuck()
    graph = line(pass_on, stuck.body())
    await interrupt(graph, stores(), stuck)
    other = line(pass_on, pass_on)
    bare = neuron({"c2": other.collaterals[2]}, name="n1")
    registry = CNSPersistOptionsRegistry().register("n0", other.neurons[0]).register("n1", bare)
    registry.register_collateral("c0", other.entry)

    async with DurableRunner(CNS([other.neurons[0], bare]), registry, stores()) as runner:
        info = await runner.get("a")

    assert info is not None
    assert info.status == "pending"
    assert "no dendrite number 0" in caplog.text


async def test_a_stored_payload_that_no_longer_fits_fails_the_run_visibly(stores: Reopen) -> None:
    @dataclass
    class Other:
        name: str

    stuck = Stuck()
    graph = line(pass_on, stuck.body())
    await interrupt(graph, stores(), stuck)
    c0, c1 = collateral(Other, name="c0"), collateral(Other, name="c1")
    n0 = neuron({"c1": c1}, name="n0").dendrite(c0, lambda: None)
    n1 = neuron({}, name="n1").dendrite(c1, lambda: None)
    registry = CNSPersistOptionsRegistry().register("n0", n0).register("n1", n1).register_collateral("c0", c0)

    async with DurableRunner(CNS([n0, n1]), registry, stores()) as runner:
        with pytest.raises(StimulationFailed, match="c1"):
            await runner.wait("a")
        info = await runner.get("a")

    assert info is not None
    assert info.status == "failed"
    assert json.dumps(info.entry[0].payload) == '{"n": 1}'
