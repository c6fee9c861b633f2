"""What one run has done."""

from __future__ import annotations

from typing import Final

from cnstra.persist.records import AttemptRecord, SignalRow, StoredTask, TaskSettled
from cnstra.stores.redis.errors import BadRow, unreadable
from cnstra.stores.redis.fields import every_field, pairs
from cnstra.stores.redis.keys import Keyspace
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.rows import attempts_of, integer, settled_of, signal_of
from cnstra.stores.redis.script import Script

__all__ = ["attempts", "tasks"]

_ATTEMPTS: Final = Script("attempts")
_HISTORY: Final = Script("history")
_AT_ONCE: Final = 1000


async def attempts(link: Link, space: Keyspace, run_id: bytes) -> list[AttemptRecord]:
    """Read the attempts of a run, by number."""
    own = space.of_run(run_id)
    fields, hops_so_far = await link.call(_ATTEMPTS, [own.run, own.attempts])
    try:
        return attempts_of(pairs(fields), hops_so_far)
    except BadRow as error:
        raise unreadable(link.label, run_id, error) from error


async def tasks(link: Link, space: Keyspace, run_id: bytes, attempt_number: int | None) -> list[StoredTask]:
    """Read the history of a run, of one attempt or of all: each entry with its input and its outputs."""
    own = space.of_run(run_id)
    stored: list[bytes] = []
    while True:
        part = await link.call(_HISTORY, [own.history], [b"%d" % len(stored), b"%d" % (len(stored) + _AT_ONCE - 1)])
        stored += part
        if len(part) < _AT_ONCE:
            break
    if not stored:
        return []
    fields = await every_field(link, own.signals)
    try:
        signals = {
            ordinal: signal_of(ordinal, value)
            for ordinal, value in sorted((integer(name, "number of a signal"), value) for name, value in fields.items())
        }
        history = [settled_of(one) for one in stored]
    except BadRow as error:
        raise unreadable(link.label, run_id, error) from error
    return _joined([one for one in history if attempt_number in (None, one.attempt_number)], signals)


def _joined(history: list[TaskSettled], signals: dict[int, SignalRow]) -> list[StoredTask]:
    outputs: dict[int | None, list[SignalRow]] = {}
    for signal in signals.values():
        outputs.setdefault(signal.producer, []).append(signal)
    return [
        StoredTask(
            settled,
            None if settled.task.signal is None else signals.get(settled.task.signal),
            tuple(outputs.get(settled.ordinal, ())) if settled.status == "done" else (),
        )
        for settled in history
    ]
