import asyncio
from collections.abc import Sequence
from typing import TypeVar

import pytest

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, StimulationAborted, StoreError, collateral, neuron
from cnstra.persist.delta import Delta
from cnstra.persist.ports import Store
from cnstra.persist.records import Durability
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Body, Boom, Context, Graph, Item, handler, line, pass_on
from tests.durable.waiting import until

T = TypeVar("T")


class Failing(StoreWrapper):
    """Fails its next commits, before or after the other store has applied them."""

    def __init__(self, inner: Store, *, times: int = 0, applied: bool = False, error: Exception | None = None) -> None:
        super().__init__(inner)
        self.times = times
        self.applied = applied
        self.tried = 0
        self.error = error or StoreError("the disk is on fire")

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        self.tried += 1
        if self.times == 0:
            return await super().commit(deltas)
        self.times -= 1
        if self.applied:
            await super().commit(deltas)
        raise self.error


@pytest.mark.parametrize("applied", [False, True])
async def test_a_run_does_not_notice_commits_that_fail_for_a_while(
    applied: bool,  # noqa: FBT001 - a parameter of the test
    stores: Reopen,
    impatient: None,
) -> None:
    graph = line(pass_on, pass_on)
    store = Failing(stores(), times=5, applied=applied)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        info = await runner.get("a")
        tasks = await runner.tasks("a")

    assert info is not None
    assert (info.status, info.hop_count, info.fence) == ("completed", 2, 1)
    assert [task.ordinal for task in tasks] == [0, 1]
    assert graph.ran == ["n0:1", "n1:1"]


FOREVER = 10**6


async def test_a_commit_that_fails_for_good_fails_the_run_loudly_and_retry_resumes_it(
    stores: Reopen, impatient: None
) -> None:
    store = Failing(stores())

    def break_down(item: Item, ctx: Context) -> Item:
        store.times = FOREVER if ctx.attempt_number == 1 else 0
        return item

    graph = line(pass_on, break_down, pass_on)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        with pytest.raises(StoreError, match="on fire"):
            await run
        store.times = 0
        graph.ran.clear()
        task = (await runner.frontier("a"))[0]
        await (await runner.retry("a"))
        info = await runner.get("a")

    assert (task.ordinal, task.neuron_name) == (1, "n1")
    assert graph.ran == ["n1:1", "n2:1"]
    assert info is not None
    assert info.status == "completed"


async def test_a_final_commit_that_fails_for_good_fails_the_run_loudly(stores: Reopen, impatient: None) -> None:
    store = Failing(stores())

    def break_down(item: Item, ctx: Context) -> Item:
        store.times = FOREVER
        raise Boom

    graph = line(pass_on, break_down)
    async with DurableRunner(graph.cns, graph.registry, store, durability="exit") as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        async with asyncio.timeout(3):
            with pytest.raises(StoreError, match="on fire"):
                await run
        store.times = 0


async def test_an_error_that_the_store_does_not_know_fails_the_run_loudly_too(stores: Reopen) -> None:
    store = Failing(stores(), error=ZeroDivisionError("a bug in the store"))

    def break_down(item: Item, ctx: Context) -> Item:
        store.times = ctx.attempt_number == 1
        return item

    graph = line(break_down, pass_on)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        with pytest.raises(StoreError, match="a bug in the store") as raised:
            await run
        await (await runner.retry("a"))

    assert isinstance(raised.value.__cause__, ZeroDivisionError)


class Picky(StoreWrapper):
    """Refuses every batch that has a delta of a run it does not like."""

    def __init__(self, inner: Store, disliked: str) -> None:
        super().__init__(inner)
        self.disliked = disliked

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        if any(delta.stimulation_id.startswith(self.disliked) for delta in deltas):
            raise StoreError("too large a value")
        return await super().commit(deltas)


async def test_one_delta_that_the_store_refuses_harms_no_other_run(stores: Reopen, impatient: None) -> None:
    graph = line(pass_on, pass_on)
    store = Picky(stores(), "bad")

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        ids = ["good-1", "bad", "good-2", "good-3"]
        runs = await asyncio.gather(*(runner.stimulate(graph.signal(1), stimulation_id=one) for one in ids))
        outcomes = await asyncio.gather(*runs, return_exceptions=True)
        store.disliked = "nobody"
        await (await runner.retry("bad"))
        completed = await runner.list(status="completed")

    assert [type(outcome) for outcome in outcomes] == [type(None), StoreError, type(None), type(None)]
    assert len(completed) == 4


