import asyncio
import logging
from typing import Any

import pytest

from cnstra import DurableRunner, Fenced, StimulationFailed
from cnstra.errors import RunNotReady
from cnstra.persist.ports import Store
from cnstra.persist.records import NewRun, RunState
from cnstra.stores import MemoryStore
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Boom, Context, Item, Switch, line, pass_on
from tests.durable.waiting import until


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


class Late(SlowAdmission):
    """Answers claims, too, only when it is told to."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.claiming, self.claimed = asyncio.Event(), asyncio.Event()
        self.claimed.set()

    async def claim(self, scope: str, worker_id: str, **how: Any) -> list[RunState]:
        states = await super().claim(scope, worker_id, **how)
        if states:
            self.claiming.set()
            await self.claimed.wait()
        return states


async def test_a_claim_that_overtakes_the_admission_of_the_run_has_it() -> None:
    graph = line(pass_on)
    store = Late(MemoryStore())
    async with DurableRunner(graph.cns, graph.registry, store, worker_id="w") as runner:
        starting = asyncio.ensure_future(runner.stimulate(graph.signal(1), stimulation_id="a"))
        await store.admitting.wait()
        await store.remove_worker("w")  # as a request of an earlier process of this name that comes through late
        await store.claiming.wait()
        await until(lambda: len(graph.ran) == 1)
        store.admitted.set()
        await (await starting)
        attempts = await runner.attempts("a")

    assert graph.ran == ["n0:1"]
    assert [attempt.status for attempt in attempts] == ["lost", "completed"]


async def test_a_claim_that_comes_after_the_admission_of_the_run_stops_its_first_attempt() -> None:
    attempts: list[int] = []

    async def hang(item: Item, ctx: Context) -> None:
        attempts.append(ctx.attempt_number)
        if ctx.attempt_number == 1:
            await asyncio.Event().wait()

    graph = line(hang)
    store = Late(MemoryStore())
    async with DurableRunner(graph.cns, graph.registry, store, worker_id="w") as runner:
        starting = asyncio.ensure_future(runner.stimulate(graph.signal(1), stimulation_id="a"))
        await store.admitting.wait()
        store.claimed.clear()
        await store.remove_worker("w")
        await store.claiming.wait()
        store.admitted.set()
        first = await starting
        store.claimed.set()
        with pytest.raises(Fenced):
            await first
        await runner.wait("a")

    assert attempts == [1, 2]
