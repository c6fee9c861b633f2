"""How long runs are kept after their end, and how many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from cnstra.durable.arguments import seconds, whole
from cnstra.errors import GraphError

if TYPE_CHECKING:
    from cnstra.persist.ports import Store
    from cnstra.persist.records import RunStatus

__all__ = ["DEFAULT_RETENTION", "FINAL_STATUSES", "Keep", "Retention", "RetentionPolicy", "purge"]

FINAL_STATUSES: Final[tuple[RunStatus, ...]] = ("completed", "failed", "aborted")
DEFAULT_RETENTION: Final = 30 * 24 * 3600.0
"""Completed runs are kept for 30 days; failed and aborted ones until somebody has looked at them."""

_BATCH = 500


@final
@dataclass(frozen=True, slots=True)
class Keep:
    """Which runs of one status are kept: those that are young enough, and no more than so many of them.

    Attributes:
        age: Seconds since the end of a run; ``None`` for any age.
        count: How many of the latest; ``None`` for any number.

    Raises:
        GraphError: If a limit is no number of 0 or more.
    """

    age: float | None = None
    count: int | None = None

    def __post_init__(self) -> None:
        if self.age is not None:
            seconds(self.age, "the age in a retention", least=0)
        if self.count is not None:
            whole(self.count, "the count in a retention", 0)


RetentionPolicy: TypeAlias = "float | Keep | Mapping[RunStatus, float | Keep] | None"
"""Seconds, or a `Keep`, for completed runs or by final status; ``None`` keeps everything."""


@final
class Retention:
    """Drops runs that the policy does not keep.

    Attributes:
        rules: What is kept, by final status; everything of a status that is not there.

    Raises:
        GraphError: If *policy* is malformed.
    """

    def __init__(self, policy: RetentionPolicy) -> None:
        given: Mapping[Any, Any] = {"completed": policy}
        if policy is None or isinstance(policy, Mapping):
            given = policy or {}
        for status in given:
            if status not in FINAL_STATUSES:
                raise GraphError(f"a retention is by {', '.join(FINAL_STATUSES)}; there is no final status {status!r}")
        self.rules: Mapping[RunStatus, Keep] = {
            status: rule if isinstance(rule, Keep) else Keep(seconds(rule, "retention", least=0))
            for status, rule in given.items()
        }

    async def apply(self, store: Store, scope: str) -> int:
        """Drop what is too old or too many; return how many runs that were."""
        dropped = 0
        for status, rule in self.rules.items():
            if rule.age is not None:
                dropped += await purge(store, scope, (status,), rule.age, 0)
            if rule.count is not None:
                dropped += await purge(store, scope, (status,), 0.0, rule.count)
        return dropped


async def purge(store: Store, scope: str, statuses: tuple[RunStatus, ...], older_than: float, keep: int) -> int:
    """Drop runs in small transactions, so that nobody waits long for the store; return how many."""
    dropped = 0
    while True:
        count = await store.purge(scope, statuses=statuses, older_than=older_than, keep=keep, limit=_BATCH)
        dropped += count
        if count < _BATCH:
            return dropped
