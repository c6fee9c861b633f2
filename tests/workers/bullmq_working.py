"""A worker process on a queue of BullMQ, for tests that stop, freeze and kill it.

Run as ``python -m tests.workers.bullmq_working FOLDER OPTIONS``, with JSON options: ``url`` and ``queue``, ``store`` if
runs are to be kept in one, ``runs`` for how many it takes up by itself, and what else `create_worker` takes. What its
handlers do is told in `tests.workers.working`.
"""

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

from cnstra import DurableRunner
from cnstra.workers import BrokerWorker
from cnstra.workers.bullmq import create_worker
from tests.workers.working import graph_in


def make_worker(
    folder: Path, *, url: str, queue: str, store: str | None = None, runs: int = 0, **options: Any
) -> BrokerWorker:
    """Return a worker on a queue."""
    graph = graph_in(folder)
    if store is None:
        return create_worker(queue, cns=graph.cns, registry=graph.registry, connection=url, **options)
    lease, grace = options["lock_duration"], options.pop("grace", 10.0)
    runner = DurableRunner(graph.cns, graph.registry, store, max_active_runs=runs, lease=lease, grace=grace)
    return create_worker(queue, runner, connection=url, **options)


if __name__ == "__main__":
    logging.basicConfig()
    asyncio.run(make_worker(Path(sys.argv[1]), **json.loads(sys.argv[2])).serve())
