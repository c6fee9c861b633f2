"""A worker process on RabbitMQ or NATS, for tests that stop, freeze and kill it.

Run as ``python -m tests.workers.faststream.working FOLDER OPTIONS``, with JSON options: ``broker``, ``url`` and
``name``, what the place takes, ``store``, ``lease`` and ``grace``, ``runs`` for how many it takes up by itself, and
what else `create_worker` takes. What its handlers do is told in `tests.workers.working`.
"""

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

from cnstra import DurableRunner
from cnstra.workers import BrokerWorker
from cnstra.workers.faststream import create_worker
from cnstra.workers.faststream.nats import JobSubject
from cnstra.workers.faststream.rabbit import JobQueue
from tests.workers.working import SOON, graph_in


def make_worker(
    folder: Path,
    *,
    broker: str,
    url: str,
    name: str,
    store: str,
    lease: float,
    grace: float = 10.0,
    runs: int = 0,
    ack_wait: float = 30.0,
    kind: Any = "quorum",
    **options: Any,
) -> BrokerWorker:
    """Return a worker of the graph of a folder."""
    graph = graph_in(folder)
    runner = DurableRunner(graph.cns, graph.registry, store, max_active_runs=runs, lease=lease, grace=grace)
    if broker == "nats":
        subject = JobSubject(f"{name}.jobs", stream=name, ack_wait=ack_wait)
        return create_worker(subject, runner, broker=url, policy=SOON, **options)
    return create_worker(JobQueue(name, kind=kind), runner, broker=url, policy=SOON, **options)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(make_worker(Path(sys.argv[1]), **json.loads(sys.argv[2])).serve())
