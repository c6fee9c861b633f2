"""How long runs are kept after their end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias, final

from cnstra.errors import GraphError

if TYPE_CHECKING:
    from cnstra.persist.ports import Store
    from cnstra.persist.records import RunStatus

__all__ = ["DEFAULT_RETENTION", "FINAL_STATUSES", "Retention", "RetentionPolicy"]

FINAL_STATUSES: Final[tuple[RunStatus, ...]] = ("completed", "failed", "aborted")
DEFAULT_RETENTION: Final = 30 * 24 * 3600.0
"""Completed runs are kept for 30 days; failed and aborted ones until somebody has looked at them."""

RetentionPolicy: TypeAlias = "float | Mapping[RunStatus, float] | None"
_BATCH = 500


@final
class Retention:
    """Drops runs that are older than the policy keeps them.

    Args:
        policy: Seconds for completed runs, or seconds by final status; ``None`` keeps everything.
    """

    def __init__(self, policy: RetentionPolicy) -> None:
        given: dict[RunStatus, float] = {}
        if isinstance(policy, Mapping):
            given.update(policy)
        elif policy is not None:
            given["completed"] = policy
        for status, seconds in given.items():
            if (
                status not in FINAL_STATUSES
                or isinstance(seconds, bool)
                or not isinstance(seconds, (int, float))
                or seconds < 0
            ):
                statuses = ", ".join(FINAL_STATUSES)
                raise GraphError(f"retention is seconds, or a mapping of {statuses} to seconds; not {policy!r}")
        self._seconds = given

    async def apply(self, store: Store, scope: str) -> int:
        """Drop what is over age; return how many runs that were."""
        return sum([await purge(store, scope, (status,), seconds, 0) for status, seconds in self._seconds.items()])


async def purge(store: Store, scope: str, statuses: tuple[RunStatus, ...], older_than: float, keep: int) -> int:
    """Drop runs in small transactions, so that nobody waits long for the store; return how many."""
    dropped = 0
    while True:
        count = await store.purge(scope, statuses=statuses, older_than=older_than, keep=keep, limit=_BATCH)
        dropped += count
        if count < _BATCH:
            return dropped
