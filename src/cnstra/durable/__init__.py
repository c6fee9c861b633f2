"""Runs that survive the process: the runner, its leases, and recovery."""

from __future__ import annotations

from cnstra.durable.checkup import CheckReport, RunProblem
from cnstra.durable.commands import CommandInfo
from cnstra.durable.handles import DurableRun
from cnstra.durable.numbers import RunnerStats
from cnstra.durable.policy import RetryPolicy
from cnstra.durable.retention import Keep, RetentionPolicy
from cnstra.durable.runner import DurableRunner
from cnstra.durable.timekeeping import Schedule
from cnstra.durable.views import RunInfo, RunPage, SignalInfo, TaskInfo
from cnstra.persist.limits import Limit

__all__ = [
    "CheckReport",
    "CommandInfo",
    "DurableRun",
    "DurableRunner",
    "Keep",
    "Limit",
    "RetentionPolicy",
    "RetryPolicy",
    "RunInfo",
    "RunPage",
    "RunProblem",
    "RunnerStats",
    "Schedule",
    "SignalInfo",
    "TaskInfo",
]
