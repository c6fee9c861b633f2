"""A durable run, as its caller sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, final

from cnstra.durable.failures import error_of
from cnstra.errors import RecordedFailure, RunNotFound, StimulationAborted, StimulationFailed

if TYPE_CHECKING:
    from cnstra.core.stimulation import Stimulation
    from cnstra.durable.views import RunInfo
    from cnstra.persist.ports import Store

__all__ = ["DurableRun"]

_POLL = 0.05
_MAX_POLL = 1.0


@final
class DurableRun:
    """One run of a `DurableRunner`; ``await`` it for its end, which raises as a `Stimulation` does.

    Attributes:
        stimulation_id: The run.
        attempt_number: The attempt that this object stands for.
        stimulation: The run in memory; ``None`` if it had ended, or ran in another process, when this object was made.
    """

    __slots__ = ("_outcome", "attempt_number", "stimulation", "stimulation_id")

    def __init__(
        self,
        stimulation_id: str,
        attempt_number: int,
        stimulation: Stimulation | None,
        outcome: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self.stimulation_id = stimulation_id
        self.attempt_number = attempt_number
        self.stimulation = stimulation
        self._outcome = outcome

    @property
    def done(self) -> bool:
        """Whether the run has ended, as far as this process knows without asking the store."""
        return self.stimulation is not None and self.stimulation.done

    def __await__(self) -> Generator[Any, Any, None]:
        return self.wait_until_complete().__await__()

    def wait_until_complete(self) -> Coroutine[Any, Any, None]:
        """Return a coroutine of the run's end.

        Raises:
            StimulationFailed: When awaited, if tasks or listeners failed.
            StimulationAborted: When awaited, if it was stopped before its work was done.
            Fenced: When awaited, if another worker took it over.
            StoreError: When awaited, if a commit failed; what was committed before can be resumed.
        """
        if self.stimulation is not None:
            return self.stimulation.wait_until_complete()
        assert self._outcome is not None  # noqa: S101 - one of the two is always given
        return self._outcome()

    def __repr__(self) -> str:
        return f"<DurableRun {self.stimulation_id} attempt {self.attempt_number}>"


async def outcome_in_store(store: Store, scope: str, stimulation_id: str, read: Callable[[Any], RunInfo]) -> None:
    """Wait until the stored run is over, and raise as awaiting it would.

    Raises:
        RunNotFound: If the run is not stored, or is deleted meanwhile.
        StimulationFailed: If it failed; the members are `RecordedFailure`s.
        StimulationAborted: If it was aborted.
    """
    pause = _POLL
    while True:
        record = await store.get(scope, stimulation_id)
        if record is None:
            raise RunNotFound(stimulation_id)
        info = read(record)
        if info.status in {"completed", "failed", "aborted"}:
            break
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _MAX_POLL)
    if info.status == "aborted":
        raise StimulationAborted(None if info.error is None else info.error.message)
    if info.status == "failed":
        failures: list[Exception] = [
            error_of(task.failure, task) for task, _ in await store.frontier(scope, stimulation_id) if task.failure
        ]
        if not failures:
            failures = [RecordedFailure("Error", "unknown") if info.error is None else error_of(info.error)]
        raise StimulationFailed(info.error.message if info.error else "Stimulation failed", failures)
