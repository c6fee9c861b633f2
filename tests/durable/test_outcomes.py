import asyncio
from typing import Any

import pytest

from cnstra import DurableRunner, StimulationAborted, StimulationFailed, StoreError
from cnstra.durable import outcomes
from cnstra.errors import RunNotFound
from cnstra.persist.ports import Store
from cnstra.persist.records import RunRecord
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Switch, line, line_that_waits, pass_on
from tests.durable.waiting import until


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store be asked often."""
    monkeypatch.setattr(outcomes, "_MAX_PAUSE", 0.002)
    monkeypatch.setattr(outcomes, "_PAUSE", 0.001)


async def test_the_end_of_a_run_in_another_process_is_waited_for(stores: Reopen) -> None:
    graph, release = line_that_waits()
    async with (
        DurableRunner(graph.cns, graph.registry, stores()) as owner,
        DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as other,
    ):
        await owner.stimulate(graph.signal(1), stimulation_id="a")
        waiting = asyncio.ensure_future(other.wait("a"))
        await asyncio.sleep(0.01)
        was_done = waiting.done()
        release.set()
        await waiting

    assert not was_done


async def test_a_failure_in_another_process_comes_as_it_was_stored(stores: Reopen) -> None:
    graph = line(Switch())
    async with (
        DurableRunner(graph.cns, graph.registry, stores()) as owner,
        DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as other,
    ):
        run = await owner.stimulate(graph.signal(1), stimulation_id="a")
        with pytest.raises(StimulationFailed):
            await run
        with pytest.raises(StimulationFailed) as raised:
            await other.wait("a")

    [error] = raised.value.exceptions
    assert str(error) == "Boom: item 1"
    assert error.__notes__ == ["in neuron n0 on c0, task 0"]


async def test_an_abort_in_another_process_has_its_reason(stores: Reopen) -> None:
    graph = line(pass_on)
    async with (
        DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as first,
        DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as second,
    ):
        await first.enqueue(graph.signal(1), stimulation_id="a")
        await first.enqueue(graph.signal(1), stimulation_id="b")
        await first.abort("a", "too late")
        await first.abort("b")
        with pytest.raises(StimulationAborted) as with_reason:
            await second.wait("a")
        with pytest.raises(StimulationAborted) as without:
            await second.wait("b")

    assert (with_reason.value.reason, without.value.reason) == ("too late", None)


async def test_a_run_that_is_deleted_meanwhile_is_not_waited_for(stores: Reopen) -> None:
    graph = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as runner:
        run = await runner.enqueue(graph.signal(1), stimulation_id="a")
        waiting = asyncio.ensure_future(run.wait_until_complete())
        await asyncio.sleep(0)
        await runner.delete("a")
        with pytest.raises(RunNotFound):
            await waiting
        with pytest.raises(RunNotFound):
            await runner.wait("a")


class Unreachable(StoreWrapper):
    """Does not answer the next questions about a run."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.failing = 0

    async def get(self, scope: str, stimulation_id: str) -> RunRecord | None:
        if self.failing:
            self.failing -= 1
            raise StoreError("no connection")
        return await super().get(scope, stimulation_id)


async def test_waiting_outlives_a_store_that_is_down_for_a_moment(stores: Reopen) -> None:
    graph = line(pass_on)
    store = Unreachable(stores())
    async with DurableRunner(graph.cns, graph.registry, store, max_active_runs=0) as producer:
        run = await producer.enqueue(graph.signal(1))
        store.failing = 5
        async with DurableRunner(graph.cns, graph.registry, stores()):
            await run


async def test_waiting_ends_with_an_error_if_the_store_stays_down(stores: Reopen) -> None:
    graph = line(pass_on)
    store = Unreachable(stores())
    async with DurableRunner(graph.cns, graph.registry, store, max_active_runs=0) as producer:
        run = await producer.enqueue(graph.signal(1))
        store.failing = 1000
        with pytest.raises(StoreError, match="no connection"):
            await run
        store.failing = 0


async def test_a_run_that_this_worker_loses_is_waited_for_elsewhere(stores: Reopen) -> None:
    graph, release = line_that_waits()
    async with DurableRunner(graph.cns, graph.registry, stores(), poll=60.0, lease=300.0) as first:
        run = await first.enqueue(graph.signal(1), stimulation_id="a")
        waiting: asyncio.Future[Any] = asyncio.ensure_future(run.wait_until_complete())
        await until(lambda: len(graph.ran) == 1)
        await asyncio.sleep(0.01)
        await first.store.settle("", "a", "pending", dead=[first.worker_id])
        first._worker._orphans.suspect()
        await first._worker._orphans.stop_taken()
        async with DurableRunner(graph.cns, graph.registry, stores()):
            await until(lambda: len(graph.ran) == 2)
            release.set()
            await waiting
