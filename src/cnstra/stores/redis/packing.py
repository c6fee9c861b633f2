"""From records to what is stored.

Rows are MessagePack, which no script looks into. What scripts reckon with is text, or a header: an array of integers,
since the scripts' reader knows no binary values.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from cnstra.errors import StoreError
from cnstra.persist.delta import Delta, Ended
from cnstra.persist.limits import Limits
from cnstra.persist.records import ErrorRecord, NewRun, TaskRow, TaskSettled, WorkerRecord
from cnstra.stores.redis.keys import to_bytes

__all__ = ["delta_arguments", "pack", "pack_error", "pack_limits", "pack_worker", "run_arguments"]

pack: Final = msgspec.msgpack.Encoder().encode

_MOST_PRIORITY: Final = 1 << 51  # scripts reckon in doubles


def pack_error(error: ErrorRecord) -> bytes:
    """Return an error as bytes, whatever its text is: a message may hold what is no valid Unicode."""
    type_name, message = to_bytes(error.type_name), to_bytes(error.message)
    return b"%d:%d:%b%b%b" % (len(type_name), len(message), type_name, message, to_bytes(error.traceback))


def pack_limits(limits: Limits) -> bytes:
    """Return limits as ``scripts/limits.lua`` takes them."""
    given = limits.by_pattern.items()
    return pack([(name, one.concurrency or 0, one.starts or 0, one.seconds) for name, one in given])


def pack_worker(worker: WorkerRecord) -> bytes:
    """Return a worker without its id and its lease."""
    return pack((to_bytes(worker.host), worker.pid, float(worker.started_at)))


def run_arguments(run: NewRun) -> list[bytes]:
    """Return a new run as ``scripts/admit.lua`` takes it.

    Raises:
        StoreError: If its priority or its time is a number that no script can reckon with.
    """
    if abs(run.priority) > _MOST_PRIORITY:
        raise StoreError(f"the priority {run.priority} is out of range: it can be -2**51 to 2**51")
    if run.due_at is not None and not math.isfinite(run.due_at):
        raise StoreError(f"due_at is {run.due_at}: give seconds since the epoch, or None")
    own = _own_fields(run)
    fields: list[bytes] = []
    failures: list[bytes] = []
    for task in run.tasks:
        _add_task(task, fields, failures)
    for neuron_name, value in run.contexts.items():
        fields += (b"=" + to_bytes(neuron_name), value)
    signals: list[bytes] = []
    for signal in run.entry:
        signals += (b"%d" % signal.ordinal, pack(signal[1:]))
    return [pack([len(part) for part in (own, fields, signals, failures)]), *own, *fields, *signals, *failures]


def _own_fields(run: NewRun) -> list[bytes]:
    numbers = {
        "next_task": max((task.ordinal for task in run.tasks), default=-1) + 1 + run.reserved,
        "next_signal": max((signal.ordinal for signal in run.entry), default=-1) + 1,
        "outstanding": len(run.tasks),
        "entries": len(run.entry),
        "priority": run.priority,
    }
    fields = {name: b"%d" % number for name, number in numbers.items()}
    fields["id"] = to_bytes(run.stimulation_id)
    fields["about"] = pack((run.options, run.volume, run.clone_of, run.forked_from, run.forked_task))
    if run.limit_key is not None:
        fields["limit_key"] = to_bytes(run.limit_key)
    if run.due_at is not None:
        fields["due"] = repr(float(run.due_at)).encode()
    if run.entry:
        fields["entry"] = to_bytes(run.entry[0].collateral_name)
    return [part for name, value in fields.items() for part in (name.encode(), value)]


def delta_arguments(delta: Delta, number: int) -> list[bytes]:
    """Return a delta of the run with that number as ``scripts/commit.lua`` takes it."""
    fields: list[bytes] = []
    failures: list[bytes] = []
    for task in delta.tasks.values():
        _add_task(task, fields, failures)
    gone = [b"#%d" % ordinal for ordinal in delta.removed]
    for neuron_name, value in delta.contexts.items():
        if value is None:
            gone.append(b"=" + to_bytes(neuron_name))
        else:
            fields += (b"=" + to_bytes(neuron_name), value)
    signals: list[bytes] = []
    for signal in delta.signals.values():
        signals += (b"%d" % signal[0], pack(signal[1:]))
    for ordinal, error in delta.failures.items():
        failures += (b"%d" % ordinal, pack_error(error))
    history = [_pack_settled(settled) for settled in delta.history]
    dropped = [b"%d" % ordinal for ordinal in delta.dropped]
    hops = [part for name, count in delta.hops.items() for part in (b"+" + to_bytes(name), b"%d" % count)]
    ended = [] if delta.ended is None else _pack_end(delta.ended)
    header = (
        number,
        delta.fence,
        delta.sequence,
        delta.next_task,
        delta.next_signal,
        delta.hop_count,
        len(delta.tasks) - len(delta.removed),
        len(fields),
        len(gone),
        len(signals),
        len(failures),
        len(history),
        len(dropped),
        len(hops),
        len(ended),
    )
    return [pack(header), *fields, *gone, *signals, *failures, *history, *dropped, *hops, *ended]


def _add_task(task: TaskRow, fields: list[bytes], failures: list[bytes]) -> None:
    ordinal = task[0]
    fields += (b"#%d" % ordinal, pack(task[1:5]))
    if task[5] is not None:
        failures += (b"%d" % ordinal, pack_error(task[5]))


def _pack_settled(settled: TaskSettled) -> bytes:
    ordinal, attempt_number, task, status, error, started_at, duration, contexts, logs = settled
    failure = None if error is None else pack_error(error)
    changed = None if contexts is None else dict(contexts)
    row = (ordinal, attempt_number, *task[1:5], status, failure, started_at, duration, changed)
    if not logs:  # nearly always; and an older version can read it
        return pack(row)
    return pack((*row, [(line.at, *map(to_bytes, line[1:])) for line in logs]))


def _pack_end(ended: Ended) -> list[bytes]:
    error = b"" if ended.error is None else pack_error(ended.error)
    delay = b"" if ended.delay is None else repr(float(ended.delay)).encode()
    return [to_bytes(ended.status), to_bytes(ended.attempt), error, delay]
