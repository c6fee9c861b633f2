"""The statuses of runs, as options have them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeAlias

import typer

__all__ = ["FinalStatus", "Status", "StatusOption"]


class Status(StrEnum):
    """Where a run stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    ABORTED = "aborted"


class FinalStatus(StrEnum):
    """How a run has ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    ABORTED = "aborted"


StatusOption: TypeAlias = Annotated[
    list[Status] | None, typer.Option("--status", help="Only runs in this status; may be given several times.")
]
