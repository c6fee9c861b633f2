import asyncio

import pytest

from cnstra import AbortController, DurableRunner, StimulationAborted, StimulationFailed
from cnstra.persist.ports import Store
from cnstra.persist.records import NewRun, RunState
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Boom, Context, Item, line, pass_on
from tests.durable.waiting import until, until_run


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


async def test_a_run_of_another_worker_is_aborted_by_that_worker(stores: Reopen) -> None:
    gate = Gate()
    graph = line(gate.body(), pass_on)  # type: ignore[arg-type]

    async with (
        DurableRunner(graph.cns, graph.registry, stores()) as owner,
        DurableRunner(graph.cns, graph.registry, stores()) as other,
    ):
        run = await owner.stimulate(graph.signal(1), stimulation_id="a")
        await gate.reached.wait()
        assert run.stimulation is not None
        stopping = run.stimulation.abort_signal
        aborting = asyncio.ensure_future(other.abort("a", "no longer wanted"))
        await until(lambda: stopping.aborted)
        gate.opened.set()
        await aborting
        info = await other.get("a")
        with pytest.raises(StimulationAborted, match="no longer wanted"):
            await run
        with pytest.raises(StimulationAborted) as raised:
            await other.wait("a")

    assert info is not None
    assert (info.status, info.outstanding, info.abort_requested) == ("aborted", 1, None)
    assert raised.value.reason == "no longer wanted"
    assert graph.ran == ["n0:1"]


async def test_an_abort_without_a_reason_says_who_asked_for_it(stores: Reopen) -> None:
    gate = Gate()
    graph = line(gate.body(), pass_on)  # type: ignore[arg-type]

    async with (
        DurableRunner(graph.cns, graph.registry, stores()) as owner,
        DurableRunner(graph.cns, graph.registry, stores(), worker_id="console") as other,
    ):
        run = await owner.stimulate(graph.signal(1), stimulation_id="a")
        await gate.reached.wait()
        aborting = asyncio.ensure_future(other.abort("a"))
        assert run.stimulation is not None
        stopping = run.stimulation.abort_signal
        await until(lambda: stopping.aborted)
        gate.opened.set()
        await aborting
        with pytest.raises(StimulationAborted, match="requested by worker console"):
            await run


class Mute(StoreWrapper):
    """A worker on it hears of no abort, as one that hangs does not."""

    async def abort_requests(self, scope: str, worker_id: str) -> list[tuple[str, str]]:
        return []


async def test_an_abort_outlives_the_worker_that_was_asked(stores: Reopen) -> None:
    gate = Gate()
    graph = line(gate.body(), pass_on)  # type: ignore[arg-type]
    async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as other:
        async with DurableRunner(graph.cns, graph.registry, Mute(stores()), grace=0.01) as owner:
            await owner.stimulate(graph.signal(1), stimulation_id="a")
            await gate.reached.wait()
            aborting = asyncio.ensure_future(other.abort("a", "no longer wanted"))
            await until_run(other, lambda run: run.abort_requested is not None)
        await aborting
        info = await other.get("a")

    assert info is not None
    assert info.status == "aborted"
    assert info.error is not None
    assert info.error.message == "no longer wanted"


async def test_an_abort_of_a_run_that_is_deleted_meanwhile_ends(stores: Reopen) -> None:
    gate = Gate()
    graph = line(gate.body(), pass_on)  # type: ignore[arg-type]
    async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as other:
        async with DurableRunner(graph.cns, graph.registry, Mute(stores()), grace=0.01) as owner:
            await owner.stimulate(graph.signal(1), stimulation_id="a")
            await gate.reached.wait()
            aborting = asyncio.ensure_future(other.abort("a"))
            await until_run(other, lambda run: run.abort_requested is not None)
            await other.store.delete("", "a", dead=[owner.worker_id])
            await aborting
            gate.opened.set()
        assert await other.get("a") is None


async def test_the_first_reason_to_abort_a_waiting_run_is_its_error(stores: Reopen) -> None:
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as runner:
        run = await runner.enqueue(graph.signal(1), stimulation_id="a")
        await runner.abort("a", ValueError("too late"))
        await runner.abort("a", "a second time")
        with pytest.raises(StimulationAborted) as raised:
            await run

    assert raised.value.reason == "too late"
    assert graph.ran == []


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
