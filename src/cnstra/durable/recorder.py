"""Turning the settled activations of one run into deltas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any, TypeAlias, final

from cnstra.durable.ending import how_it_ended
from cnstra.durable.failures import record_of
from cnstra.durable.gathering import Pending, Sink, TaskHandle
from cnstra.durable.log_capture import HERE
from cnstra.durable.naming import SubscriberNames, activation_prefix
from cnstra.durable.retries import Retries
from cnstra.durable.transacting import HopTransactions
from cnstra.errors import PersistenceError
from cnstra.persist.delta import Delta, Ended
from cnstra.persist.records import (
    Durability,
    ErrorRecord,
    RunState,
    RunStatus,
    SignalRow,
    TaskRow,
    TaskSettled,
    TaskStatus,
)

if TYPE_CHECKING:
    from contextvars import ContextVar

    from cnstra.core.neurons import Neuron
    from cnstra.core.signals import Signal
    from cnstra.core.stimulation import Stimulation
    from cnstra.core.subscribers import Activation, TaskRecord

__all__ = ["RESERVED", "RunRecorder"]


Encoded: TypeAlias = "tuple[str, int, bytes] | None"
"""Name, version and JSON of a signal; ``None`` for one that nobody takes and no history shows."""

Prepared: TypeAlias = "tuple[list[tuple[Encoded, list[tuple[str, str]]]], tuple[str, bytes | None] | None]"
"""Of each signal what is stored and the names of its successors; the neuron and its new context value."""

_row = tuple.__new__
"""Makes a named tuple of its fields: half the time of calling its class, which is 0.5 us a hop."""

RESERVED = 100_000
"""How many task ordinals a run that does not wait for its commits has stored as given out, ahead of giving them out.

