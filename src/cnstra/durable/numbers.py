"""A runner in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cnstra.persist.records import RunStatus

__all__ = ["RunnerStats"]


@dataclass(frozen=True, slots=True)
class RunnerStats:
    """The runs of one scope, the store that they are in, and the worker that tells of them.

    Attributes:
        runs: Status to how many runs of the scope are in it; every status is there.
        oldest_open_at: When the oldest run that is not over was stored, in seconds since the epoch by the store's
            clock; ``None`` if there is none.
        oldest_open_age: For how many seconds it has been there.
        size: Bytes that the store takes, all scopes together; ``None`` if it cannot tell.
        workers: Workers of the store that live, this one included.
        expired_workers: Workers whose lease has ended, and whose runs are free.
        active_runs: Runs that are under way here.
        commit_lag: For how many seconds the oldest change here has waited to be on disk.
    """

    runs: Mapping[RunStatus, int]
    oldest_open_at: float | None
    oldest_open_age: float | None
    size: int | None
    workers: int
    expired_workers: int
    active_runs: int
    commit_lag: float
