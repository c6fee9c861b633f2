import asyncio
from collections.abc import Sequence
from typing import TypeVar

import pytest

from cnstra import DurableRunner, StoreError
from cnstra.persist.delta import Delta
from cnstra.persist.ports import Store
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Boom, Context, Item, line, pass_on

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
    applied: bool, stores: Reopen, impatient: None
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
        store.times = FOREVER
        return item

    graph = line(pass_on, break_down, pass_on)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        with pytest.raises(StoreError, match="on fire"):
            await run
        store.times = 0
        graph.ran.clear()
        task = (await runner.frontier("a"))[0]
        resumed = await runner.retry("a")
        store.times = 0
        await resumed
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
