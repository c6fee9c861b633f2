import asyncio
import gc

from cnstra import DurableRunner, StimulationFailed
from cnstra.durable.ownership import Ownership
from cnstra.errors import RunNotReady
from cnstra.persist.ports import Store
from tests.durable.graphs import Switch, line, pass_on


async def test_two_retries_at_once_start_one_attempt(store: Store) -> None:
    switch = Switch()
    graph = line(switch, pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        [outcome] = await asyncio.gather(run, return_exceptions=True)
        switch.on = False
        first, second = await asyncio.gather(runner.retry("a"), runner.retry("a"), return_exceptions=True)
        await runner.wait("a")
        info = await runner.get("a")

    assert isinstance(outcome, StimulationFailed)
    assert not isinstance(first, BaseException)
    assert isinstance(second, RunNotReady)
    assert info is not None
    assert (info.status, info.attempt_number, info.fence) == ("completed", 2, 2)


async def test_the_lock_of_a_run_is_forgotten_when_nobody_needs_it() -> None:
    ownership = Ownership()

    async with ownership.of("a"):
        same = ownership.of("a").locked()
    gc.collect()

    assert same
    assert len(ownership._runs) == 0


async def test_a_run_is_not_taken_while_it_is_started() -> None:
    ownership = Ownership()
    order: list[str] = []

    async def take() -> None:
        async with ownership.taking("a"):
            order.append("taken")

    async with ownership.of("a"):
        taking = asyncio.ensure_future(take())
        await asyncio.sleep(0)
        order.append("started")
    await taking

    assert order == ["started", "taken"]
