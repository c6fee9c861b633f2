"""A Celery app with one durable task, for tests that stop, freeze and kill its workers.

Run as ``python -m tests.workers.celery.working FOLDER OPTIONS``, with JSON options: ``url`` of the broker, ``queue``,
``store``, and what else is told below. What its handlers do is told in `tests.workers.working`.
"""

import json
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from celery import Celery

from cnstra import DurableRunner
from cnstra.workers import RetryPolicy
from cnstra.workers.celery import make_durable
from tests.workers.working import graph_in

SOON = RetryPolicy(first_delay=0.1, max_delay=0.3)


def make_app(
    folder: Path,
    *,
    url: str,
    queue: str,
    store: str,
    runs: int = 0,
    lease: float = 15.0,
    grace: float = 10.0,
    loop_watch: float = 1.0,
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> Celery:
    """Return the app.

    Args:
        folder: Where handlers note what they do.
        url: Of the broker.
        queue: Where jobs come from.
        store: Where runs are kept.
        runs: How many runs a process takes up by itself.
        lease: Of the runner, like the next.
        grace: Seconds.
        loop_watch: As in `make_durable`.
        settings: Of Celery.
        options: Of `make_durable`.
    """
    graph = graph_in(folder)
    app = Celery("tests", broker=url)
    app.conf.update(
        task_default_queue=queue,
        worker_prefetch_multiplier=1,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        **(settings or {}),
    )

    def make_runner() -> DurableRunner:
        return DurableRunner(graph.cns, graph.registry, store, max_active_runs=runs, lease=lease, grace=grace)

    make_durable(
        app,
        make_runner,
        policy=SOON,
        dead_letters=f"{queue}.dead",
        loop_watch=loop_watch,
        max_job_bytes=1 << 20,
        **options,
    )
    return app


def main(folder: Path, *, processes: int = 2, pool: str = "prefork", **options: Any) -> None:
    """Work until a signal."""
    app = make_app(folder, **options)
    name = f"--hostname={uuid4().hex}"  # RabbitMQ lets no two workers have the same one, not even shortly after a kill
    options_of_worker = [f"--concurrency={processes}", f"--pool={pool}", "--without-mingle", "--without-gossip"]
    app.worker_main(["--quiet", "worker", "--loglevel=INFO", name, *options_of_worker])


if __name__ == "__main__":
    main(Path(sys.argv[1]), **json.loads(sys.argv[2]))
