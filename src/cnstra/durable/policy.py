"""When a run is tried again, and when that is given up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from cnstra.durable.arguments import seconds, whole
from cnstra.errors import GraphError, RecordedFailure

__all__ = ["DEFAULT_POLICY", "RetryPolicy", "policy_data", "policy_of"]

_STORED: Final = ("max_attempts", "first_delay", "factor", "max_delay", "jitter")


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
            Of runs without a broker's job it is `DurableRunner`'s *max_recoveries* that says so.
        give_up_on: What it is no use to try again: if all that was raised is of these classes, the failure is final.
            A class may be given by its name (``__qualname__``), which is also how it is stored with a run.
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
    give_up_on: tuple[type[Exception] | str, ...] = ()
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
        for kind in self.give_up_on:
            if not isinstance(kind, str) and not (isinstance(kind, type) and issubclass(kind, BaseException)):
                raise GraphError(f"give_up_on is a tuple of classes of exceptions, or of their names, not {kind!r}")

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


def policy_data(policy: RetryPolicy) -> Mapping[str, Any]:
    """Return what is stored of a policy with a run, as JSON data; `policy_of` reads it back."""
    names = [kind if isinstance(kind, str) else kind.__qualname__ for kind in policy.give_up_on]
    return {name: getattr(policy, name) for name in _STORED} | {"give_up_on": names}


def policy_of(data: Mapping[str, Any]) -> RetryPolicy:
    """Return the policy that was stored; what a newer version has added is passed over."""
    given = {name: data[name] for name in _STORED if name in data}
    return RetryPolicy(**given, give_up_on=tuple(data.get("give_up_on", ())))


def _consists_of(error: BaseException, kinds: tuple[type[Exception] | str, ...]) -> bool:
    if any(_is_a(error, kind) for kind in kinds):
        return True
    return isinstance(error, BaseExceptionGroup) and all(_consists_of(one, kinds) for one in error.exceptions)


def _is_a(error: BaseException, kind: type[Exception] | str) -> bool:
    if isinstance(kind, type) and isinstance(error, kind):
        return True
    name = kind if isinstance(kind, str) else kind.__qualname__
    if isinstance(error, RecordedFailure):  # of an attempt before this one, whose worker died
        return error.type_name == name
    return isinstance(kind, str) and any(one.__qualname__ == name for one in type(error).__mro__)
