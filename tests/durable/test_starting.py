import asyncio
import time
from datetime import datetime
from typing import Any

import pytest

from cnstra import DurableRunner, GraphError, PayloadError, StimulationFailed, UnknownName, afferent_path, modality
from cnstra.errors import CNSError, RunExists
from cnstra.persist.ports import Store
from cnstra.stores import MemoryStore
from tests.durable.conftest import Reopen
from tests.durable.graphs import Boom, Context, Item, Switch, line, line_that_waits, pass_on
from tests.durable.waiting import until


async def test_an_enqueued_run_waits_until_a_worker_picks_it_up(stores: Reopen) -> None:
    graph = line(pass_on, pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as producer:
        run = await producer.enqueue(graph.signal(1), stimulation_id="a", priority=3)
        waiting = await producer.get("a")
    async with DurableRunner(graph.cns, graph.registry, stores()) as worker:
        await worker.wait("a")
        info = await worker.get("a")

    assert (run.stimulation_id, run.attempt_number, run.stimulation, run.done) == ("a", 0, None, False)
    assert waiting is not None
    assert (waiting.status, waiting.owner, waiting.attempt_number, waiting.priority) == ("pending", None, 0, 3)
    assert info is not None
    assert (info.status, info.attempt_number, info.hop_count) == ("completed", 1, 2)


async def test_an_enqueued_run_has_its_options_when_it_is_picked_up(stores: Reopen) -> None:
    seen: list[Any] = []

    def look(item: Item, ctx: Context) -> None:
        options = ctx.stimulation.options
        seen.append((ctx.metadata, options.concurrency, options.max_neuron_hops, ctx.stimulation_context))

    graph = line(look)
    async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as producer:
        await producer.enqueue(
            graph.signal(1),
            stimulation_id="a",
            metadata={"tenant": "north"},
            concurrency=3,
            max_neuron_hops=9,
            volume="progress",
            durability="interval",
        )

    def make(stimulation_id: str, metadata: Any) -> Any:
        return stimulation_id, metadata["tenant"]

    async with DurableRunner(graph.cns, graph.registry, stores(), stimulation_context=make) as worker:
        await worker.wait("a")
        info = await worker.get("a")

    assert seen == [({"tenant": "north"}, 3, 9, ("a", "north"))]
    assert info is not None
    assert info.volume == "progress"


async def test_the_failure_of_an_enqueued_run_reaches_who_enqueued_it(stores: Reopen) -> None:
    graph = line(Switch())
    async with (
        DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as producer,
        DurableRunner(graph.cns, graph.registry, stores()),
    ):
        run = await producer.enqueue(graph.signal(7))
        with pytest.raises(StimulationFailed) as raised:
            await run

    assert [str(error) for error in raised.value.exceptions] == ["Boom: item 7"]


async def test_an_enqueued_run_that_fails_in_the_same_process_raises_what_was_raised(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    graph = line(Switch())
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.enqueue(graph.signal(7))
        with pytest.raises(StimulationFailed) as raised:
            await run

    assert isinstance(raised.value.exceptions[0], Boom)
    assert "nobody awaits" not in caplog.text


async def test_the_same_id_twice_is_one_run(stores: Reopen) -> None:
    graph = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as producer:
        await producer.enqueue(graph.signal(1), stimulation_id="a")
        again = await producer.enqueue(graph.signal(2), stimulation_id="a")
        with pytest.raises(RunExists, match="is pending"):
            await producer.enqueue(graph.signal(3), stimulation_id="a", on_conflict="raise")
        with pytest.raises(GraphError, match="on_conflict"):
            await producer.enqueue(graph.signal(3), stimulation_id="a", on_conflict="retry")  # type: ignore[arg-type]
        runs = await producer.list()

    assert again.stimulation_id == "a"
    assert len(runs) == 1


async def test_a_run_under_way_is_given_back_to_who_enqueues_it_again(stores: Reopen) -> None:
    graph, release = line_that_waits()
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        again = await runner.enqueue(graph.signal(1), stimulation_id="a")
        release.set()
        await run

    assert again is run


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"run_at": 5.0, "delay": 1.0}, "run_at or delay, not both"),
        ({"run_at": datetime(2030, 1, 1)}, "run_at has no time zone"),  # noqa: DTZ001 - which is the point
        ({"delay": -1}, "delay"),
        ({"priority": 1.5}, "priority"),
        ({"priority": 2**31}, "priority"),
        ({"volume": "half"}, "volume"),
        ({"durability": "often"}, "durability"),
        ({"concurrency": 0}, "concurrency"),
        ({"max_neuron_hops": 0}, "max_neuron_hops"),
        ({"stimulation_id": ""}, "stimulation_id"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_nothing_is_stored(
    options: dict[str, Any], problem: str, store: Store
) -> None:
    graph = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, store, max_active_runs=0) as producer:
        with pytest.raises(GraphError, match=problem):
            await producer.enqueue(graph.signal(1), **options)
        assert len(await producer.list()) == 0


async def test_what_could_not_be_resumed_is_not_enqueued(store: Store) -> None:
    graph, nameless = line(pass_on), line(pass_on, named=False)
    touch = modality({"click": afferent_path()}, name="touch")
    async with DurableRunner(graph.cns, graph.registry, store, max_active_runs=0) as producer:
        with pytest.raises(PayloadError):
            await producer.enqueue(graph.entry.create_signal("no item"))  # type: ignore[arg-type]
        with pytest.raises(PayloadError, match="metadata"):
            await producer.enqueue(graph.signal(1), metadata={"at": (1,)})
        with pytest.raises(UnknownName, match="touch"):
            await producer.enqueue(graph.signal(1), modality=touch)
    async with DurableRunner(nameless.cns, nameless.registry, store, max_active_runs=0) as producer:
        with pytest.raises(UnknownName):
            await producer.enqueue(nameless.signal(1))
    with pytest.raises(CNSError, match="not open"):
        await producer.enqueue(graph.signal(1))


async def test_a_delay_counts_by_the_clock_of_the_store() -> None:
    graph = line(pass_on)
    store = MemoryStore(clock=lambda: time.time() - 50_000.0)
    async with DurableRunner(graph.cns, graph.registry, store, max_active_runs=0) as producer:
        await producer.enqueue(graph.signal(1), stimulation_id="a", delay=100.0)
        info = await producer.get("a")

    assert info is not None
    assert info.due_at is not None
    assert 90.0 < info.due_at - info.created_at < 110.0


async def test_a_moment_in_the_past_is_now(stores: Reopen) -> None:
    graph = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.enqueue(graph.signal(1), run_at=1.0))

    assert graph.ran == ["n0:1"]


async def test_workers_of_another_scope_leave_a_run_alone(stores: Reopen) -> None:
    graph = line(pass_on)
    async with (
        DurableRunner(graph.cns, graph.registry, stores(), scope="other", poll=0.01),
        DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as producer,
    ):
        run = await producer.enqueue(graph.signal(1))
        await asyncio.sleep(0.05)
        before = list(graph.ran)
        async with DurableRunner(graph.cns, graph.registry, stores()):
            await run

    assert before == []
    assert graph.ran == ["n0:1"]


async def test_a_waiting_run_can_be_retried_which_takes_it_at_once(stores: Reopen) -> None:
    graph = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as runner:
        await runner.enqueue(graph.signal(1), stimulation_id="a", delay=3600.0)
        await (await runner.retry("a"))
        await until(lambda: not runner.active_runs)

    assert graph.ran == ["n0:1"]