async def test_a_store_that_refuses_everything_is_not_asked_for_each_run(stores: Reopen, impatient: None) -> None:
    graph = line(pass_on)
    store = Picky(stores(), "bad")

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        runs = await asyncio.gather(*(runner.stimulate(graph.signal(n), stimulation_id=f"bad-{n}") for n in range(40)))
        outcomes = await asyncio.gather(*runs, return_exceptions=True)
        store.disliked = "nobody"
        left = await runner.list(status="running")

    assert {type(outcome) for outcome in outcomes} == {StoreError}
    assert len(left) == 40


# ---- hop -----------------------------------------------------------------------------------------------------


class Gated(StoreWrapper):
    """Commits only while it is open."""

    def __init__(self, inner: Store, *, is_open: bool = True) -> None:
        super().__init__(inner)
        self.gate = asyncio.Event()
        self.waiting = asyncio.Event()
        self.commits = 0
        if is_open:
            self.gate.set()

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        self.waiting.set()
        await self.gate.wait()
        self.commits += 1
        return await super().commit(deltas)


async def test_no_successor_starts_before_the_commit_of_its_parent(stores: Reopen) -> None:
    graph = line(pass_on, pass_on)
    store = Gated(stores(), is_open=False)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        await store.waiting.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        before, frontier = list(graph.ran), await runner.frontier("a")
        store.gate.set()
        await run

    assert before == ["n0:1"]
    assert [task.neuron_name for task in frontier] == ["n0"]
    assert graph.ran == ["n0:1", "n1:1"]


async def test_a_run_is_stored_before_its_first_handler_starts(stores: Reopen) -> None:
    seen: list[object] = []

    async def look(item: Item, ctx: Context) -> None:
        info = await runner.get("a")
        seen.append((info and info.status, [task.neuron_name for task in await runner.frontier("a")]))

    graph = line(look)
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))

    assert seen == [("running", ["n0"])]


async def test_siblings_do_not_wait_for_each_others_commits(stores: Reopen) -> None:
    store = Gated(stores())

    def close_gate(item: Item, ctx: Context) -> Item:
        store.gate.clear()
        return item

    graph = line(lambda item, ctx: [Item(1), Item(2), Item(3)], close_gate, pass_on)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(0), stimulation_id="a")
        await until(lambda: len(graph.ran) == 4)
        before = list(graph.ran)
        store.gate.set()
        await run

    assert before == ["n0:0", "n1:1", "n1:2", "n1:3"]


async def test_runs_that_commit_at_once_share_their_commits(stores: Reopen) -> None:
    graph = line(pass_on, pass_on, pass_on, pass_on)
    store = Gated(stores())

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await asyncio.gather(
            *await asyncio.gather(*(runner.stimulate(graph.signal(n), stimulation_id=str(n)) for n in range(50)))
        )

    assert store.commits < 50


