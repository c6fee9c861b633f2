"""A worker process on the jobs of a folder, for tests that stop and kill it.

Run as ``python -m tests.workers.working FOLDER OPTIONS``, with JSON options for the runner. A handler that is named in
the file ``hold`` says so on the standard output, and goes on when it stands there no more; it may be ``blocking``.
"""

import asyncio
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

from cnstra import DurableRunner
from cnstra.workers import BrokerWorker, JobHandler, LoopWatch, RetryPolicy
from examples.spool import Spool
from tests.durable.graphs import Body, Context, Graph, Item, line

SOON = RetryPolicy(first_delay=0.05, max_delay=0.2)
NEURONS = 4


def graph_in(folder: Path) -> Graph:
    """Return a chain of neurons that note each start of a handler in a file."""
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def body(name: str) -> Body:
        async def run(item: Item, ctx: Context) -> Item:
            os.write(log, f"{item.n} {name} {ctx.attempt_number}\n".encode())
            await asyncio.sleep(0.02)
            held = _held(folder)
            if held.startswith(f"{item.n} {name}"):
                print("reached", flush=True)  # noqa: T201 - who waits for it reads it
                while _held(folder) == held:
                    if held.endswith("blocking"):
                        time.sleep(0.01)  # noqa: ASYNC251 - it is to block
                    else:
                        await asyncio.sleep(0.01)
            return item

        return run

    return line(*[body(f"n{number}") for number in range(NEURONS)])


def _held(folder: Path) -> str:
    file = folder / "hold"
    return file.read_text() if file.exists() else ""


def make_worker(folder: Path, options: dict[str, Any]) -> BrokerWorker:
    """Return a worker of that graph."""
    graph = graph_in(folder)
    runner = DurableRunner(graph.cns, graph.registry, folder / "runs.db", **options)
    handler = JobHandler(runner, policy=SOON)
    return BrokerWorker(Spool(folder).source(handler), handler, runner)


async def main(folder: Path, options: dict[str, Any]) -> None:
    """Work until a signal."""
    with LoopWatch(0.2):
        await make_worker(folder, options).serve()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
