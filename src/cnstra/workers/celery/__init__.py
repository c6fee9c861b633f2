"""Jobs of a Celery app that exists already, on RabbitMQ or Redis: one more task, whose runs survive a crash."""

from __future__ import annotations

from cnstra.workers.celery.answers import DeadJob
from cnstra.workers.celery.producing import TASK_NAME, enqueue, enqueue_job
from cnstra.workers.celery.task import make_durable

__all__ = ["TASK_NAME", "DeadJob", "enqueue", "enqueue_job", "make_durable"]
