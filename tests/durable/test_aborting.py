import asyncio

import pytest

from cnstra import AbortController, DurableRunner, StimulationAborted, StimulationFailed
from cnstra.errors import RunNotReady
from cnstra.persist.ports import Store
from cnstra.persist.records import NewRun, RunState
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Boom, Context, Item, line, pass_on


class Gate:
    """A body that waits until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    def body(self) -> object:
        async def wait(item: Item, ctx: Context) -> Item:
            self.reached.set()
            await self.opened.wait()
            return item

        return wait


async def test_an_abort_lets_active_work_finish_and_keeps_the_rest(store: Store) -> None:
    gate = Gate()
    graph = line(pass_on, gate.body(), pass_on)  # type: ignore[arg-type]  # a coroutine function

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        await gate.reached.wait()
        aborting = asyncio.ensure_future(runner.abort("a", "no longer wanted"))
        await asyncio.sleep(0)
        gate.opened.set()
        await aborting
        with pytest.raises(StimulationAborted, match="no longer wanted"):
            await run
        info = await runner.get("a")
        left = await runner.frontier("a")
        again = await runner.retry("a")
        await again

    assert info is not None
    assert (info.status, info.owner) == ("aborted", None)
    assert info.error is not None
    assert "no longer wanted" in info.error.message
    assert [(task.neuron_name, task.status) for task in left] == [("n2", "outstanding")]
    assert graph.ran == ["n0:1", "n1:1", "n2:1"]


async def test_an_abort_of_a_run_with_nothing_left_lets_it_complete(store: Store) -> None:
    gate = Gate()
    graph = line(gate.body())  # type: ignore[arg-type]

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        await gate.reached.wait()
        aborting = asyncio.ensure_future(runner.abort("a"))
        await asyncio.sleep(0)
        gate.opened.set()
        await aborting
        await run
        info = await runner.get("a")

    assert info is not None
    assert info.status == "completed"


async def test_a_handler_may_abort_its_own_run(store: Store) -> None:
    async def stop(item: Item, ctx: Context) -> Item:
        await runner.abort("a", "seen enough")
        return item

    graph = line(stop, pass_on)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        with pytest.raises(StimulationAborted, match="seen enough"):
            await run

    assert graph.ran == ["n0:1"]


async def test_the_callers_abort_signal_stops_a_durable_run(store: Store) -> None:
    controller = AbortController()

    def stop(item: Item, ctx: Context) -> Item:
        controller.abort("from outside")
        return item

    graph = line(stop, pass_on)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a", abort_signal=controller.signal)
        with pytest.raises(StimulationAborted, match="from outside"):
            await run
        info = await runner.get("a")

    assert info is not None
    assert (info.status, info.outstanding) == ("aborted", 1)


async def test_an_abort_of_a_run_that_has_ended_changes_nothing(store: Store) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        await runner.abort("a")
        info = await runner.get("a")

    assert info is not None
    assert info.status == "completed"


async def test_a_run_of_another_worker_cannot_be_aborted_here(stores: Reopen) -> None:
    gate = Gate()
    graph = line(gate.body())  # type: ignore[arg-type]

    async with (
        DurableRunner(graph.cns, graph.registry, stores()) as runner,
        DurableRunner(graph.cns, graph.registry, stores()) as other,
    ):
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        with pytest.raises(RunNotReady, match=runner.worker_id):
            await other.abort("a")
        gate.opened.set()
        await run


async def test_a_run_that_nobody_runs_is_aborted_in_the_store_and_can_be_retried(stores: Reopen) -> None:
    gate = Gate()
    graph = line(gate.body(), pass_on)  # type: ignore[arg-type]
    async with DurableRunner(graph.cns, graph.registry, stores(), grace=0.01) as runner:
        await runner.stimulate(graph.signal(1), stimulation_id="a")
        await gate.reached.wait()
    elsewhere = line(pass_on)

    async with DurableRunner(elsewhere.cns, elsewhere.registry, stores(), scope="other") as runner:
        runner.scope = ""  # a tool that looks at the runs without resuming them
        await runner.abort("a")
        aborted = await runner.get("a")
    gate.opened.set()
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        assert runner.active_runs == []
        await (await runner.retry("a"))
        info = await runner.get("a")

    assert aborted is not None
    assert (aborted.status, aborted.outstanding) == ("aborted", 1)
    assert info is not None
    assert info.status == "completed"


async def test_an_abort_after_a_failure_keeps_both_in_the_frontier(store: Store) -> None:
    gate = Gate()
    waiting = gate.body()

    async def pick(item: Item, ctx: Context) -> Item:
        if item.n == 1:
            raise Boom
        return await waiting(item, ctx)  # type: ignore[operator, no-any-return]

    graph = line(lambda item, ctx: [Item(1), Item(2)], pick, pass_on)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        await gate.reached.wait()
        aborting = asyncio.ensure_future(runner.abort("a"))
        await asyncio.sleep(0)
        gate.opened.set()
        await aborting
        with pytest.raises(StimulationAborted):
            await run
        left = await runner.frontier("a")
        with pytest.raises(StimulationFailed):
            await (await runner.retry("a"))

    assert [(task.neuron_name, task.status) for task in left] == [("n1", "failed"), ("n2", "outstanding")]
    assert graph.ran == ["n0:1", "n1:1", "n1:2", "n1:1", "n2:2"]


class SlowAdmission(StoreWrapper):
    """Answers an admission only when it is told to."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.admitting = asyncio.Event()
        self.admitted = asyncio.Event()

    async def admit(self, run: NewRun, worker_id: str | None) -> RunState | None:
        state = await super().admit(run, worker_id)
        self.admitting.set()
        await self.admitted.wait()
        return state


async def test_an_abort_waits_for_the_admission_of_the_run(stores: Reopen) -> None:
    graph = line(pass_on, pass_on)
    store = SlowAdmission(stores())

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        starting = asyncio.ensure_future(runner.stimulate(graph.signal(1), stimulation_id="a"))
        await store.admitting.wait()
        aborting = asyncio.ensure_future(runner.abort("a"))
        await asyncio.sleep(0)
        store.admitted.set()
        run = await starting
        await aborting
        await asyncio.gather(run, return_exceptions=True)
        info = await runner.get("a")

    assert info is not None
    assert info.fence == 1
