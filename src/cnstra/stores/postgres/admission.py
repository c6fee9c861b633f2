"""Admitting runs."""

from __future__ import annotations

from itertools import count
from typing import Final

from cnstra.persist.records import NewRun, RunRecord, RunState
from cnstra.stores.postgres.arrays import pack_columns
from cnstra.stores.postgres.batch import task_values
from cnstra.stores.postgres.session import Session
from cnstra.stores.postgres.statements import ADD_SIGNALS, ADD_TASKS, SET_CONTEXTS, Part, rows_text

__all__ = ["ADMIT", "admit"]


def _without_run(part: Part) -> Part:
    return Part({name: kind for name, kind in part.columns.items() if name != "run"}, "")


_SIGNALS, _TASKS, _CONTEXTS = map(_without_run, (ADD_SIGNALS, ADD_TASKS, SET_CONTEXTS))
_numbers = count(20)

ADMIT: Final = f"""
    WITH run AS (
        INSERT INTO cnstra.runs (scope, stimulation_id, status, owner, attempt_number, entry_count, entry_name, volume,
            clone_of, forked_from, forked_task, priority, due_at, options, is_due, created_at)
        VALUES ($1, $2, $3, $4::text, $5, $6, $7, $8, $9, $10, $11, $12, $13::double precision, $14,
            coalesce($13::double precision <= cnstra.now, true), cnstra.now)
        ON CONFLICT (scope, stimulation_id) DO NOTHING RETURNING key, created_at
    ), progress AS (
        INSERT INTO cnstra.progress (run, fence, sequence, next_task, next_signal, hop_count, outstanding, updated_at)
        SELECT key, $5::bigint, 0, $15::bigint, $16::bigint, 0, $17::bigint, created_at FROM run
    ), attempts AS (
        INSERT INTO cnstra.attempts (run, attempt_number, started_at, hops_before, status, worker_id)
        SELECT key, 1, created_at, 0, 'running', $4::text FROM run WHERE $4::text IS NOT NULL
    ), signals AS (
        INSERT INTO cnstra.signals (run, {", ".join(_SIGNALS.columns)})
        SELECT run.key, v.* FROM run, {rows_text(_SIGNALS, _numbers)}
    ), tasks AS (
        INSERT INTO cnstra.frontier (run, {", ".join(_TASKS.columns)})
        SELECT run.key, v.* FROM run, {rows_text(_TASKS, _numbers)}
    ), contexts AS (
        INSERT INTO cnstra.contexts (run, {", ".join(_CONTEXTS.columns)})
        SELECT run.key, v.* FROM run, {rows_text(_CONTEXTS, _numbers)}
    )
    SELECT key, created_at, CASE WHEN $4::text IS NULL THEN pg_notify($18::text, $19::text)::text END FROM run
"""


async def admit(session: Session, run: NewRun, worker_id: str | None) -> RunState | None:
    """Insert a run with its frontier, unless its id is taken."""
    attempt_number = 0 if worker_id is None else 1
    signals = {signal.ordinal: signal for signal in run.entry}
    next_task = max((task.ordinal for task in run.tasks), default=-1) + 1 + run.reserved
    next_signal = max(signals, default=-1) + 1
    rows = await session.numbered(
        ADMIT,
        run.scope,
        run.stimulation_id,
        "pending" if worker_id is None else "running",
        worker_id,
        attempt_number,
        len(signals),
        run.entry[0].collateral_name if run.entry else None,
        run.volume,
        run.clone_of,
        run.forked_from,
        run.forked_task,
        run.priority,
        run.due_at,
        bytes(run.options),
        next_task,
        next_signal,
        len(run.tasks),
        session.names.channel_of(run.scope),
        session.sender,
        columns=[
            *pack_columns(_SIGNALS.kinds, list(run.entry)),
            *pack_columns(_TASKS.kinds, [task_values(task) for task in run.tasks]),
            *pack_columns(_CONTEXTS.kinds, list(run.contexts.items())),
        ],
    )
    if not rows:
        return None
    [(key, created_at, _)] = rows
    return RunState(
        key=key,
        run=_record(run, worker_id, attempt_number, created_at),
        sequence=0,
        next_task=next_task,
        next_signal=next_signal,
        tasks=tuple(run.tasks),
        signals={task.signal: signals[task.signal] for task in run.tasks if task.signal is not None},
        contexts=dict(run.contexts),
    )


def _record(run: NewRun, worker_id: str | None, attempt_number: int, now: float) -> RunRecord:
    return RunRecord(
        scope=run.scope,
        stimulation_id=run.stimulation_id,
        status="pending" if worker_id is None else "running",
        attempt_number=attempt_number,
        entry=tuple(run.entry),
        options=run.options,
        volume=run.volume,
        owner=worker_id,
        fence=attempt_number,
        recoveries=0,
        hop_count=0,
        outstanding=len(run.tasks),
        created_at=now,
        updated_at=now,
        clone_of=run.clone_of,
        forked_from=run.forked_from,
        forked_task=run.forked_task,
        priority=run.priority,
        due_at=run.due_at,
    )
