"""A durable run, as its caller sees it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, final

from cnstra.errors import StimulationFailed

if TYPE_CHECKING:
    from cnstra.core.stimulation import Stimulation
    from cnstra.durable.recorder import RunRecorder

__all__ = ["DurableRun"]


@final
class DurableRun:
    """One run of a `DurableRunner`; ``await`` it for its end, which raises as a `Stimulation` does.

    Attributes:
        stimulation_id: The run.
        attempt_number: The attempt that this object stands for; 0 if none had started when it was made.
        stimulation: The run in memory; ``None`` if it had ended, or ran in another process, when this object was made.
    """

    __slots__ = ("_outcome", "_recorder", "attempt_number", "stimulation", "stimulation_id")

    def __init__(
        self,
        stimulation_id: str,
        attempt_number: int,
        stimulation: Stimulation | None,
        outcome: Callable[[], Coroutine[Any, Any, None]] | None = None,
        recorder: RunRecorder | None = None,
    ) -> None:
        self.stimulation_id = stimulation_id
        self.attempt_number = attempt_number
        self.stimulation = stimulation
        self._outcome = outcome
        self._recorder = recorder

    @property
    def done(self) -> bool:
        """Whether the run has ended, as far as this process knows without asking the store."""
        return self.stimulation is not None and self.stimulation.done and not self._is_retried

    @property
    def _is_retried(self) -> bool:
        return self._recorder is not None and self._recorder.is_retried

    def __await__(self) -> Generator[Any, Any, None]:
        return self.wait_until_complete().__await__()

    def wait_until_complete(self) -> Coroutine[Any, Any, None]:
        """Return a coroutine of the run's end, wherever that happens, and however many attempts it takes.

        Raises:
            StimulationFailed: When awaited, if tasks or listeners failed; of a run in another process, the members are
                `RecordedFailure`s.
            StimulationAborted: When awaited, if it was stopped before its work was done.
            Fenced: When awaited, if it was under way here, and another worker took it over.
            StoreError: When awaited, if a commit failed; what was committed before can be resumed.
            RunNotFound: When awaited, if the run is deleted meanwhile.
        """
        if self.stimulation is None:
            return self._to_the_end()
        self.stimulation.observe()  # now, as `Stimulation.wait_until_complete` does
        return self._wait()

    async def _wait(self) -> None:
        if not await self.wait_for_attempt():
            await self._to_the_end()

    def _to_the_end(self) -> Coroutine[Any, Any, None]:
        assert self._outcome is not None  # noqa: S101 - given to every run that may go on elsewhere
        return self._outcome()

    async def wait_for_attempt(self) -> bool:
        """Wait for the end of the attempt that is under way here; tell whether the run is over with it.

        Raises:
            Exception: As awaiting the run does, unless another attempt follows.
        """
        assert self.stimulation is not None  # noqa: S101 - only such a run is asked
        try:
            await self.stimulation
        except StimulationFailed:
            if self._is_retried:
                return False
            raise
        return True

    def __repr__(self) -> str:
        return f"<DurableRun {self.stimulation_id} attempt {self.attempt_number}>"
