"""When a job is tried again, and when that is given up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

from cnstra.durable.arguments import seconds, whole
from cnstra.errors import GraphError

__all__ = ["DEFAULT_POLICY", "RetryPolicy"]


@final
@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a run is started, and how long it rests in between.

    Starts are counted, not failures: an attempt whose worker died counts, one that was given back does not.

    Attributes:
        max_attempts: A failure of the so-manieth start, or of a later one, is final; ``None`` for no limit.
        first_delay: Seconds between the first failure and the next start.
        factor: By how much each further delay is longer.
        max_delay: The longest delay, in seconds.
        jitter: Which part of a delay is left to chance, from 0 to 1, so that jobs that failed together do not come back
            together. It shortens delays, and never lengthens them.
        max_losses: A run that has killed its workers so many times in a row and does it once more, with no hop
            committed in between, is given up as poison; ``None`` for no limit.
        give_up_on: What it is no use to try again: if all that was raised is of these classes, the failure is final.
        resume_aborted: Whether a job whose run was aborted goes on when it is delivered again. By default it is dead:
            somebody has stopped it, and `DurableRunner.retry` is for whoever changes their mind.

    Raises:
        GraphError: If a number makes no sense.
    """

    max_attempts: int | None = 5
    first_delay: float = 1.0
    factor: float = 2.0
    max_delay: float = 300.0
    jitter: float = 0.2
    max_losses: int | None = 5
    give_up_on: tuple[type[Exception], ...] = ()
    resume_aborted: bool = False

    def __post_init__(self) -> None:
        if self.max_attempts is not None:
            whole(self.max_attempts, "max_attempts", 1)
        if self.max_losses is not None:
            whole(self.max_losses, "max_losses", 0)
        seconds(self.first_delay, "first_delay", least=0)
        seconds(self.max_delay, "max_delay", least=0)
        if not self.factor >= 1:
            raise GraphError(f"factor must be 1 or more, not {self.factor!r}")
        if not 0 <= self.jitter <= 1:
            raise GraphError(f"jitter must be from 0 to 1, not {self.jitter!r}")

    def delay(self, starts: int, chance: float) -> float:
        """Return how many seconds to wait after so many starts.

        Args:
            starts: How often the run was started, from 1.
            chance: A random number from 0 to 1.
        """
        exponent = min(starts - 1, 1000)  # a float has no room for more
        try:
            longest = min(self.first_delay * self.factor**exponent, self.max_delay)
        except OverflowError:
            longest = self.max_delay
        return longest * (1 - self.jitter * chance)

    def is_final(self, starts: int, error: BaseException) -> bool:
        """Whether a run that was started so often, and has failed with *error*, is not started again."""
        if self.max_attempts is not None and starts >= self.max_attempts:
            return True
        return bool(self.give_up_on) and _consists_of(error, self.give_up_on)


DEFAULT_POLICY: Final = RetryPolicy()
"""Five starts, with a second between the first two and twice as much between any further two."""


def _consists_of(error: BaseException, kinds: tuple[type[Exception], ...]) -> bool:
    if isinstance(error, kinds):
        return True
    return isinstance(error, BaseExceptionGroup) and all(_consists_of(one, kinds) for one in error.exceptions)
