"""DBOS, measured in its own environment: a workflow of so many steps, each of which stores what it returned.

`python peer_dbos.py URL`, where URL is ``sqlite:///file`` or ``postgresql://...``; see `answering` for what it says.
"""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import version

from answering import TEXT, Item, serve
from dbos import DBOS


def _count(item: Item) -> Item:
    return {"number": int(item["number"]) + 1, "text": item["text"]}


async def _count_in_loop(item: Item) -> Item:
    return _count(item)


step = DBOS.step()(_count)
step_in_loop = DBOS.step()(_count_in_loop)


def _chain(hops: int) -> int:
    item: Item = {"number": 10_000, "text": TEXT}
    for _ in range(hops):
        item = step(item)
    return int(item["number"])


async def _chain_in_loop(hops: int) -> int:
    item: Item = {"number": 10_000, "text": TEXT}
    for _ in range(hops):
        item = await step_in_loop(item)
    return int(item["number"])


chain = DBOS.workflow()(_chain)
chain_in_loop = DBOS.workflow()(_chain_in_loop)


def with_threads(runs: int, hops: int) -> None:
    """Run the chains in DBOS's threads; a single one in the calling thread."""
    if runs == 1:
        chain(hops)
        return
    for handle in [DBOS.start_workflow(chain, hops) for _ in range(runs)]:
        handle.get_result(polling_interval_sec=0.01)


def with_loop(runs: int, hops: int) -> None:
    """Run the chains in an event loop."""

    async def gather() -> None:
        if runs == 1:
            await chain_in_loop(hops)
            return
        handles = [await DBOS.start_workflow_async(chain_in_loop, hops) for _ in range(runs)]
        await asyncio.gather(*(handle.get_result() for handle in handles))

    LOOP.run_until_complete(gather())


LOOP = asyncio.new_event_loop()

if __name__ == "__main__":
    DBOS(config={"name": "bench", "system_database_url": sys.argv[1], "log_level": "ERROR", "enable_otlp": False})
    DBOS.launch()
    try:
        serve(version("dbos"), {"threads": with_threads, "asyncio": with_loop})
    finally:
        DBOS.destroy()
