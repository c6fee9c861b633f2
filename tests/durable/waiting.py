"""Waiting for what nothing tells of."""

import asyncio
from collections.abc import Callable

from cnstra import DurableRunner
from cnstra.durable import RunInfo


async def until(condition: Callable[[], bool]) -> None:
    """Return once *condition* holds; the test's own time limit is the only one."""
    while not condition():  # noqa: ASYNC110 - what is waited for sets no event
        await asyncio.sleep(0.001)


async def until_run(runner: DurableRunner, condition: Callable[[RunInfo], bool], stimulation_id: str = "a") -> RunInfo:
    """Return a stored run once *condition* holds for it."""
    while True:
        info = await runner.get(stimulation_id)
        if info is not None and condition(info):
            return info
        await asyncio.sleep(0.001)
