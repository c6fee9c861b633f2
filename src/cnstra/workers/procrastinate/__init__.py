"""Jobs on a queue of Procrastinate, in Postgres: added in your own transaction, and given back when a worker dies."""

from __future__ import annotations

from cnstra.workers.procrastinate.client import Connection
from cnstra.workers.procrastinate.queues import Queue, apply_schema, enqueue, open_queue
from cnstra.workers.procrastinate.schedules import Schedule
from cnstra.workers.procrastinate.worker import create_worker

__all__ = ["Connection", "Queue", "Schedule", "apply_schema", "create_worker", "enqueue", "open_queue"]
