"""What the durable layer asks of a store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, runtime_checkable

from cnstra.persist.commands import CommandKind, CommandRecord, CommandResult, NewCommand
from cnstra.persist.delta import Delta
from cnstra.persist.limits import NO_LIMITS, Limits
from cnstra.persist.records import (
    AttemptRecord,
    ErrorRecord,
    FrontierTask,
    NewRun,
    Page,
    RunFilter,
    RunRecord,
    RunState,
    RunStatus,
    StoredTask,
    StoreStats,
    WorkerRecord,
)

__all__ = ["EVERY_RUN", "HopTransaction", "PromptStore", "Store"]

EVERY_RUN = RunFilter()


class HopTransaction(Protocol):
    """A transaction of the store that is open for the user's own statements."""

    @property
    def connection(self) -> Any:
        """The driver's connection, with the transaction begun."""
        ...

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        """Commit *deltas* together with what was done on the connection, as `Store.commit` does; call it once.

        If one of them is refused, nothing is committed, neither the others nor the user's statements. If all of them
        were applied before (the answer to an earlier try was lost), the statements were committed then and are not
        committed again.

        Raises:
            StoreError: If it cannot be committed, or the user's code has ended the transaction.
        """
        ...


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

    async def claim(
        self,
        scope: str,
        worker_id: str,
        *,
        dead: Collection[str],
        limit: int,
        max_recoveries: int | None = None,
        unfit: Collection[int] = (),
        limits: Limits = NO_LIMITS,
    ) -> list[RunState]:
        """Take up to *limit* runs that are ``pending`` and due, or ``running`` with no living owner.

        Those of the highest priority come first, and among these the oldest. An owner lives while its lease lasts and
        it is not in *dead* (a worker that starts again under its old name says so by naming itself there). Taking a
        run raises its fence, closes its latest attempt (``lost``, unless it was closed), counts a recovery if it was
        lost, and opens the next attempt. Runs whose keys are in *unfit* are passed over.

        A run with a requested abort is not taken: it becomes ``aborted``, for that reason. A run that was lost more
        than *max_recoveries* times since a hop of it was last committed is not taken either: it becomes ``failed`` with
        an error of the class ``PoisonRun`` that says so. Neither counts towards *limit*.

        A ``pending`` run with a key is taken only as far as the limit of that key in *limits* allows, whoever else
        claims at the same time: no more runs of the key are ``running`` than its concurrency, and no more of them have
        been taken in any of its seconds than its rate. Those that it does not allow are passed over, and cost nothing
        however many they are. One that was lost has its place already, and is taken as any other.
        """
        ...

    async def put_back(self, key: int, fence: int) -> bool:
        """Undo a claim of a run that was not started: it is ``pending`` again, and its new attempt has never been.

        The fence stays up, and so does the count of recoveries. Return ``False`` if *fence* is not the run's any more.
        """
        ...

    async def next_due(self, scope: str) -> float | None:
        """Return in how many seconds the next ``pending`` run is due that no claim has seen due; ``None`` if none is.

        One that has become due since the last claim is due in 0 seconds. One that was passed over for the rate of its
        key is due when that lets the next one start.
        """
        ...

    async def mark(self, scope: str, name: str) -> float | None:
        """Return how far what has this name has come, such as a schedule; ``None`` if nobody has told."""
        ...

    async def advance(self, scope: str, name: str, to: float) -> None:
        """Note how far what has this name has come; it never goes back, whoever tells what in which order."""

    async def changed(self, scope: str, timeout: float) -> bool:  # noqa: ASYNC109 - the store waits, no task is cancelled
        """Wait until a run may have become free or an abort may have been requested, or for *timeout* seconds.

        Return whether something may have changed. It may return early, but never later than *timeout* by much; a store
        that can tell nobody waits that long. What changed before the call may be missed, so look first, then wait.
        """
        ...

    async def request_abort(self, scope: str, stimulation_id: str, reason: str) -> bool:
        """Ask whoever holds a run to abort it; return ``False`` if the run is over or unknown.

        The first reason stays. The request goes when the run is over, or is taken by `take`.
        """
        ...

    async def abort_requests(self, scope: str, worker_id: str) -> list[tuple[str, str]]:
        """Return id and reason of the runs of this worker that it is asked to abort."""
        ...

    async def take(
        self, scope: str, stimulation_id: str, worker_id: str, *, statuses: Collection[RunStatus], dead: Collection[str]
    ) -> RunState | None:
        """Take one run, due or not, if its status is in *statuses* and no living owner (as in `claim`) holds it.

        Failed tasks of its frontier become outstanding again, a requested abort is forgotten, and lost attempts and
        starts are counted anew. Return ``None`` if it cannot be taken.
        """
        ...

    async def settle(
        self,
        scope: str,
        stimulation_id: str,
        status: RunStatus,
        *,
        dead: Collection[str],
        error: ErrorRecord | None = None,
    ) -> bool:
        """Set the status of a run that no living owner holds and that is not over; its frontier stays, and it is free.

        *status* is a final one, or ``pending`` to have the run claimed again. The fence goes up. *error* is the run's
        until it is taken again; an attempt that was open is ``lost``.
        """
        ...

    async def get(self, scope: str, stimulation_id: str) -> RunRecord | None:
        """Return the run, or ``None``."""
        ...

    async def peek(self, scope: str, stimulation_id: str) -> RunState | None:
        """Return the run as taking it would, but as it is: nobody owns it more than before; ``None`` if it is unknown.

        Raises:
            StoreError: Also if something of the run cannot be read; the message says what.
        """
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
        self, scope: str, *, where: RunFilter = EVERY_RUN, limit: int = 100, cursor: str | None = None
    ) -> Page:
        """Return the runs that *where* selects, the newest first, from *cursor* on."""
        ...

    async def stats(self, scope: str) -> StoreStats:
        """Return the store in numbers."""
        ...

    async def order(self, command: NewCommand) -> CommandRecord:
        """Store a command for whoever takes it, and have `changed` tell; return it.

        If the scope has a command of this key already, nothing is stored, and that one is returned as it is. One that
        is `NewCommand.taken_by` a worker is free for others once that lives no more.
        """
        ...

    async def take_command(
        self, scope: str, worker_id: str, *, kinds: Collection[CommandKind], dead: Collection[str]
    ) -> CommandRecord | None:
        """Take the oldest command of these kinds that waits, or that a worker took which lives no more (as in `claim`).

        Of all who ask at the same time, one gets it. ``None`` if there is none.
        """
        ...

    async def end_command(self, scope: str, number: int, takes: int, result: CommandResult) -> bool:
        """Note how a command ended that was taken for the *takes*-th time.

        Return ``False``, and change nothing, if it has been taken again since, or has ended, or is unknown.
        """
        ...

    async def command(self, scope: str, key: str) -> CommandRecord | None:
        """Return the command of this key, or ``None``."""
        ...

    async def commands(
        self, scope: str, *, stimulation_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[CommandRecord]:
        """Return commands, the latest first; only those before the number *before*.

        Args:
            scope: Which graph's.
            stimulation_id: Only those about this run: what was asked of it, and what made it.
            before: The number of the last one of the page before; ``None`` for the first page.
            limit: How many at most.
        """
        ...

    async def purge_commands(self, scope: str, *, older_than: float, limit: int = 1000) -> int:
        """Drop up to *limit* commands that ended over *older_than* seconds ago; return how many."""
        ...

    @property
    def is_transactional(self) -> bool:
        """Whether `transaction` works."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[HopTransaction]:
        """Open a transaction for a handler's own statements, which its hop commits; left without that, it is undone.

        Raises:
            StoreError: When entered, if the store cannot do it.
        """
        ...


@runtime_checkable
class PromptStore(Protocol):
    """What a store may offer besides: commits that are over before an event loop would notice."""

    def commit_now(self, deltas: Sequence[Delta]) -> list[bool] | None:
        """Do as `Store.commit` in the calling thread, the event loop's, if that takes a millisecond or two.

        Return ``None``, with nothing changed, if it may take longer or cannot be done so; then `Store.commit` is next.
        """
        ...