A successor may start before the commit that has its ordinal. If that commit is lost in a crash, the ordinal must not
name another activation after it: an effect outside that is keyed with it would be taken for done.
"""


@final
class RunRecorder:
    """Keeps the durable side of one attempt of one run.

    Attributes:
        stimulation_id: The run.
        attempt_number: The attempt.
        fence: Proves that this worker owns the run.
        stimulation: The run in memory, once it exists.
        pending: The delta that is being gathered, if there is one.
        latest: The delta that was gathered last, or is.
        created_at: When the run was stored, in seconds since the epoch, by the store's clock.
        here: As in `cnstra.core.recording.Recorder`.
        broken: A write of this run was refused or has failed; nothing more is recorded.
        is_retried: Whether it ended in a failure that another attempt follows.
    """

    def __init__(
        self,
        names: SubscriberNames,
        sink: Sink,
        state: RunState,
        durability: Durability,
        *,
        fresh: bool = False,
        retries: Retries | None = None,
        log_lines: int = 0,
    ) -> None:
        self.stimulation_id = state.run.stimulation_id
        self.scope = state.run.scope
        self.attempt_number = state.run.attempt_number
        self.fence = state.run.fence
        self.created_at = state.run.created_at
        self.stimulation: Stimulation | None = None
        self.pending: Pending | None = None
        self.latest: Pending | None = None
        self.broken = False
        self.is_retried = False
        self._names = names
        self._registry = names.registry
        self._sink = sink
        self._durability = durability
        self._full = state.run.volume == "full"
        self._log_lines = log_lines
        self.here: ContextVar[TaskRecord | None] | None = HERE if log_lines and self._full else None
        self._key = state.key
        self._sequence = state.sequence
        self._next_task = len(state.tasks) if fresh else state.next_task
        self._reserved = self._confirmed = state.next_task
        self._next_signal = state.next_signal
        self._entries = len(state.run.entry)
        self._contexts = dict(state.contexts)
        self._counts_hops = False
        self._prefix = activation_prefix(self.scope, self.stimulation_id)
        self._references: dict[int, int] = {}
        self._retries = retries
        self._has_failed = False
        for task in state.tasks:
            self._refer(task.signal)
            self._has_failed = self._has_failed or task.failure is not None
        self._ended = False
        self._status: RunStatus | None = None
        self._followers: list[Callable[[RunStatus | None], object]] = []
        self._transactions: HopTransactions | None = None

    def handle(self, row: TaskRow) -> TaskHandle:
        """Return what is kept with an activation of *row*."""
        return TaskHandle(self._prefix, row, self._log_lines)

    def count_hops(self) -> None:
        """Store how often each neuron was activated, since the run has a limit on it."""
        self._counts_hops = True

    # ---- what the scheduler tells ----------------------------------------------------------------------------

    def prepare(
        self, activation: Activation, outputs: Sequence[Signal[Any]], successors: Sequence[Sequence[Activation]]
    ) -> Prepared:
        """Encode and name what the hop has made; see `cnstra.core.recording.Recorder`."""
        name_of = self._names.of
        outcome = [
            (self._encode(signal, group), [name_of(one.subscriber) for one in group])
            for signal, group in zip(outputs, successors)  # noqa: B905 - strict= costs 0.1 us a hop
        ]
        return outcome, self._context_change(activation) if _handle_of(activation).touched else None

    async def transact(self, activation: Activation, call: Callable[[], Any]) -> Any:
        """Run a handler inside the transaction of its hop; see `cnstra.core.recording.Recorder`."""
        if self._transactions is None:
            self._transactions = HopTransactions(self, self._sink)
        return await self._transactions.run(_handle_of(activation), call)

    def settled(
        self,
        activation: Activation,
        prepared: Prepared,
        successors: Sequence[Sequence[Activation]],
        forgotten: Sequence[Neuron[Any]],
        *,
        last: bool,
    ) -> Pending | None:
        """Record a success; see `cnstra.core.recording.Recorder`."""
        handle = _handle_of(activation)
        if self.broken:
            self._undo(handle)
            return None
        done = handle.row
        outputs, context = prepared
        pending = self.pending or self._gather()
        delta = pending.delta
        for (parts, names), group in zip(outputs, successors):  # noqa: B905 - as above
            if parts is not None:
                self._add_signal(delta, parts, names, group, done.ordinal)
        self._remove_task(delta, done)
        changed = None if context is None and not forgotten else self._change_contexts(delta, context, forgotten)
        self._note(delta, handle, None, changed)
        if last:
            delta.ended = Ended("completed", "completed")
            self._ended, self._status = True, "completed"
        if handle.transaction is not None and self._transactions is not None:
            self._count_out(pending)
            self._transactions.commit(handle, pending)
            return pending
        return self._submit(pending, final=last)

    def failed(self, activation: Activation, error: Exception) -> Pending | None:
        """Record a failure: the task stays in the frontier."""
        handle = _handle_of(activation)
        self._undo(handle)
        if self.broken:
            return None
        pending = self._gather()
        delta = pending.delta
        record = record_of(error)
        changed = None
        if handle.touched:
            try:
                changed = self._change_contexts(delta, self._context_change(activation), ())
            except PersistenceError:  # this value cannot be stored; the last one that could stays
                changed = None
        delta.failures[handle.row.ordinal] = record
        self._has_failed = True
        self._note(delta, handle, record, changed)
        return self._submit(pending, final=False)

    def ended(self, outcome: BaseException | None) -> Pending | None:
        """Record the end of the attempt; one that the end of the process interrupts is left as it is, to be resumed."""
        if self._ended or self.broken or isinstance(outcome, (KeyboardInterrupt, SystemExit)):
            return None
        self._ended = True
        pending = self._gather()
        pending.delta.ended = how_it_ended(outcome, self.stimulation, self._registry)
        if self._has_failed and self._retries is not None:
            delay = self._retries.delay_after(outcome)
            if delay is not None:
                pending.delta.ended = replace(pending.delta.ended, status="pending", delay=delay)
                pending.add_waiter(self._be_retried)
        self._status = pending.delta.ended.status
        return self._submit(pending, final=True)

    def _be_retried(self) -> None:
        self.is_retried = True
        if self.stimulation is not None:
            self.stimulation.observe()  # its failure was told of, and is not the end

    def finished(self) -> None:
        """Take note that nothing more will come."""
        self._sink.run_finished(self)
        status = None if self.broken or self._status == "pending" else self._status
        for follower in self._followers:
            follower(status)

    def follow(self, follower: Callable[[RunStatus | None], object]) -> None:
        """Have *follower* called at the end; see `cnstra.core.recording.Recorder`."""
        self._followers.append(follower)

    def give_up(self, error: Exception) -> None:
        """Record that this attempt could not even start; the frontier stays."""
        pending = self._gather()
        pending.delta.ended = Ended("failed", "failed", record_of(error))
        self._ended = True
        self._submit(pending, final=True)

    def release(self) -> None:
        """Give the run back while a handler of it still runs: what was gathered is written, and nothing after it."""
        if self._ended or self.broken:
            return
        pending = self._gather()
        pending.delta.ended = Ended("pending", "interrupted")
        self._submit(pending, final=True)
        self.broken = self._ended = True

    # ---- gathering -------------------------------------------------------------------------------------------

    def _gather(self) -> Pending:
        if self.pending is None:
            self._sequence += 1
            delta = Delta(
                self._key,
                self.stimulation_id,
                self.attempt_number,
                self.fence,
                self._sequence,
                self._next_task,
                self._next_signal,
            )
            self.pending = self.latest = self._sink.open(self, delta)
        return self.pending

    def submit_held_back(self) -> None:
        """Have what was gathered beside a transaction written."""
        if self.pending is not None and not self.broken:
            self._sink.submit(self.pending, at_once=True)

    def _undo(self, handle: TaskHandle) -> None:
        if handle.transaction is not None and self._transactions is not None:
            self._transactions.undo(handle)

    def _submit(self, pending: Pending, *, final: bool) -> Pending | None:
        unsafe = self._count_out(pending)
        if self._transactions is not None and self._transactions.is_open and not final:
            return pending  # it is submitted when the transaction has ended
        if self._durability == "hop":
            self._sink.submit(pending, at_once=True)
            return pending
        if self._durability == "exit" and not final and not unsafe:
            return None
        return pending if self._sink.submit(pending, at_once=final or unsafe) else None

    def _count_out(self, pending: Pending) -> bool:
        """Put the next ordinals into the delta; tell whether successors must wait for it to be on disk."""
        delta = pending.delta
        delta.next_signal = self._next_signal
        if self._durability == "hop":
            delta.next_task = self._next_task
            return True
        if self._next_task > self._reserved:
            self._reserved = self._next_task + RESERVED
            pending.add_waiter(partial(self._confirm, self._reserved))
        delta.next_task = self._reserved
        return self._next_task > self._confirmed  # not before the reservation is on disk

    def _confirm(self, reserved: int) -> None:
        self._confirmed = reserved

    def _encode(self, signal: Signal[Any], successors: Sequence[Activation]) -> Encoded:
        if not successors and not self._full:
            return None
        collateral, payload = signal.collateral, signal.payload
        writer = self._names.writer_of(collateral)
        if writer is None:  # nobody can resume it, but a history may show it
            if successors:
                self._registry.require_collateral_name(collateral)
            return collateral.label, *self._registry.encode_payload(collateral, payload)
        name, version, encode = writer
        return name, version, encode(payload)

    def _add_signal(
        self,
        delta: Delta,
        parts: tuple[str, int, bytes],
        names: Sequence[tuple[str, str]],
        group: Sequence[Activation],
        producer: int,
    ) -> None:
        signal = self._next_signal
        self._next_signal = signal + 1
        delta.signals[signal] = _row(SignalRow, (signal, *parts, producer))
        if not group:
            return
        ordinal = self._next_task
        for one, (neuron, collateral) in zip(group, names):  # noqa: B905 - as in `prepare`
            task = _row(TaskRow, (ordinal, neuron, collateral, one.subscriber.index, signal, None))
            delta.tasks[ordinal] = task
            one.record = TaskHandle(self._prefix, task, self._log_lines)
            ordinal += 1
        self._next_task = ordinal
        self._references[signal] = len(group)

    def _remove_task(self, delta: Delta, row: TaskRow) -> None:
        if delta.tasks.pop(row.ordinal, None) is None:
            delta.removed.append(row.ordinal)
        signal = row.signal
        if signal is None:
            return
        self._references[signal] -= 1
        if self._references[signal]:
            return
        del self._references[signal]
        if not self._full and signal >= self._entries and delta.signals.pop(signal, None) is None:
            delta.dropped.append(signal)

    def _refer(self, signal: int | None) -> None:
        if signal is not None:
            self._references[signal] = self._references.get(signal, 0) + 1

    def _context_change(self, activation: Activation) -> tuple[str, bytes | None] | None:
        """Return the neuron's name and new value if the handler has changed it, in place or by `set`."""
        assert self.stimulation is not None  # noqa: S101 - for the type checker
        neuron = activation.subscriber.neuron
        value = self.stimulation.get_context().get(neuron)
        encoded = None if value is None else self._registry.encode_context(neuron, value)
        name = self._registry.require_neuron_name(neuron)
        return None if encoded == self._contexts.get(name) else (name, encoded)

    def _change_contexts(
        self, delta: Delta, change: tuple[str, bytes | None] | None, forgotten: Sequence[Neuron[Any]]
    ) -> dict[str, bytes | None] | None:
        """Record what a hop did to context values; return it by neuron name, ``None`` if that is nothing."""
        changed: dict[str, bytes | None] = {} if change is None else dict([change])
        for neuron in forgotten:
            name = self._registry.get_neuron_name(neuron)
            if name is not None and (name in self._contexts or name in changed):
                changed[name] = None
        for name, value in changed.items():
            delta.contexts[name] = value
            if value is None:
                self._contexts.pop(name, None)
            else:
                self._contexts[name] = value
        return changed or None

    def _note(
        self, delta: Delta, handle: TaskHandle, error: ErrorRecord | None, contexts: dict[str, bytes | None] | None
    ) -> None:
        """Count an activation that has settled, and add it to the history."""
        row = handle.row
        delta.hop_count += 1
        if self._counts_hops and error is None:  # a failure may be retried, and is the same activation then
            delta.hops[row.neuron_name] = delta.hops.get(row.neuron_name, 0) + 1
        if self._full:
            now = time()
            started = handle.started or now
            status: TaskStatus = "done" if error is None else "failed"
            logs = handle.end_log()
            settled = (row.ordinal, self.attempt_number, row, status, error, started, now - started, contexts, logs)
            delta.history.append(_row(TaskSettled, settled))


def _handle_of(activation: Activation) -> TaskHandle:
    handle = activation.record
    assert isinstance(handle, TaskHandle)  # noqa: S101 - every activation of a durable run has one
    return handle
