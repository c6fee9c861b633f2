from dataclasses import dataclass
from typing import Any

import pytest

from cnstra import (
    CNS,
    CNSPersistOptionsRegistry,
    DurableRunner,
    HandlerContext,
    PayloadError,
    StimulationFailed,
    UnknownName,
    afferent_path,
    collateral,
    modality,
    neuron,
    with_ctx,
)
from cnstra.errors import GraphError, RunExists, RunNotFound, RunNotReady
from tests.durable.conftest import Reopen
from tests.durable.graphs import Context, Graph, Item, Switch, line, pass_on


@dataclass
class Sum:
    value: int = 0


def adding(neurons: int = 3) -> Graph:
    """Return a line whose neurons add up what they get, each in its own context, and pass on one more."""
    ran: list[str] = []
    collaterals = [collateral(Item, name=f"c{index}") for index in range(neurons + 1)]
    registry = CNSPersistOptionsRegistry().register_collateral("c0", collaterals[0])
    made: list[Any] = []
    for index in range(neurons):
        one = with_ctx(Sum).neuron({f"c{index + 1}": collaterals[index + 1]}, name=f"n{index}")
        one.dendrite(collaterals[index], add(f"n{index}", collaterals[index + 1], ran))
        registry.register(one.label, one)
        made.append(one)
    return Graph(CNS(made), registry, collaterals[0], made, collaterals, ran)


def add(name: str, output: Any, ran: list[str]) -> Any:
    def handle(item: Item, axon: Any, ctx: HandlerContext[Sum, Any]) -> Any:
        before = ctx.get() or Sum()
        ran.append(f"{name}:{item.n} on {before.value}")
        ctx.set(Sum(before.value + item.n))
        return output.create_signal(Item(item.n + 1))

    return handle


async def test_a_fork_runs_one_task_of_the_history_and_what_follows_from_it(stores: Reopen) -> None:
    graph = adding()
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a", metadata={"tenant": "north"}))
        fork = await runner.fork("a", from_task=1, new_id="b")
        await fork
        info = await runner.get("b")
        tasks = await runner.tasks("b")

    assert graph.ran == ["n0:1 on 0", "n1:2 on 0", "n2:3 on 0", "n1:2 on 0", "n2:3 on 0"]
    assert info is not None
    assert (info.status, info.forked_from, info.forked_task, info.clone_of) == ("completed", "a", 1, None)
    assert (info.metadata, info.attempt_number) == ({"tenant": "north"}, 1)
    assert [signal.payload for signal in info.entry] == [{"n": 2}]
    assert [task.activation_id for task in tasks] == ["b:0", "b:1"]
    assert tasks[0].contexts == {"n1": {"value": 2}}


async def test_a_fork_finds_the_contexts_as_they_stood_before_that_task(stores: Reopen) -> None:
    loop = collateral(Item, name="loop")
    ran: list[str] = []
    around = with_ctx(Sum).neuron({"loop": loop}, name="around").dendrite(loop, count_up(ran))
    registry = CNSPersistOptionsRegistry().register("around", around)
    async with DurableRunner(CNS([around]), registry, stores()) as runner:
        await (await runner.stimulate(loop.create_signal(Item(1)), stimulation_id="a"))
        del ran[:]
        await (await runner.fork("a", from_task=2, new_id="b"))

    assert ran == ["3 on 3", "4 on 6"]


async def test_a_fork_may_have_another_payload(stores: Reopen) -> None:
    graph = adding()
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        del graph.ran[:]
        await (await runner.fork("a", 1, payload=Item(70)))
        with pytest.raises(PayloadError, match="c1"):
            await runner.fork("a", 1, payload="seventy")
        runs = await runner.list()

    assert graph.ran == ["n1:70 on 0", "n2:71 on 0"]
    assert len(runs) == 2


async def test_a_fork_can_be_cloned_and_forked_again(stores: Reopen) -> None:
    graph = adding()
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        await (await runner.fork("a", 1, new_id="b", payload=Item(7)))
        del graph.ran[:]
        await (await runner.clone("b", new_id="c"))
        await (await runner.fork("b", 0, new_id="d"))
        await (await runner.fork("c", 1, new_id="e"))
        clone = await runner.get("c")

    assert graph.ran == ["n1:7 on 0", "n2:8 on 0"] * 2 + ["n2:8 on 0"]
    assert clone is not None
    assert (clone.clone_of, clone.forked_from) == ("b", None)


async def test_a_clone_of_a_fork_begins_with_the_contexts_of_the_fork(stores: Reopen) -> None:
    loop = collateral(Item, name="loop")
    ran: list[str] = []
    around = with_ctx(Sum).neuron({"loop": loop}, name="around").dendrite(loop, count_up(ran))
    registry = CNSPersistOptionsRegistry().register("around", around)
    async with DurableRunner(CNS([around]), registry, stores()) as runner:
        await (await runner.stimulate(loop.create_signal(Item(1)), stimulation_id="a"))
        await (await runner.fork("a", from_task=2, new_id="b"))
        del ran[:]
        await (await runner.clone("b"))
        await (await runner.fork("b", 1))

    assert ran == ["3 on 3", "4 on 6", "4 on 6"]


def count_up(ran: list[str]) -> Any:
    def handle(item: Item, axon: Any, ctx: HandlerContext[Sum, Any]) -> Any:
        before = ctx.get() or Sum()
        ran.append(f"{item.n} on {before.value}")
        ctx.set(Sum(before.value + item.n))
        return axon.loop.create_signal(Item(item.n + 1)) if item.n < 4 else None

    return handle


