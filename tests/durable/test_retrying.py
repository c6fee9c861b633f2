import asyncio
from typing import Any

import pytest

from cnstra import DurableRunner, MaxNeuronHopsExceeded, StimulationFailed
from cnstra.errors import RecordedFailure, RunNotReady
from cnstra.persist.ports import Store
from tests.durable.conftest import Reopen
from tests.durable.graphs import Boom, Context, Graph, Item, Switch, line, line_that_waits, pass_on


async def fail(runner: DurableRunner, graph: Graph, **options: Any) -> StimulationFailed:
    """Start a run ``a`` that fails."""
    run = await runner.stimulate(graph.signal(1), stimulation_id="a", **options)
    with pytest.raises(StimulationFailed) as raised:
        await run
    return raised.value


async def test_a_retry_goes_on_from_the_frontier(store: Store) -> None:
    switch = Switch()
    graph = line(pass_on, switch, pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await fail(runner, graph)
        switch.on = False
        run = await runner.retry("a")
        await run
        info = await runner.get("a")
        attempts = await runner.attempts("a")

    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1"]
    assert run.attempt_number == 2
    assert info is not None
    assert (info.status, info.attempt_number, info.recoveries, info.error) == ("completed", 2, 0, None)
    assert [(one.attempt_number, one.status, one.hop_count) for one in attempts] == [
        (1, "failed", 2),
        (2, "completed", 2),
    ]


async def test_only_what_failed_of_a_fan_out_is_run_again(store: Store) -> None:
    broken = {2}

    def pick(item: Item, ctx: Context) -> None:
        if item.n in broken:
            raise Boom

    graph = line(lambda item, ctx: [Item(1), Item(2), Item(3)], pick)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await fail(runner, graph)
        broken.clear()
        await (await runner.retry("a"))

    assert graph.ran == ["n0:1", "n1:1", "n1:2", "n1:3", "n1:2"]


async def test_an_activation_keeps_its_id_over_attempts_and_knows_their_number(store: Store) -> None:
    seen: list[tuple[str, int]] = []

    def look(item: Item, ctx: Context) -> None:
        seen.append((ctx.activation_id, ctx.attempt_number))
        if ctx.attempt_number < 3:
            raise Boom

    graph = line(pass_on, look)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await fail(runner, graph)
        with pytest.raises(StimulationFailed):
            await (await runner.retry("a"))
        await (await runner.retry("a"))
        tasks = await runner.tasks("a")
        second = await runner.tasks("a", 2)

    assert seen == [("a:1", 1), ("a:1", 2), ("a:1", 3)]
    assert [(task.ordinal, task.attempt_number, task.status) for task in tasks] == [
        (0, 1, "done"),
        (1, 1, "failed"),
        (1, 2, "failed"),
        (1, 3, "done"),
    ]
    assert [task.ordinal for task in second] == [1]


async def test_an_activation_id_names_the_scope(store: Store) -> None:
    seen: list[str] = []
    graph = line(lambda item, ctx: seen.append(ctx.activation_id))

    async with DurableRunner(graph.cns, graph.registry, store, scope="shop") as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))

    assert seen == ["shop/a:0"]


async def test_a_retry_sees_the_context_of_the_last_commit(store: Store) -> None:
    switch = Switch()
    seen: list[Any] = []

    def count(item: Item, ctx: Context) -> Item:
        value = ctx.get() or {"times": 0}
        seen.append(value["times"])
        value["times"] += 1
        ctx.set(value)
        return item

    graph = line(
        lambda item, ctx: [Item(1), Item(2)], count, lambda item, ctx: item if item.n == 1 else switch(item, ctx), count
    )
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await fail(runner, graph)
        switch.on = False
        await (await runner.retry("a"))

    assert seen == [0, 1, 0, 1]


async def test_a_context_value_that_is_changed_in_place_is_stored(stores: Reopen) -> None:
    switch = Switch()
    seen: list[Any] = []

    def collect(item: Item, ctx: Context) -> Item:
        value = ctx.get()
        if value is None:
            value = []
            ctx.set(value)
        value.append(item.n)
        seen.append(list(value))
        if item.n == 3:
            switch(item, ctx)
        return item

    graph = line(lambda item, ctx: [Item(1), Item(2), Item(3)], collect)
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await fail(runner, graph)
    switch.on = False
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.retry("a"))

    assert seen[:2] == [[1], [1, 2]]
    assert seen[-1][:2] == [1, 2]


