import asyncio
import logging
from typing import Any

import pytest

from cnstra import DurableRunner, StimulationFailed
from cnstra.errors import RunNotReady
from cnstra.persist.ports import Store
from cnstra.persist.records import NewRun, RunState
from cnstra.stores import MemoryStore
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Boom, Switch, line, pass_on


class SlowAdmission(StoreWrapper):
    """Answers an admission only when it is told to."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.admitting, self.admitted = asyncio.Event(), asyncio.Event()

    async def admit(self, run: NewRun, worker_id: str | None) -> RunState | None:
        state = await super().admit(run, worker_id)
        self.admitting.set()
        await self.admitted.wait()
        return state


async def test_a_run_that_is_admitted_while_its_runner_closes_is_given_back() -> None:
    graph = line(pass_on)
    memory = MemoryStore()
    store = SlowAdmission(memory)
    runner = DurableRunner(graph.cns, graph.registry, store)
    await runner.open()
    starting = asyncio.ensure_future(runner.stimulate(graph.signal(1), stimulation_id="a"))
    await store.admitting.wait()
    await runner.close()
    store.admitted.set()

    run = await starting
    async with DurableRunner(graph.cns, graph.registry, memory) as heir:
        await heir.wait("a")

    assert run.stimulation is None
    assert graph.ran == ["n0:1"]


async def test_a_retry_whose_context_cannot_be_made_fails_visibly(
    stores: Reopen, caplog: pytest.LogCaptureFixture
) -> None:
    switch = Switch()
    graph = line(switch)
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        with pytest.raises(StimulationFailed):
            await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
    switch.on = False

    def make(stimulation_id: str, metadata: Any) -> Any:
        raise Boom("no database")

    async with DurableRunner(graph.cns, graph.registry, stores(), stimulation_context=make) as runner:
        with caplog.at_level(logging.CRITICAL), pytest.raises(RunNotReady, match="cannot resume it: no database"):
            await runner.retry("a")
        info = await runner.get("a")
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.retry("a"))

    assert info is not None
    assert info.error is not None
    assert (info.status, info.outstanding, info.error.type_name) == ("failed", 1, "Boom")
    assert graph.ran == ["n0:1", "n0:1"]
