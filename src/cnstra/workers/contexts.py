"""What the handlers of a job's run find as ``ctx.stimulation_context``."""

from __future__ import annotations

from typing import Any

__all__ = ["job_context"]


def job_context(stimulation_id: str, metadata: Any, attempt_number: int) -> dict[str, Any]:  # noqa: ARG001 - a factory is given it
    """Return what a log line needs to tell which run, and which attempt of it, it belongs to."""
    return {"stimulation_id": stimulation_id, "attempt_number": attempt_number}