async def test_a_deleted_context_value_stays_deleted(stores: Reopen) -> None:
    switch = Switch()
    seen: list[Any] = []

    def once(item: Item, ctx: Context) -> None:
        seen.append(ctx.get())
        if item.n == 1:
            ctx.set("here")
        elif item.n == 2:
            ctx.delete()
        else:
            switch(item, ctx)

    graph = line(lambda item, ctx: [Item(1), Item(2), Item(3)], once)
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await fail(runner, graph)
    switch.on = False
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.retry("a"))

    assert seen == [None, "here", None, None]


async def test_a_failure_that_is_not_retried_yet_stays_a_failure_of_a_recovered_run(stores: Reopen) -> None:
    reached, release = asyncio.Event(), asyncio.Event()

    async def pick(item: Item, ctx: Context) -> None:
        if item.n == 1:
            raise Boom("first")
        reached.set()
        await release.wait()

    graph = line(lambda item, ctx: [Item(1), Item(2)], pick)
    async with DurableRunner(graph.cns, graph.registry, stores(), grace=0.01) as runner:
        await runner.stimulate(graph.signal(1), stimulation_id="a")
        await reached.wait()
    release.set()
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        [run] = runner.active_runs
        with pytest.raises(StimulationFailed) as raised:
            await run
        info = await runner.get("a")

    assert graph.ran == ["n0:1", "n1:1", "n1:2", "n1:2"]
    assert info is not None
    assert (info.status, info.outstanding) == ("failed", 1)
    [failure] = raised.value.exceptions
    assert isinstance(failure, RecordedFailure)
    assert (failure.type_name, failure.message) == ("Boom", "first")


async def test_a_completed_run_cannot_be_retried(store: Store) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        with pytest.raises(RunNotReady, match=r"use clone\(\)"):
            await runner.retry("a")


async def test_a_run_that_is_under_way_cannot_be_retried(stores: Reopen) -> None:
    graph, release = line_that_waits()
    async with (
        DurableRunner(graph.cns, graph.registry, stores()) as runner,
        DurableRunner(graph.cns, graph.registry, stores()) as other,
    ):
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        with pytest.raises(RunNotReady, match="under way here"):
            await runner.retry("a")
        with pytest.raises(RunNotReady, match=runner.worker_id):
            await other.retry("a")
        release.set()
        await run


async def test_a_retry_may_fail_again_and_be_retried_again(store: Store) -> None:
    switch = Switch()
    graph = line(switch)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await fail(runner, graph)
        for _ in range(3):
            with pytest.raises(StimulationFailed):
                await (await runner.retry("a"))
        switch.on = False
        run = await runner.retry("a")
        await run

    assert run.attempt_number == 5


async def test_hops_are_counted_on_over_a_retry(store: Store) -> None:
    switch = Switch()
    graph = line(
        lambda item, ctx: [Item(1), Item(2), Item(3)], lambda item, ctx: switch(item, ctx) if item.n == 2 else item
    )

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await fail(runner, graph, max_neuron_hops=3)
        switch.on = False
        await (await runner.retry("a"))
        info = await runner.get("a")

    assert info is not None
    assert info.status == "completed"


async def test_the_hop_limit_still_holds_after_a_retry(store: Store) -> None:
    switch = Switch()
    graph = line(
        lambda item, ctx: [Item(n) for n in range(4)], lambda item, ctx: switch(item, ctx) if item.n == 2 else item
    )

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        error = await fail(runner, graph, max_neuron_hops=3)
        switch.on = False
        with pytest.raises(StimulationFailed) as again:
            await (await runner.retry("a"))
        left = await runner.frontier("a")

    assert [type(one) for one in error.exceptions] == [Boom, MaxNeuronHopsExceeded]
    assert [type(one) for one in again.value.exceptions] == [MaxNeuronHopsExceeded]
    assert [task.ordinal for task in left] == [4]


@pytest.mark.parametrize("durability", ["interval", "exit"])
async def test_a_retry_goes_on_from_the_frontier_in_every_durability(durability: Any, store: Store) -> None:
    switch = Switch()
    graph = line(pass_on, switch, pass_on)

    async with DurableRunner(graph.cns, graph.registry, store, durability=durability) as runner:
        await fail(runner, graph)
        switch.on = False
        await (await runner.retry("a"))

    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1"]
