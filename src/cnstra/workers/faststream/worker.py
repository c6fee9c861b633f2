"""Making a worker: on its own, or inside an application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnstra.durable.arguments import whole
from cnstra.workers.assignments import MAX_JOB_BYTES
from cnstra.workers.faststream.attaching import AttachedWorker
from cnstra.workers.faststream.source import LineSource
from cnstra.workers.handler import JobHandler
from cnstra.workers.loop_watch import LoopWatch
from cnstra.workers.policy import DEFAULT_POLICY, RetryPolicy
from cnstra.workers.reporting import OnProgress
from cnstra.workers.serving import BrokerWorker

if TYPE_CHECKING:
    from cnstra.durable.runner import DurableRunner
    from cnstra.workers.faststream.ports import BrokerT, Place

__all__ = ["attach", "create_worker"]


def create_worker(
    place: Place[BrokerT],
    runner: DurableRunner,
    *,
    broker: BrokerT | str,
    concurrency: int = 10,
    policy: RetryPolicy = DEFAULT_POLICY,
    max_job_bytes: int = MAX_JOB_BYTES,
    on_progress: OnProgress | None = None,
    loop_watch: float | None = 1.0,
) -> BrokerWorker:
    """Make a worker that is a process of its own; ``await worker.serve()`` works until SIGTERM.

    Args:
        place: Where the jobs are: a `JobQueue` or a `JobSubject`.
        runner: Runs the jobs, and stores what they do; not open. Give it ``max_active_runs=0`` if it shall run nothing
            but what the broker delivers.
        broker: The address of the broker; or one of FastStream that nobody else starts.
        concurrency: How many jobs are in hand at once.
        policy: When a failed run is started again.
        max_job_bytes: The largest job that is run.
        on_progress: Told how far a run has got.
        loop_watch: For how many seconds a handler may block the event loop before that is logged, with the name of its
            neuron; ``None`` for no log.

    Raises:
        GraphError: If an option makes no sense.
    """
    own = place.connect(broker) if isinstance(broker, str) else broker
    handler = JobHandler(runner, policy=policy, max_job_bytes=max_job_bytes, on_progress=on_progress)
    source = LineSource(
        place.line(own, concurrency=whole(concurrency, "concurrency", 1)),
        handler,
        broker=own,
        concurrency=concurrency,
        watch=None if loop_watch is None else LoopWatch(loop_watch),
    )
    return BrokerWorker(source, handler, runner)


def attach(
    broker: BrokerT,
    place: Place[BrokerT],
    runner: DurableRunner,
    *,
    concurrency: int = 10,
    policy: RetryPolicy = DEFAULT_POLICY,
    max_job_bytes: int = MAX_JOB_BYTES,
    on_progress: OnProgress | None = None,
    loop_watch: float | None = 1.0,
) -> AttachedWorker:
    """Make a worker inside an application: ``attach(broker, place, runner).install(app)``.

    The broker gets one more subscriber, for *place*; what else it has stays what it is.

    Args:
        broker: The application's, which starts and stops it.
        place: Where the jobs are: a `JobQueue` or a `JobSubject`.
        runner: As in `create_worker`, like all that follows; it is opened and closed by the worker.
        concurrency: How many jobs are in hand at once.
        policy: When a failed run is started again.
        max_job_bytes: The largest job that is run.
        on_progress: Told how far a run has got.
        loop_watch: For how many seconds a handler may block the event loop before that is logged.

    Raises:
        GraphError: If an option makes no sense.
    """
    handler = JobHandler(runner, policy=policy, max_job_bytes=max_job_bytes, on_progress=on_progress)
    source = LineSource(
        place.line(broker, concurrency=whole(concurrency, "concurrency", 1)),
        handler,
        broker=None,
        concurrency=concurrency,
        watch=None if loop_watch is None else LoopWatch(loop_watch),
    )
    return AttachedWorker(BrokerWorker(source, handler, runner), source)
