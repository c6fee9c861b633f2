"""A worker process on a queue of Procrastinate, for tests that stop, freeze and kill it.

Run as ``python -m tests.workers.procrastinate.working FOLDER OPTIONS``, with JSON options: ``url`` and ``queue``,
``store`` for the runs, ``runs`` for how many it takes up by itself, and what else `create_worker` takes. What its
handlers do is told in `tests.workers.working`.
"""

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

from cnstra import DurableRunner
from cnstra.workers import BrokerWorker, RetryPolicy
from cnstra.workers.procrastinate import create_worker
from tests.workers.working import graph_in

SOON = RetryPolicy(first_delay=0.05, max_delay=0.2)


def make_worker(
    folder: Path, *, url: str, queue: str, store: str, runs: int = 0, grace: float = 10.0, **options: Any
) -> BrokerWorker:
    """Return a worker on a queue."""
    graph = graph_in(folder)
    lease = options["heartbeat_timeout"]
    runner = DurableRunner(graph.cns, graph.registry, store, max_active_runs=runs, lease=lease, grace=grace)
    return create_worker(queue, runner, connection=url, policy=SOON, **options)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(make_worker(Path(sys.argv[1]), **json.loads(sys.argv[2])).serve())
