import asyncio
from random import Random

from cnstra.durable.retention import Retention
from cnstra.durable.stopping import end, is_ending
from cnstra.durable.tidying import Tidying
from cnstra.stores import MemoryStore


async def test_a_task_that_loses_a_cancellation_is_cancelled_again() -> None:
    lost = 0

    async def lose() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
                if lost == 2:
                    raise

    task = asyncio.ensure_future(lose())
    await asyncio.sleep(0)
    await end([task])

    assert task.cancelled()
    assert lost == 2


async def test_tasks_that_have_ended_are_not_waited_for() -> None:
    task = asyncio.ensure_future(asyncio.sleep(0))
    await task

    await end([task])
    await end([])

    assert not is_ending()


async def test_a_chore_whose_driver_loses_its_cancellation_ends_all_the_same() -> None:
    reached = asyncio.Event()

    async def bury() -> None:
        reached.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    chore = Tidying(MemoryStore(), "", retention=Retention(None), bury=bury, random=Random(1))
    keeping = asyncio.ensure_future(chore.keep())
    await reached.wait()
    keeping.cancel()
    await keeping