async def test_only_the_dendrite_of_the_task_is_activated(stores: Reopen) -> None:
    ran: list[str] = []
    entry = collateral(Item, name="entry")
    both = neuron({}, name="both")
    both.dendrite(entry, lambda: ran.append("first")).dendrite(entry, lambda: ran.append("second"))
    registry = CNSPersistOptionsRegistry().register("both", both).register_collateral("entry", entry)
    async with DurableRunner(CNS([both]), registry, stores()) as runner:
        await (await runner.stimulate(entry.create_signal(Item(1)), stimulation_id="a"))
        await (await runner.fork("a", 1))

    assert ran == ["first", "second", "second"]


async def test_a_task_that_failed_can_be_forked_with_a_better_payload(stores: Reopen) -> None:
    def refuse(item: Item, ctx: Context) -> Item:
        if item.n < 0:
            raise ValueError("below zero")
        return item

    graph = line(pass_on, refuse)
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(graph.signal(-1), stimulation_id="a"))
        await (await runner.fork("a", 1, payload=Item(1)))

    assert graph.ran == ["n0:-1", "n1:-1", "n1:1"]


async def test_a_fork_that_fails_is_retried_from_its_own_frontier(stores: Reopen) -> None:
    switch = Switch(on=False)
    graph = line(pass_on, pass_on, switch)
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        switch.on = True
        with pytest.raises(StimulationFailed):
            await (await runner.fork("a", 1, new_id="b"))
        switch.on = False
        await (await runner.retry("b"))

    assert graph.ran[3:] == ["n1:1", "n2:1", "n2:1"]


async def test_a_fork_has_the_modality_of_its_run(stores: Reopen) -> None:
    seen: list[str] = []
    click, swipe = afferent_path(), afferent_path()
    touch = modality({"click": click, "swipe": swipe}, name="touch")
    entry = collateral(Item, name="entry")
    one = neuron({}, name="one").modality_dendrite(
        entry,
        modality=touch,
        afferent_paths={click: lambda item: seen.append("click"), swipe: lambda item: seen.append("swipe")},
        output=lambda result, axon, ctx: None,
    )
    registry = CNSPersistOptionsRegistry().register("one", one).register_collateral("entry", entry)
    registry.register_modality("touch", touch)
    async with DurableRunner(CNS([one]), registry, stores()) as runner:
        signal = entry.create_signal(Item(1))
        await (await runner.stimulate(signal, stimulation_id="a", modality=touch, afferent_path=swipe))
        await (await runner.fork("a", 0))

    assert seen == ["swipe", "swipe"]


# ---- what cannot be forked -----------------------------------------------------------------------------------------


async def test_a_run_without_a_history_cannot_be_forked(stores: Reopen) -> None:
    graph = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a", volume="progress"))
        with pytest.raises(RunNotReady, match="keeps no history"):
            await runner.fork("a", 0)


async def test_only_a_task_that_has_settled_can_be_forked(stores: Reopen) -> None:
    graph = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        with pytest.raises(RunNotReady, match="no task 5 has settled in it"):
            await runner.fork("a", 5)
        with pytest.raises(GraphError, match="from_task"):
            await runner.fork("a", -1)
        with pytest.raises(RunNotFound):
            await runner.fork("b", 0)
        with pytest.raises(RunExists):
            await runner.fork("a", 0, new_id="a")


async def test_a_fork_by_code_that_lacks_the_dendrite_is_refused(stores: Reopen) -> None:
    graph, older = line(pass_on, pass_on), line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
    bare = neuron({"c1": older.collaterals[1]}, name="n0")
    registry = CNSPersistOptionsRegistry().register("n0", bare).register_collateral("c0", older.entry)

    async with DurableRunner(older.cns, older.registry, stores()) as runner:
        with pytest.raises(UnknownName, match="n1"):
            await runner.fork("a", 1)
    async with DurableRunner(CNS([bare]), registry, stores()) as runner:
        with pytest.raises(UnknownName, match="no dendrite number 0"):
            await runner.fork("a", 0)
        assert len(await runner.list()) == 1


@pytest.mark.parametrize("copy", ["clone", "clone of a fork", "fork"])
async def test_a_copy_may_be_left_to_a_worker_that_has_room(copy: str, stores: Reopen) -> None:
    graph = adding()
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a", metadata={"tenant": "north"}))
        await (await runner.fork("a", from_task=1, new_id="f"))
    graph.ran.clear()

    async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as producer:
        if copy == "fork":
            handle = await producer.fork("a", from_task=2, new_id="b", payload=Item(7), enqueue=True)
        else:
            handle = await producer.clone("a" if copy == "clone" else "f", new_id="b", enqueue=True)
        waiting = await producer.get("b")
        async with DurableRunner(graph.cns, graph.registry, stores()):
            await handle
        done = await producer.get("b")

    assert waiting is not None
    assert (waiting.status, waiting.attempt_number, waiting.metadata) == ("pending", 0, {"tenant": "north"})
    assert (waiting.clone_of, waiting.forked_from) == {"clone": ("a", None), "fork": (None, "a")}.get(copy, ("f", None))
    assert done is not None
    assert done.status == "completed"
    assert len(graph.ran) == {"clone": 3, "fork": 1}.get(copy, 2)


async def test_a_copy_of_an_id_that_is_taken_is_not_enqueued(stores: Reopen) -> None:
    graph = adding()
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))

        with pytest.raises(RunExists):
            await runner.clone("a", new_id="a", enqueue=True)
