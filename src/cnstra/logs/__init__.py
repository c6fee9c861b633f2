"""Logs that tell which run they come from, and what a graph has done of late."""

from __future__ import annotations

from cnstra.logs.fields import RunFilter, add_run_fields, run_fields
from cnstra.logs.history import HistoryLogger

__all__ = ["HistoryLogger", "RunFilter", "add_run_fields", "run_fields"]
