"""Jobs on a queue of BullMQ, on Redis or Valkey: taken from it and added to it, beside Node's workers and producers."""

from __future__ import annotations

from cnstra.workers.bullmq.client import Connection
from cnstra.workers.bullmq.options import Backoff, RateLimit
from cnstra.workers.bullmq.queues import enqueue, open_queue
from cnstra.workers.bullmq.worker import create_worker

__all__ = ["Backoff", "Connection", "RateLimit", "create_worker", "enqueue", "open_queue"]
