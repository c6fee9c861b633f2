"""Jobs for the brokers that people run already: the broker delivers, the run store remembers.

This package imports no broker's library; each has a module of its own.
"""

from __future__ import annotations

from cnstra.workers.contexts import job_context
from cnstra.workers.deliveries import Dead, Delivery, Done, Outcome, Retry
from cnstra.workers.handler import JobHandler
from cnstra.workers.job import JOB_FORMAT, JOB_NAME, StimulationJob, stimulation_job
from cnstra.workers.loop_watch import LoopWatch
from cnstra.workers.policy import RetryPolicy
from cnstra.workers.polling import PolledSource
from cnstra.workers.ports import Checkpoint
from cnstra.workers.reporting import JobProgress
from cnstra.workers.schema import JOB_SCHEMA
from cnstra.workers.serving import BrokerWorker, JobSource, serve
from cnstra.workers.stopping import StopSignals

__all__ = [
    "JOB_FORMAT",
    "JOB_NAME",
    "JOB_SCHEMA",
    "BrokerWorker",
    "Checkpoint",
    "Dead",
    "Delivery",
    "Done",
    "JobHandler",
    "JobProgress",
    "JobSource",
    "LoopWatch",
    "Outcome",
    "PolledSource",
    "Retry",
    "RetryPolicy",
    "StimulationJob",
    "StopSignals",
    "job_context",
    "serve",
    "stimulation_job",
]
