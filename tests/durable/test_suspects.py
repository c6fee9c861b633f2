import asyncio
from functools import partial

import pytest

from cnstra import DurableRunner
from cnstra.durable.suspects import losses_in_a_row
from cnstra.persist.ports import Store
from cnstra.persist.records import AttemptRecord, AttemptStatus
from cnstra.testing.building import lost
from tests.durable.conftest import Reopen
from tests.durable.graphs import Context, Graph, Item, line, pass_on
from tests.durable.waiting import until


class Ward:
    """Holds what comes in until it is let out, and knows what is in."""

    def __init__(self) -> None:
        self.inside: list[int] = []
        self._out = asyncio.Event()

    async def hold(self, item: Item, ctx: Context) -> Item:
        """Be the body of a neuron."""
        self.inside.append(item.n)
        await self._out.wait()
        self.inside.remove(item.n)
        return item

    def has(self, count: int) -> bool:
        """Whether so many are in."""
        return len(self.inside) == count

    async def let_out(self) -> None:
        """Let out everything that is in now."""
        out, self._out = self._out, asyncio.Event()
        out.set()
        await asyncio.sleep(0)


async def enqueued(graph: Graph, store: Store, count: int, *, lost_times: int = 0) -> None:
    """Store runs ``0``, ``1``, ..., which a worker without a heartbeat has lost so many times."""
    async with DurableRunner(graph.cns, graph.registry, store, max_active_runs=0) as owner:
        for n in range(count):
            await owner.enqueue(graph.signal(n), stimulation_id=str(n))
        await lost(owner.store, times=lost_times)


@pytest.mark.parametrize(
    ("attempts", "losses"),
    [
        ([], 0),
        ([("lost", 0), ("lost", 0)], 2),
        ([("lost", 0), ("lost", 4), ("lost", 0)], 2),
        ([("lost", 0), ("interrupted", 0), ("lost", 0)], 2),
        ([("lost", 0), ("interrupted", 3)], 0),
    ],
)
def test_losses_are_counted_since_the_last_hop(attempts: list[tuple[AttemptStatus, int]], losses: int) -> None:
    records = [
        AttemptRecord(number, status, "worker", 0.0, hop_count=hops)
        for number, (status, hops) in enumerate(attempts, start=1)
    ]

    assert losses_in_a_row(records) == losses


async def test_runs_that_were_lost_once_start_together(stores: Reopen) -> None:
    ward = Ward()
    graph = line(ward.hold, pass_on)
    await enqueued(graph, stores(), 5, lost_times=1)

    async with DurableRunner(graph.cns, graph.registry, stores(), grace=0.01):
        await until(lambda: len(ward.inside) == 5)


async def test_suspects_start_one_then_two_then_four_at_once(stores: Reopen) -> None:
    ward = Ward()
    graph = line(ward.hold, pass_on)
    await enqueued(graph, stores(), 8, lost_times=3)

    seen: list[list[int]] = []
    async with DurableRunner(graph.cns, graph.registry, stores(), poll=0.01) as runner:
        for expected in (1, 2, 4, 1):
            await until(partial(ward.has, expected))
            seen.append(sorted(ward.inside))
            await ward.let_out()
        await asyncio.gather(*(runner.wait(str(n)) for n in range(8)))

    assert seen == [[0], [1, 2], [3, 4, 5, 6], [7]]


async def test_a_run_that_is_above_suspicion_does_not_wait_for_suspects(stores: Reopen) -> None:
    ward = Ward()
    graph = line(ward.hold, pass_on)
    await enqueued(graph, stores(), 3, lost_times=3)

    async with DurableRunner(graph.cns, graph.registry, stores(), poll=0.01, grace=0.01) as runner:
        await until(lambda: ward.inside == [0])
        await runner.enqueue(graph.signal(7), stimulation_id="7")
        await until(lambda: ward.inside == [0, 7])


async def test_a_suspect_that_leaves_the_worker_alive_for_a_lease_is_harmless(stores: Reopen) -> None:
    ward = Ward()
    graph = line(ward.hold, pass_on)
    await enqueued(graph, stores(), 3, lost_times=3)

    async with DurableRunner(graph.cns, graph.registry, stores(), lease=0.2, poll=0.01, grace=0.01):
        await until(lambda: ward.inside == [0])
        await until(lambda: ward.inside == [0, 1, 2])


async def test_another_worker_may_have_the_suspects_that_wait(stores: Reopen) -> None:
    ward = Ward()
    graph = line(ward.hold, pass_on)
    await enqueued(graph, stores(), 3, lost_times=3)

    async with DurableRunner(graph.cns, graph.registry, stores(), poll=0.01, grace=0.01):
        await until(lambda: ward.inside == [0])
        async with DurableRunner(graph.cns, graph.registry, stores(), poll=0.01, grace=0.01) as other:
            await until(lambda: len(ward.inside) == 2)
            assert len(other.active_runs) == 1
