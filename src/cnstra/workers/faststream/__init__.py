"""Jobs on RabbitMQ and NATS JetStream by way of FastStream: beside an application that is there, or on their own.

Where jobs are is said by `cnstra.workers.faststream.rabbit.JobQueue` or `cnstra.workers.faststream.nats.JobSubject`:
each module needs the client of its own broker, and this package needs neither.
"""

from __future__ import annotations

from cnstra.workers.faststream.attaching import AttachedWorker
from cnstra.workers.faststream.ports import Line, Place
from cnstra.workers.faststream.producing import enqueue, enqueue_job
from cnstra.workers.faststream.worker import attach, create_worker

__all__ = ["AttachedWorker", "Line", "Place", "attach", "create_worker", "enqueue", "enqueue_job"]
