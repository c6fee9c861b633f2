"""What the durable layer asks of a store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from cnstra.persist.delta import Delta
from cnstra.persist.records import (
    AttemptRecord,
    FrontierTask,
    NewRun,
    Page,
    RunRecord,
    RunState,
    RunStatus,
    StoredTask,
    WorkerRecord,
)

__all__ = ["Store"]


class Store(Protocol):
    """Where runs live. Every method raises `StoreError` when the backend refuses or is out of reach.

    A store belongs to one event loop from `open` to `close`; only `beat` is called from another thread. The store's
    clock decides whether a lease has ended.
    """

    @property
    def label(self) -> str:
        """Name the store in messages, without secrets."""
        ...

    async def open(self) -> None:
        """Connect, and bring the schema up to date; refuse a schema that is newer than this code.

        May be called again while it is open, by another runner that shares the store; a `close` matches each call.
        """

    async def close(self) -> None:
        """Disconnect, once every `open` is matched; what was committed stays. Closing too often is not an error."""

    async def add_worker(self, worker: WorkerRecord, lease: float) -> None:
        """Insert or replace the worker's heartbeat row, with a lease of *lease* seconds from now."""

    def beat(self, worker_id: str, lease: float) -> bool:
        """Renew the worker's lease; return ``False`` if its row is gone. Blocks; called from a thread of its own."""
        ...

    async def workers(self) -> list[WorkerRecord]:
        """Return all workers."""
        ...

    async def remove_worker(self, worker_id: str) -> None:
        """Drop the worker's row; an absent one is not an error."""

    async def admit(self, run: NewRun, worker_id: str | None) -> RunState | None:
        """Store a new run with its entry frontier, in one transaction.

        With *worker_id* it is ``running`` in attempt 1 and owned by that worker; without, ``pending`` and free.
        Return ``None``, and change nothing, if the scope has a run of this id already.
        """
        ...

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        """Apply *deltas* in one transaction that is on disk when this returns; tell for each whether it was applied.

        A delta with an old fence is refused (``False``) and changes nothing; the others are applied all the same.
        """
        ...

    async def claim(self, scope: str, worker_id: str, *, dead: Collection[str], limit: int) -> list[RunState]:
        """Take up to *limit* runs that are ``pending``, or ``running`` with no living owner; oldest first.

        An owner lives while its lease lasts and it is not in *dead* (a worker that starts again under its old name
        says so by naming itself there). Taking a run raises its fence, closes its latest attempt (``lost``, unless it
        was closed), counts a recovery if it was lost, and opens the next attempt.
        """
        ...

    async def take(
        self, scope: str, stimulation_id: str, worker_id: str, *, statuses: Collection[RunStatus], dead: Collection[str]
    ) -> RunState | None:
        """Take one run, if its status is in *statuses* and no living owner (as in `claim`) holds it.

        Failed tasks of its frontier become outstanding again. Return ``None`` if it cannot be taken.
        """
        ...

    async def settle(self, scope: str, stimulation_id: str, status: RunStatus, *, dead: Collection[str]) -> bool:
        """Set the status of a run that no living owner holds and that is not over; its frontier stays, and it is free.

        *status* is a final one, or ``pending`` to have the run claimed again. The fence goes up.
        """
        ...

    async def get(self, scope: str, stimulation_id: str) -> RunRecord | None:
        """Return the run, or ``None``."""
        ...

    async def attempts(self, scope: str, stimulation_id: str) -> list[AttemptRecord]:
        """Return the attempts of a run by number; an unknown run has none."""
        ...

    async def tasks(self, scope: str, stimulation_id: str, attempt_number: int | None = None) -> list[StoredTask]:
        """Return the history of a run in the order in which tasks settled; empty for volume ``progress``."""
        ...

    async def frontier(self, scope: str, stimulation_id: str) -> list[FrontierTask]:
        """Return what is outstanding or failed, by ordinal, with its input."""
        ...

    async def delete(self, scope: str, stimulation_id: str, *, dead: Collection[str]) -> bool:
        """Drop a run with everything of it, unless a living owner holds it; tell whether it was dropped."""
        ...

    async def purge(
        self, scope: str, *, statuses: Collection[RunStatus], older_than: float, keep: int = 0, limit: int = 1000
    ) -> int:
        """Drop up to *limit* runs that ended over *older_than* seconds ago, except the *keep* latest.

        Return how many were dropped.
        """
        ...

    async def list(
        self, scope: str, *, statuses: Collection[RunStatus] | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page:
        """Return runs, the newest first, from *cursor* on."""
        ...
