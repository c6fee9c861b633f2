"""What a job handler asks of whatever runs its jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from cnstra.core.cns import CNS
    from cnstra.core.stimulation import Stimulation
    from cnstra.persist.registry import CNSPersistOptionsRegistry
    from cnstra.workers.assignments import Assignment
    from cnstra.workers.deliveries import Outcome

__all__ = ["JobRuns", "Started"]

Started: TypeAlias = "Callable[[Stimulation, int], None]"
"""Told of the run in memory that a delivery waits for, and of the number of its attempt."""


class JobRuns(Protocol):
    """Runs jobs so that a job that is delivered again goes on where it stopped."""

    @property
    def cns(self) -> CNS[Any]:
        """The graph."""
        ...

    @property
    def registry(self) -> CNSPersistOptionsRegistry:
        """Its names."""
        ...

    async def run(self, assignment: Assignment, started: Started) -> Outcome:
        """Start or resume the run of a job, or join it if it is under way here, and wait for its end.

        Cancelling this does not stop the run; see `drop`. It raises nothing for what a job does, or a store.

        Args:
            assignment: The job.
            started: Called once the run is under way here, perhaps never.
        """
        ...

    def drop(self, run: Stimulation, lost: Exception) -> None:
        """Stop a run at once whose delivery was lost, and save nothing more of it, if nothing else says who has it.

        Args:
            run: The run.
            lost: What whoever awaits it is told.
        """
