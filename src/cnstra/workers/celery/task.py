"""Making a Celery app durable: one more task, which runs the jobs of a graph."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cnstra.workers.assignments import MAX_JOB_BYTES
from cnstra.workers.celery.answers import Answers, DeadJob
from cnstra.workers.celery.bells import Bells
from cnstra.workers.celery.client import Celery, CeleryTask, Task
from cnstra.workers.celery.hosting import Host
from cnstra.workers.celery.process import ProcessWorker
from cnstra.workers.celery.producing import TASK_NAME
from cnstra.workers.deliveries import Delivery
from cnstra.workers.handler import JobHandler
from cnstra.workers.policy import DEFAULT_POLICY, RetryPolicy
from cnstra.workers.reporting import OnProgress

if TYPE_CHECKING:
    from cnstra.durable.runner import DurableRunner

__all__ = ["make_durable"]


def make_durable(
    app: Celery,
    make_runner: Callable[[], DurableRunner],
    *,
    name: str = TASK_NAME,
    policy: RetryPolicy = DEFAULT_POLICY,
    dead_letters: str | None = None,
    max_job_bytes: int = MAX_JOB_BYTES,
    on_progress: OnProgress | None = None,
    loop_watch: float | None = 1.0,
    **options: Any,
) -> CeleryTask:
    """Give *app* a task that runs the jobs of a graph, and return it; call this where the other tasks are defined.

    Each process of a worker has an event loop in a thread, and a runner that is opened after the fork and stays open
    for as long as the process lives.

    Args:
        app: The Celery app; its other tasks stay as they are.
        make_runner: Makes the runner of one process. Runners also take up at once what dead workers have left, before
            the broker finds out; ``max_active_runs=0`` leaves that to the broker.
        name: What the task is called; `enqueue` must be told, if it is another one.
        policy: When a failed run is started again; Celery's own limit of retries is off.
        dead_letters: The queue that dead jobs are sent to, for people to look at and no worker to consume. Without it
            they are rejected, which RabbitMQ alone can catch, by a dead-letter exchange.
        max_job_bytes: The largest job that is run.
        on_progress: Told how far a run has got; ``delivery.message`` is Celery's request.
        loop_watch: For how many seconds a handler may block the event loop before that is logged, with the name of its
            neuron; ``None`` for no log.
        options: What else a Celery task takes, such as ``queue``.

    Raises:
        GraphError: If an option makes no sense.
    """

    def make_handler(runner: DurableRunner) -> JobHandler:
        return JobHandler(runner, policy=policy, max_job_bytes=max_job_bytes, on_progress=on_progress)

    def make_worker(bells: Bells | None) -> ProcessWorker:
        return ProcessWorker(make_runner, make_handler, loop_watch=loop_watch, bells=bells)

    host, answers = Host(app, make_worker), Answers(dead_letters)
    host.connect()

    def run(task: Task, job: object) -> Mapping[str, object]:
        delivery = Delivery(task.request.id, _data(job), message=task.request)
        return answers.give(task, host.deliver(delivery))

    given = {
        "shared": False,  # or every other app of the process would have it, too
        "max_retries": None,  # the policy counts
        "throws": (DeadJob,),  # which the handler has logged
        **options,
        "acks_late": True,
        "reject_on_worker_lost": True,
        "acks_on_failure_or_timeout": False,
        "acks_on_failure": False,
        "acks_on_timeout": False,
    }
    return app.task(run, bind=True, name=name, **given)


def _data(job: object) -> Mapping[str, Any] | str | bytes:
    """Return what stands for a job in a message; a producer may have put anything there."""
    return job if isinstance(job, (str, bytes, Mapping)) else json.dumps(job, default=repr)
