"""Sending jobs to the workers of a Celery app."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from cnstra.durable.identity import new_stimulation_id
from cnstra.persist.records import Durability, Volume
from cnstra.workers.celery.client import AsyncResult, Celery, confirming_producer
from cnstra.workers.job import JOB_NAME, StimulationJob, stimulation_job

if TYPE_CHECKING:
    from cnstra.core.modality import AfferentPath, Modality
    from cnstra.core.signals import Signal
    from cnstra.persist.registry import CNSPersistOptionsRegistry

__all__ = ["CONFIRMED_WITHIN", "TASK_NAME", "enqueue", "enqueue_job"]

TASK_NAME: Final = JOB_NAME
"""What the task is called, unless it is given another name."""

CONFIRMED_WITHIN: Final = 30.0
"""Seconds within which RabbitMQ must have said that it has a message."""


def enqueue(
    app: Celery,
    registry: CNSPersistOptionsRegistry,
    signal: Signal[Any],
    *,
    stimulation_id: str | None = None,
    durability: Durability | None = None,
    volume: Volume | None = None,
    concurrency: int | None = None,
    max_neuron_hops: int | None = None,
    modality: Modality | None = None,
    afferent_path: AfferentPath | None = None,
    metadata: Mapping[str, Any] | None = None,
    task: str = TASK_NAME,
    countdown: float | None = None,
    eta: datetime | None = None,
    queue: str | None = None,
    priority: int | None = None,
    **options: Any,
) -> AsyncResult:
    """Send the job that stimulates a graph with *signal* to the workers of *app*; it returns when the broker has it.

    The process needs neither the task nor a store: the app, and the registry for the names.

    Args:
        app: The Celery app.
        registry: Has the name of the signal's collateral.
        signal: What the run starts with.
        stimulation_id: The id of the run and of the task. The same one may be sent any number of times, and is done
            once. Left out, one is made.
        durability: As in `stimulation_job`, like those up to *metadata*.
        volume: How much history is kept.
        concurrency: How many bodies of the run may be active at once.
        max_neuron_hops: How often each neuron may be activated.
        modality: Which modality the run carries.
        afferent_path: Which path of it.
        metadata: JSON data that is stored with the run.
        task: The name of the task, if `make_durable` was given one.
        countdown: Seconds before it is run.
        eta: Not before this time.
        queue: Instead of the one that the app's routes say.
        priority: As the broker has it.
        options: What else ``app.send_task`` takes, such as ``link`` or ``expires``.

    Raises:
        UnknownName: If the collateral, or the modality, is not registered.
        PayloadError: If the payload or the metadata would not come back unchanged.
        GraphError: If an option makes no sense.
    """
    job = stimulation_job(
        registry,
        signal,
        stimulation_id=stimulation_id,
        durability=durability,
        volume=volume,
        concurrency=concurrency,
        max_neuron_hops=max_neuron_hops,
        modality=modality,
        afferent_path=afferent_path,
        metadata=metadata,
    )
    return enqueue_job(app, job, task=task, countdown=countdown, eta=eta, queue=queue, priority=priority, **options)


def enqueue_job(app: Celery, job: StimulationJob, *, task: str = TASK_NAME, **options: Any) -> AsyncResult:
    """Send a job that is made already, as `enqueue` does.

    Args:
        app: The Celery app.
        job: Made by `stimulation_job`, or by hand.
        task: The name of the task.
        options: What ``app.send_task`` takes, such as ``countdown`` or ``queue``; those that are ``None`` are left out.
    """
    given = {name: value for name, value in options.items() if value is not None}
    given.setdefault("task_id", job.stimulation_id or new_stimulation_id())
    given.setdefault("argsrepr", f"({job.collateral_name!r},)")  # what is logged of it, instead of the payload
    with confirming_producer(app) as producer:
        # As text, for which Celery's own reader of JSON has no meaning of its own.
        return app.send_task(task, args=(job.to_json(),), producer=producer, confirm_timeout=CONFIRMED_WITHIN, **given)
