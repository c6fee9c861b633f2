"""Reading whole runs: what a worker needs to go on with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from cnstra.errors import StoreError
from cnstra.persist.records import RunState, SignalRow, TaskRow
from cnstra.stores.redis.errors import BadRow, unreadable
from cnstra.stores.redis.fields import every_field, pairs
from cnstra.stores.redis.keys import Keyspace, handle_of, to_bytes
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.rows import FIELDS, Values, entries_of, integer, run_of, task_of, text
from cnstra.stores.redis.script import READING, Script
from cnstra.stores.redis.signals import signals_of

__all__ = ["read", "read_many", "taken_over"]

_STATES: Final = Script("states", *READING)

_RUNS_AT_ONCE: Final = 50
_FIELDS_AT_ONCE: Final = 500
"""Fields of a hash that one script reads; of more, a part at a time."""


async def read(link: Link, space: Keyspace, run_id: bytes) -> RunState | None:
    """Read one run; ``None`` if it is unknown.

    Raises:
        StoreError: Also if something of it cannot be read.
    """
    [state] = await read_many(link, space, [run_id])
    if isinstance(state, StoreError):
        raise state
    return state


async def read_many(link: Link, space: Keyspace, run_ids: Sequence[bytes]) -> list[RunState | StoreError | None]:
    """Read runs; of one that cannot be read, the error that says so."""
    states: list[RunState | StoreError | None] = []
    for start in range(0, len(run_ids), _RUNS_AT_ONCE):
        some = run_ids[start : start + _RUNS_AT_ONCE]
        keys: list[bytes] = []
        for run_id in some:
            own = space.of_run(run_id)
            keys += (own.run, own.signals, own.failures)
        answers = await link.call(_STATES, keys, [b"%d" % _FIELDS_AT_ONCE])
        states += [await _read_on(link, space, run_id, one) for run_id, one in zip(some, answers, strict=True)]
    wanted = [
        (to_bytes(state.run.stimulation_id), _inputs_of(state)) for state in states if isinstance(state, RunState)
    ]
    signals = iter(await signals_of(link, space, wanted))
    return [_with_signals(state, next(signals)) if isinstance(state, RunState) else state for state in states]


async def _read_on(link: Link, space: Keyspace, run_id: bytes, answer: Any) -> RunState | StoreError | None:
    """Make a state, without signals, of what the script found; read what was too much for it."""
    if isinstance(answer, bytes):
        return unreadable(link.label, run_id, answer)
    if answer == 0:
        return None
    values, entries, fields, failures = answer
    own = space.of_run(run_id)
    all_fields = await every_field(link, own.run) if fields == 1 else pairs(fields)
    all_failures = await every_field(link, own.failures) if failures == 1 else pairs(failures)
    try:
        return _state_of(space.scope, values, entries_of(entries), all_fields, all_failures)
    except BadRow as error:
        return unreadable(link.label, run_id, error)


def _state_of(
    scope: str,
    values: Values,
    entry: Sequence[SignalRow],
    fields: Mapping[bytes, bytes],
    failures: Mapping[bytes, bytes],
) -> RunState:
    tasks: list[TaskRow] = []
    contexts: dict[str, bytes] = {}
    hops: dict[str, int] = {}
    for name, value in fields.items():
        kind, rest = name[:1], name[1:]
        if kind == b"#":
            tasks.append(task_of(integer(rest, "number of a task"), value, failures.get(rest)))
        elif kind == b"=":
            contexts[text(rest, "name of a neuron")] = value
        elif kind == b"+":
            hops[text(rest, "name of a neuron")] = integer(value, "number of activations")
    own = dict(zip(FIELDS, values, strict=True))
    return RunState(
        key=handle_of(scope, integer(own["number"], "number")),
        run=run_of(scope, values, entry),
        sequence=integer(own["sequence"], "sequence"),
        next_task=integer(own["next_task"], "next task"),
        next_signal=integer(own["next_signal"], "next signal"),
        tasks=tuple(sorted(tasks, key=lambda task: task.ordinal)),
        contexts=contexts,
        hops=hops,
    )


def _inputs_of(state: RunState) -> list[int]:
    """Return the ordinals of the signals that the frontier points at."""
    return sorted({task.signal for task in state.tasks if task.signal is not None})


def _with_signals(state: RunState, signals: Mapping[int, SignalRow] | StoreError) -> RunState | StoreError:
    return signals if isinstance(signals, StoreError) else replace(state, signals=signals)


async def taken_over(link: Link, space: Keyspace, seen: RunState, values: Values) -> RunState:
    """Return the state of a run that was taken with *values*, given that it was *seen* shortly before.

    If its former owner has committed in between, the run is read again: now nobody else can change it any more.

    Raises:
        StoreError: If it cannot be read any more.
    """
    try:
        run = run_of(space.scope, values, seen.run.entry)
    except BadRow as error:
        raise unreadable(link.label, seen.run.stimulation_id, error) from error
    if integer(values[FIELDS.index("sequence")], "sequence") == seen.sequence:
        return replace(seen, run=run)
    again = await read(link, space, to_bytes(seen.run.stimulation_id))
    if again is None or again.run.fence != run.fence:
        raise StoreError(f"{link.label}: run {run.stimulation_id!r} was taken over again at once")
    return again
