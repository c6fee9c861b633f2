import asyncio
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from cnstra import DurableRunner, GraphError, RetryPolicy, Signal, UnknownName
from cnstra.errors import CNSError
from cnstra.persist.ports import Store
from tests.durable.conftest import Reopen
from tests.durable.graphs import Graph, Item, line, pass_on
from tests.durable.waiting import until


def scheduled(graph: Graph, store: Store, **options: Any) -> DurableRunner:
    """Return a runner with a schedule that is due ten times a second, and tells its handler of the instant."""

    def signal(at: datetime) -> Signal[Item]:
        return graph.entry.create_signal(Item(round(at.timestamp() * 10)))

    runner = DurableRunner(graph.cns, graph.registry, store, **options)
    runner.schedule("often", signal=signal, every=0.1, missed="all")
    return runner


async def test_a_schedule_enqueues_a_run_for_each_of_its_instants(store: Store) -> None:
    graph = line(pass_on)

    async with scheduled(graph, store) as runner:
        await until(lambda: len(graph.ran) >= 3)
        runs = await runner.list(status="completed")

    instants = [int(one.partition(":")[2]) for one in graph.ran]
    assert instants == list(range(instants[0], instants[0] + len(instants)))
    assert all(run.stimulation_id.startswith("often@20") and run.due_at is not None for run in runs)


async def test_however_many_workers_watch_it_fires_once(stores: Reopen) -> None:
    graphs = [line(pass_on) for _ in range(3)]

    async with (
        scheduled(graphs[0], stores()),
        scheduled(graphs[1], stores()),
        scheduled(graphs[2], stores(), max_active_runs=0),
    ):
        await until(lambda: sum(len(graph.ran) for graph in graphs) >= 8)

    times = Counter(one for graph in graphs for one in graph.ran)
    assert set(times.values()) == {1}


async def test_it_goes_on_where_the_last_worker_has_left(stores: Reopen) -> None:
    first, second = line(pass_on), line(pass_on)
    async with scheduled(first, stores()):
        await until(lambda: len(first.ran) >= 2)
    await asyncio.sleep(0.25)

    async with scheduled(second, stores()):
        await until(lambda: len(second.ran) >= 4)

    instants = sorted(int(one.partition(":")[2]) for one in (*first.ran, *second.ran))
    assert instants == list(range(instants[0], instants[0] + len(instants)))


async def test_an_observer_fires_nothing(store: Store) -> None:
    graph = line(pass_on)

    async with scheduled(graph, store).observer() as console:
        await asyncio.sleep(0.25)

        assert len(await console.list()) == 0
        assert await store.mark("", "often") is None


async def test_a_cron_expression_is_declared_with_the_options_of_its_runs(store: Store) -> None:
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, store)

    runner.schedule("nightly", "0 3 * * *", graph.signal(1), timezone="Europe/Berlin", priority=3, retry=RetryPolicy())

    [schedule] = runner.schedules
    assert (schedule.name, str(schedule.instants)) == ("nightly", "0 3 * * * (Europe/Berlin)")
    assert schedule.options["priority"] == 3
    async with runner:
        await runner.wait_until_idle()


async def test_the_runs_have_the_options_of_the_schedule(store: Store) -> None:
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, store)
    runner.schedule(
        "often", signal=graph.signal(7), every=0.05, priority=3, volume="progress", metadata={"by": "clock"}
    )

    async with runner:
        await until(lambda: bool(graph.ran))
        run = (await runner.list()).runs[-1]

    assert (run.priority, run.volume, run.metadata) == (3, "progress", {"by": "clock"})


def test_a_schedule_that_makes_no_sense_is_refused(store: Store) -> None:
    graph, nameless = line(pass_on), line(pass_on, named=False)
    runner = DurableRunner(graph.cns, graph.registry, store)
    runner.schedule("a", signal=graph.signal(1), every=5.0)

    with pytest.raises(GraphError, match="there is a schedule 'a' already"):
        runner.schedule("a", signal=graph.signal(1), every=5.0)
    with pytest.raises(GraphError, match="schedule 'b' has no signal"):
        runner.schedule("b", every=5.0)
    with pytest.raises(GraphError, match="missed is one of"):
        runner.schedule("b", signal=graph.signal(1), every=5.0, missed="never")  # type: ignore[arg-type]
    with pytest.raises(UnknownName):
        runner.schedule("b", signal=nameless.signal(1), every=5.0)
    assert [one.name for one in runner.schedules] == ["a"]


@pytest.mark.parametrize(
    "option",
    [{"priority": "high"}, {"key": ""}, {"retry": 7}, {"durability": "never"}, {"volume": "loud"}],
    ids=lambda option: next(iter(option)),
)
@pytest.mark.parametrize("is_made", [False, True])
def test_what_its_runs_could_not_be_enqueued_with_is_refused_when_it_is_declared(
    store: Store, option: dict[str, Any], *, is_made: bool
) -> None:
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, store)
    signal: Any = (lambda _: graph.signal(1)) if is_made else graph.signal(1)

    with pytest.raises(GraphError):
        runner.schedule("a", signal=signal, every=5.0, **option)

    assert runner.schedules == ()


async def test_a_schedule_is_declared_before_the_runner_is_opened(store: Store) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        with pytest.raises(CNSError, match="declare its schedules before that"):
            runner.schedule("a", signal=graph.signal(1), every=5.0)
