import asyncio
from typing import Any

import pytest

from cnstra import DurableRunner, GraphError, Limit, RetryPolicy
from cnstra.persist.limits import Limits
from cnstra.persist.ports import Store
from tests.durable.conftest import Reopen
from tests.durable.graphs import Boom, Context, Graph, Item, line, pass_on
from tests.durable.waiting import until


class Gauge:
    """A body that waits for its release, and knows how many of it were at work at once."""

    def __init__(self) -> None:
        self.active = self.most = self.started = 0
        self.release = asyncio.Event()

    async def __call__(self, item: Item, ctx: Context) -> None:
        self.started += 1
        self.active += 1
        self.most = max(self.most, self.active)
        try:
            await self.release.wait()
            await asyncio.sleep(0.005)
        finally:
            self.active -= 1

    def graph(self) -> Graph:
        async def body(item: Item, ctx: Context) -> None:
            await self(item, ctx)

        return line(body)


async def enqueue(runner: DurableRunner, graph: Graph, count: int, key: str | None, **options: Any) -> list[Any]:
    return [
        await runner.enqueue(graph.signal(n), stimulation_id=f"{key}-{n}", key=key, **options) for n in range(count)
    ]


async def test_no_more_runs_of_a_key_are_at_work_than_it_allows_over_all_workers(stores: Reopen) -> None:
    gauge = Gauge()
    graph, limits = gauge.graph(), {"customer-*": Limit(concurrency=2)}

    async with (
        DurableRunner(graph.cns, graph.registry, stores(), limits=limits) as one,
        DurableRunner(graph.cns, graph.registry, stores(), limits=limits),
        DurableRunner(graph.cns, graph.registry, stores(), limits=limits),
    ):
        runs = await enqueue(one, graph, 7, "customer-42")
        await until(lambda: gauge.active == 2)
        gauge.release.set()
        await asyncio.gather(*runs)

    assert (gauge.most, gauge.started) == (2, 7)


async def test_a_key_at_its_limit_holds_up_no_other(store: Store) -> None:
    stuck = Gauge()
    graph = stuck.graph()

    async with DurableRunner(graph.cns, graph.registry, store, limits={"a": Limit(concurrency=1)}) as runner:
        await enqueue(runner, graph, 20, "a", priority=5)
        await until(lambda: stuck.active == 1)
        await enqueue(runner, graph, 2, "b")
        await enqueue(runner, graph, 2, None)
        await until(lambda: stuck.active == 5)
        info = await runner.get("a-1")
        stuck.release.set()
        await runner.wait("a-19")

    assert info is not None
    assert (info.status, info.key) == ("pending", "a")


async def test_the_place_of_a_worker_that_has_died_comes_back(stores: Reopen) -> None:
    gauge = Gauge()
    graph, limits = gauge.graph(), {"a": Limit(concurrency=1)}
    gauge.release.set()
    async with DurableRunner(graph.cns, graph.registry, stores(), limits=limits, max_active_runs=0) as web:
        await enqueue(web, graph, 2, "a")
        [dead] = await web.store.claim("", "dead", dead=(), limit=9, limits=Limits(limits))
        assert dead.run.stimulation_id == "a-0"

        async with DurableRunner(graph.cns, graph.registry, stores(), limits=limits):
            await asyncio.gather(web.wait("a-0"), web.wait("a-1"))
        attempts = [one.status for one in await web.attempts("a-0")]

    assert (gauge.most, gauge.started, attempts) == (1, 2, ["lost", "completed"])


async def test_no_more_runs_of_a_key_start_in_a_while_than_its_rate(store: Store) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store, limits={"a": Limit(rate=(2, 0.3))}) as runner:
        await asyncio.gather(*await enqueue(runner, graph, 5, "a"))
        starts = sorted([(await runner.attempts(f"a-{n}"))[0].started_at for n in range(5)])

    assert all(later - earlier >= 0.299 for earlier, later in zip(starts, starts[2:], strict=False))


async def test_a_run_that_is_tried_again_leaves_its_place_meanwhile(store: Store) -> None:
    def fail_first(item: Item, ctx: Context) -> None:
        if item.n == 0 and ctx.attempt_number == 1:
            raise Boom

    graph = line(fail_first)
    policy = RetryPolicy(first_delay=0.05, jitter=0.0)
    async with DurableRunner(
        graph.cns, graph.registry, store, limits={"*": Limit(concurrency=1)}, retry=policy
    ) as runner:
        await asyncio.gather(*await enqueue(runner, graph, 3, "a"))

    assert sorted(graph.ran) == ["n0:0", "n0:0", "n0:1", "n0:2"]


async def test_a_scheduled_run_waits_for_its_key(store: Store) -> None:
    gauge = Gauge()
    graph = gauge.graph()
    runner = DurableRunner(graph.cns, graph.registry, store, limits={"tick": Limit(concurrency=1)})
    runner.schedule("tick", signal=graph.signal(1), every=0.05, missed="all", key="tick")

    async with runner:
        await until(lambda: gauge.active == 1)
        while (await runner.stats()).runs["pending"] < 2:  # noqa: ASYNC110 - the clock makes them
            await asyncio.sleep(0.01)
        gauge.release.set()

    assert gauge.most == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": 3}, "limits gives a Limit for each key"),
        ({"": Limit(concurrency=1)}, "the key of a run is a string"),
        ({7: Limit(concurrency=1)}, "the key of a run is a string"),
    ],
)
def test_limits_that_make_no_sense_are_refused(given: Any, message: str, store: Store) -> None:
    graph = line(pass_on)

    with pytest.raises(GraphError, match=message):
        DurableRunner(graph.cns, graph.registry, store, limits=given)


@pytest.mark.parametrize("key", ["", "a\0b", "\udcff", 7])
async def test_a_key_that_no_store_keeps_is_refused(key: Any, store: Store) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        with pytest.raises(GraphError, match="the key of a run is a string"):
            await runner.enqueue(graph.signal(1), key=key)
