"""Loading runs, many with each query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from cnstra.persist.records import RunRecord, RunState, SignalRow
from cnstra.stores.postgres.errors import BadRow
from cnstra.stores.postgres.rows import run_of, task_of
from cnstra.stores.postgres.session import Row, Session

__all__ = ["QUERIES", "Snapshot", "load", "load_records"]

QUERIES: Final = {
    "runs": """
        SELECT r.key, r.scope, r.stimulation_id, r.status, r.attempt_number, r.options, r.volume, r.owner, p.fence,
               r.recoveries, p.hop_count, p.outstanding, r.created_at, p.updated_at, r.ended_at,
               coalesce(r.error, a.error), r.clone_of, r.forked_from, r.forked_task, r.priority, r.due_at,
               r.abort_requested, r.starts, r.limit_key, p.sequence, p.next_task, p.next_signal
        FROM unnest(%s::bigint[]) AS k(key)
        JOIN cnstra.runs AS r ON r.key = k.key JOIN cnstra.progress AS p ON p.run = r.key
        LEFT JOIN cnstra.attempts AS a ON a.run = r.key AND a.attempt_number = r.attempt_number
    """,
    "entries": """
        SELECT s.run, s.ordinal, s.collateral_name, s.version, s.payload, s.producer
        FROM unnest(%s::bigint[]) AS k(key) JOIN cnstra.runs AS r ON r.key = k.key
        JOIN cnstra.signals AS s ON s.run = r.key AND s.ordinal < r.entry_count
        ORDER BY s.run, s.ordinal
    """,
    "tasks": """
        SELECT run, ordinal, neuron_name, collateral_name, dendrite_index, signal, failure
        FROM cnstra.frontier WHERE run = ANY(%s) ORDER BY run, ordinal
    """,
    "inputs": """
        SELECT s.run, s.ordinal, s.collateral_name, s.version, s.payload, s.producer
        FROM (SELECT DISTINCT run, signal FROM cnstra.frontier WHERE run = ANY(%s) AND signal IS NOT NULL) AS f
        JOIN cnstra.signals AS s ON s.run = f.run AND s.ordinal = f.signal
    """,
    "contexts": "SELECT run, neuron_name, value FROM cnstra.contexts WHERE run = ANY(%s) AND value IS NOT NULL",
    "hops": "SELECT run, neuron_name, hops FROM cnstra.hops WHERE run = ANY(%s)",
}
_RECORD = 23
"""How many of the columns of a run after its key are its record's; sequence, next_task and next_signal follow."""


class Snapshot(NamedTuple):
    """The rows of some runs, by key and without it."""

    runs: dict[int, list[Row]]
    entries: dict[int, list[Row]]
    tasks: dict[int, list[Row]]
    inputs: dict[int, list[Row]]
    contexts: dict[int, list[Row]]
    hops: dict[int, list[Row]]

    def record(self, key: int) -> RunRecord:
        """Make the record of a run.

        Raises:
            BadRow: If it cannot be read, or is not there.
        """
        if key not in self.runs:
            raise BadRow(f"the run with the key {key} has no progress; delete it")
        [row] = self.runs[key]
        return run_of(row[:_RECORD], map(SignalRow._make, self.entries.get(key, ())))

    def state(self, key: int) -> RunState:
        """Make the state of a run; raises as `record` does."""
        run = self.record(key)
        [row] = self.runs[key]
        sequence, next_task, next_signal = row[_RECORD:]
        return RunState(
            key=key,
            run=run,
            sequence=sequence,
            next_task=next_task,
            next_signal=next_signal,
            tasks=tuple(task_of(task, run.stimulation_id) for task in self.tasks.get(key, ())),
            signals={signal[0]: SignalRow._make(signal) for signal in self.inputs.get(key, ())},
            contexts=dict(_pairs(self.contexts.get(key, ()))),
            hops=dict(_pairs(self.hops.get(key, ()))),
        )


async def load(session: Session, keys: Sequence[int]) -> Snapshot:
    """Load all that a worker needs to go on with runs."""
    return await _load(session, keys, tuple(QUERIES))


async def load_records(session: Session, keys: Sequence[int]) -> Snapshot:
    """Load what the records of runs are made of."""
    return await _load(session, keys, ("runs", "entries"))


async def _load(session: Session, keys: Sequence[int], names: Sequence[str]) -> Snapshot:
    found = await session.several([QUERIES[name] for name in names], (list(keys),)) if keys else []
    groups = dict(zip(names, map(_grouped, found), strict=False))
    return Snapshot(**{name: groups.get(name, {}) for name in Snapshot._fields})


def _grouped(rows: Iterable[Row]) -> dict[int, list[Row]]:
    groups: dict[int, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[0], []).append(row[1:])
    return groups


def _pairs(rows: Iterable[Row]) -> Iterable[tuple[Any, Any]]:
    return ((name, value) for name, value in rows)