class Overlapping(StoreWrapper):
    """Notes how many commits are under way at once, and whether a delta came before the one that it follows on."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.under_way = self.most = 0
        self.sequences: dict[str, list[int]] = {}

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        for delta in deltas:
            self.sequences.setdefault(delta.stimulation_id, []).append(delta.sequence)
        try:
            for _ in range(3):
                await asyncio.sleep(0)
            return await super().commit(deltas)
        finally:
            self.under_way -= 1


@pytest.mark.parametrize("durability", ["hop", "interval"])
async def test_a_swift_store_gets_two_batches_at_once_and_each_run_in_order(
    durability: Durability, stores: Reopen
) -> None:
    graph = line(*[pass_on] * 6)
    store = Overlapping(stores())

    async with DurableRunner(
        graph.cns, graph.registry, store, durability=durability, max_staleness=0.001, volume="progress"
    ) as runner:
        await asyncio.gather(
            *await asyncio.gather(*(runner.stimulate(graph.signal(n), stimulation_id=str(n)) for n in range(50)))
        )

    assert store.most <= 2
    assert store.most == 2 or durability == "interval"
    assert all(sequences == sorted(set(sequences)) for sequences in store.sequences.values())


# ---- interval ------------------------------------------------------------------------------------------------


async def test_an_interval_run_does_not_wait_for_its_commits(stores: Reopen) -> None:
    graph = line(*[pass_on] * 10)
    store = Gated(stores(), is_open=False)

    async with DurableRunner(graph.cns, graph.registry, store, durability="interval", max_staleness=30.0) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        await store.waiting.wait()
        ran = len(graph.ran)
        store.gate.set()
        await run
        info = await runner.get("a")

    assert ran == 10
    assert store.commits == 1
    assert info is not None
    assert (info.status, info.hop_count) == ("completed", 10)


async def test_an_interval_run_is_written_behind_although_it_goes_on(stores: Reopen) -> None:
    stop = False

    async def spin(item: Item, ctx: Context) -> Item | None:
        await asyncio.sleep(0.001)
        return None if stop else item

    graph = loop(spin)
    async with DurableRunner(graph.cns, graph.registry, stores(), durability="interval", max_staleness=0.02) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        hops = 0
        while hops < 5:
            info = await runner.get("a")
            assert info is not None
            hops = info.hop_count
            await asyncio.sleep(0.001)
        stop = True
        await run


def loop(body: Body) -> Graph:
    """Return a graph of one neuron that emits to itself."""
    entry = collateral(Item, name="c0")
    around = neuron({"c0": entry}, name="n0")
    ran: list[str] = []
    around.dendrite(entry, handler("n0", body, entry, ran))
    registry = CNSPersistOptionsRegistry().register("n0", around)
    return Graph(CNS([around]), registry, entry, [around], [entry], ran)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_slow_store_holds_an_interval_run_back(asynchronous: bool, stores: Reopen) -> None:  # noqa: FBT001 - a parameter of the test
    limit = 200_000

    def count_down(item: Item, ctx: Context) -> Item | None:
        return Item(item.n - 1) if item.n else None

    async def count_down_later(item: Item, ctx: Context) -> Item | None:
        await asyncio.sleep(0)
        return count_down(item, ctx)

    graph = loop(count_down_later if asynchronous else count_down)
    store = Gated(stores(), is_open=False)
    options = {"durability": "interval", "max_staleness": 0.02, "volume": "progress", "grace": 0.01}
    async with DurableRunner(graph.cns, graph.registry, store, **options) as runner:  # type: ignore[arg-type]
        run = await runner.stimulate(graph.signal(limit), stimulation_id="a")
        await store.waiting.wait()
        held = -1
        while held != len(graph.ran):  # until it has come to rest, although no commit comes to an end
            held = len(graph.ran)
            await asyncio.sleep(0.05)
        assert not run.done
        store.gate.set()

    assert held < limit


async def test_many_interval_runs_with_unwritten_progress_are_held_back(stores: Reopen) -> None:
    graph = line(pass_on, pass_on, pass_on)
    store = Gated(stores(), is_open=False)
    async with DurableRunner(graph.cns, graph.registry, store, durability="interval", max_staleness=60.0) as runner:
        runner._worker.committer._max_pending = 3
        runs = await asyncio.gather(*(runner.stimulate(graph.signal(n), stimulation_id=str(n)) for n in range(6)))
        await store.waiting.wait()
        store.gate.set()
        await asyncio.gather(*runs)

    assert len(graph.ran) == 18


# ---- exit ----------------------------------------------------------------------------------------------------


async def test_an_exit_run_is_written_at_its_start_and_at_its_end(stores: Reopen) -> None:
    graph = line(pass_on, pass_on, pass_on)
    store = Gated(stores())

    async with DurableRunner(graph.cns, graph.registry, store, durability="exit") as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        info = await runner.get("a")
        tasks = await runner.tasks("a")

    assert store.commits == 1
    assert info is not None
    assert (info.status, info.hop_count, len(tasks)) == ("completed", 3, 3)


async def test_an_exit_run_that_is_aborted_stores_its_frontier(stores: Reopen) -> None:
    async def stop(item: Item, ctx: Context) -> Item:
        await asyncio.sleep(0)
        await runner.abort("a", "enough")
        return item

    graph = line(pass_on, stop, pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores(), durability="exit") as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        with pytest.raises(StimulationAborted):
            await run
        left = await runner.frontier("a")
        await (await runner.retry("a"))

    assert [task.neuron_name for task in left] == ["n2"]
    assert graph.ran == ["n0:1", "n1:1", "n2:1"]


async def test_an_exit_run_that_is_interrupted_keeps_its_progress(stores: Reopen) -> None:
    reached = asyncio.Event()

    async def hang(item: Item, ctx: Context) -> Item:
        reached.set()
        if ctx.attempt_number == 1:
            await asyncio.Event().wait()
        return item

    graph = line(pass_on, hang)
    async with DurableRunner(graph.cns, graph.registry, stores(), durability="exit", grace=0.01) as runner:
        await runner.stimulate(graph.signal(1), stimulation_id="a")
        await reached.wait()
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await runner.wait_until_idle()

    assert graph.ran == ["n0:1", "n1:1", "n1:1"]
