import asyncio

import pytest

from cnstra import DurableRunner, Response, StimulationFailed
from cnstra.errors import RunNotReady
from cnstra.persist.ports import Store
from tests.durable.graphs import Boom, Item, Switch, line, pass_on


async def test_listeners_hear_a_durable_run(store: Store) -> None:
    graph = line(pass_on, pass_on)
    heard: list[str] = []
    drained: list[int] = []
    graph.cns.add_response_listener(lambda response: heard.append(f"global {response.queue_length}"))

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(
            graph.signal(1),
            on_response=lambda response: heard.append(f"local {response.queue_length}"),
            on_drain=lambda drain: drained.append(drain.queue_length),
        )
        await run

    assert heard == ["local 1", "global 1", "local 1", "global 1", "local 0", "global 0"]
    assert drained[-1] == 0


async def test_a_barrier_holds_the_successors_of_a_durable_run_back(store: Store) -> None:
    graph = line(pass_on, pass_on)
    release = asyncio.Event()
    held = asyncio.Event()

    async def barrier(response: Response) -> None:
        if response.neuron is graph.neurons[0]:
            held.set()
            await release.wait()

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a", on_response=barrier)
        await held.wait()
        while [task.neuron_name for task in await runner.frontier("a")] != ["n1"]:  # noqa: ASYNC110 - a store sets no event
            await asyncio.sleep(0.001)  # it is written a moment after the listener was told
        ran = list(graph.ran)
        release.set()
        await run

    assert ran == ["n0:1"]
    assert graph.ran == ["n0:1", "n1:1"]


async def test_a_run_of_which_only_a_listener_failed_stays_failed(store: Store) -> None:
    graph = line(pass_on)

    def refuse(response: Response) -> None:
        raise Boom("cannot tell anybody")

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a", on_response=refuse)
        with pytest.raises(StimulationFailed, match="listener"):
            await run
        info = await runner.get("a")
        with pytest.raises(RunNotReady, match="only a listener failed"):
            await runner.retry("a")
        with pytest.raises(RunNotReady, match="only a listener failed"):
            await runner.stimulate(graph.signal(1), stimulation_id="a", on_conflict="retry")
        again = await runner.get("a")
        with pytest.raises(StimulationFailed, match="listener"):
            await runner.wait("a")

    assert info is not None
    assert (info.status, info.outstanding) == ("failed", 0)
    assert info.error is not None
    assert info.error.message == "Boom in a response listener: cannot tell anybody (and 1 more failed)"
    assert again == info


async def test_a_listener_that_fails_later_fails_the_run(store: Store) -> None:
    graph = line(pass_on)

    async def refuse(response: Response) -> None:
        await asyncio.sleep(0)
        raise Boom

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a", on_response=refuse)
        with pytest.raises(StimulationFailed):
            await run
        info = await runner.get("a")

    assert info is not None
    assert info.status == "failed"


async def test_global_listeners_hear_resumed_runs_too(store: Store) -> None:
    switch = Switch()
    graph = line(pass_on, switch)
    heard: list[object] = []

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        switch.on = False
        graph.cns.add_response_listener(lambda response: heard.append(response.neuron))
        await (await runner.retry("a"))

    assert heard == [graph.neurons[1]]


async def test_a_listener_sees_the_emitted_item(store: Store) -> None:
    graph = line(pass_on)
    seen: list[Item] = []

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(
            graph.signal(4),
            on_response=lambda response: seen.append(response.output_signal.payload),  # type: ignore[union-attr]
        )
        await run

    assert seen == [Item(4), Item(4)]
