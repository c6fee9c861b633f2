import asyncio
import logging
from typing import Any

import pytest

from cnstra import DurableRunner, StoreError
from cnstra.errors import CNSError
from cnstra.persist.ports import Store
from cnstra.persist.records import WorkerRecord
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Context, Item, line, pass_on
from tests.durable.waiting import until, until_run


class Heartless(StoreWrapper):
    """Renews no lease any more once it is told so."""

    def __init__(self, inner: Store, *, forgets: bool) -> None:
        super().__init__(inner)
        self.broken = False
        self.arrivals = 0
        self._forgets = forgets

    def beat(self, worker_id: str, lease: float) -> bool:
        if not self.broken:
            return super().beat(worker_id, lease)
        if self._forgets:
            return False
        raise StoreError("no connection")

    async def add_worker(self, worker: WorkerRecord, lease: float) -> None:
        if self.broken and not self._forgets:
            raise StoreError("no connection")
        self.broken = False
        self.arrivals += 1
        await super().add_worker(worker, lease)


class Hanging:
    """A body that hangs with item 1 in the first attempt, and tells when it is cancelled."""

    def __init__(self) -> None:
        self.reached, self.cancelled = asyncio.Event(), asyncio.Event()

    def body(self) -> Any:
        async def hang(item: Item, ctx: Context) -> Item:
            self.reached.set()
            if item.n == 1 and ctx.attempt_number == 1:
                try:
                    await asyncio.Event().wait()
                finally:
                    self.cancelled.set()
            return item

        return hang


@pytest.mark.parametrize("forgets", [True, False])
async def test_a_worker_that_cannot_renew_its_lease_stops_its_runs_and_comes_back(
    forgets: bool,  # noqa: FBT001 - a parameter of the test
    stores: Reopen,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Heartless(stores(), forgets=forgets)
    hanging = Hanging()
    graph = line(hanging.body(), pass_on)
    async with DurableRunner(graph.cns, graph.registry, store, lease=0.3) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        await hanging.reached.wait()
        store.broken = True
        with pytest.raises(StoreError, match="lease of its worker could not be renewed"):
            await run
        await hanging.cancelled.wait()
        store.broken = False
        await runner.wait("a")
        attempts = await runner.attempts("a")
        await (await runner.stimulate(graph.signal(2)))

    assert store.arrivals == 2
    assert [attempt.status for attempt in attempts] == ["lost", "completed"]
    assert graph.ran[:3] == ["n0:1", "n0:1", "n1:1"]
    assert "could not renew its lease and stops its runs" in caplog.text
    assert "holds a lease again" in caplog.text


async def test_without_a_lease_no_run_starts_and_stored_ones_can_be_looked_at(stores: Reopen) -> None:
    store = Heartless(stores(), forgets=False)
    graph = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, store, lease=0.3) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        store.broken = True
        await until(lambda: not runner._worker.accepts)
        with pytest.raises(StoreError, match="is lost, until the store answers again"):
            await runner.stimulate(graph.signal(2), stimulation_id="b")
        with pytest.raises(StoreError, match="is lost"):
            await runner.retry("a")
        later = await runner.enqueue(graph.signal(3), stimulation_id="c")
        info = await runner.get("a")
        missing = await runner.get("b")
        store.broken = False
        await later

    assert info is not None
    assert missing is None
    assert graph.ran == ["n0:1", "n0:3"]


async def test_the_runs_of_a_worker_that_lost_its_lease_are_anybodys(stores: Reopen) -> None:
    store = Heartless(stores(), forgets=False)
    hanging = Hanging()
    graph = line(hanging.body(), pass_on)
    async with (
        DurableRunner(graph.cns, graph.registry, store, lease=0.3) as loser,
        DurableRunner(graph.cns, graph.registry, stores(), poll=0.05) as heir,
    ):
        run = await loser.stimulate(graph.signal(1), stimulation_id="a")
        await hanging.reached.wait()
        store.broken = True
        with pytest.raises(StoreError):
            await run
        info = await until_run(heir, lambda info: info.status == "completed")
        store.broken = False

    assert (info.attempt_number, info.recoveries) == (2, 1)


async def test_a_worker_can_be_closed_while_its_lease_is_lost(stores: Reopen, caplog: pytest.LogCaptureFixture) -> None:
    store = Heartless(stores(), forgets=False)
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, store, lease=0.2)
    await runner.open()
    store.broken = True
    await until(lambda: not runner._worker.accepts)

    await runner.close()

    with pytest.raises(CNSError, match="not open"):
        await runner.stimulate(graph.signal(1))
    assert [record for record in caplog.records if record.levelno > logging.ERROR] == []
