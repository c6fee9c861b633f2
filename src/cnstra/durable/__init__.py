"""Runs that survive the process: the runner, its leases, and recovery."""

from __future__ import annotations

from cnstra.durable.handles import DurableRun
from cnstra.durable.retention import RetentionPolicy
from cnstra.durable.runner import DurableRunner
from cnstra.durable.views import RunInfo, RunPage, SignalInfo, TaskInfo

__all__ = ["DurableRun", "DurableRunner", "RetentionPolicy", "RunInfo", "RunPage", "SignalInfo", "TaskInfo"]
