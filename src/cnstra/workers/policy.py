"""When a job is tried again: by the same policy as a run that waits in a store."""

from __future__ import annotations

from cnstra.durable.policy import DEFAULT_POLICY, RetryPolicy

__all__ = ["DEFAULT_POLICY", "RetryPolicy"]
