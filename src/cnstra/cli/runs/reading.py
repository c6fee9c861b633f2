"""Stored runs as documents: read by way of the store alone, whoever made them."""

from __future__ import annotations

from cnstra.cli.documents import Attempt, Failure, Run, RunDocument, Signal, Task, utc
from cnstra.durable import RunInfo, SignalInfo, TaskInfo
from cnstra.durable.naming import activation_prefix
from cnstra.durable.views import frontier_task, run_info, settled_task
from cnstra.errors import RunNotFound
from cnstra.persist.ports import Store
from cnstra.persist.records import AttemptRecord, ErrorRecord, RunRecord

__all__ = ["frontier_of", "history_of", "read_run", "require_run", "run_document"]


async def require_run(store: Store, scope: str, stimulation_id: str) -> RunRecord:
    """Return a stored run.

    Raises:
        RunNotFound: If there is none.
    """
    record = await store.get(scope, stimulation_id)
    if record is None:
        raise RunNotFound(stimulation_id)
    return record


async def read_run(store: Store, scope: str, stimulation_id: str) -> RunDocument:
    """Return everything that is stored of a run.

    Raises:
        RunNotFound: If there is none.
    """
    record = await require_run(store, scope, stimulation_id)
    info = run_info(record)
    return RunDocument(
        format=1,
        run=run_document(record, traceback=True),
        entry=[_signal(one) for one in info.entry],
        metadata=dict(info.metadata),
        attempts=[_attempt(one) for one in await store.attempts(scope, stimulation_id)],
        tasks=await history_of(store, scope, stimulation_id),
        frontier=await frontier_of(store, scope, stimulation_id),
    )


async def history_of(store: Store, scope: str, stimulation_id: str, attempt_number: int | None = None) -> list[Task]:
    """Return the settled activations of a run, or of one attempt, in order."""
    prefix = activation_prefix(scope, stimulation_id)
    return [_task(settled_task(prefix, one)) for one in await store.tasks(scope, stimulation_id, attempt_number)]


async def frontier_of(store: Store, scope: str, stimulation_id: str) -> list[Task]:
    """Return what is left of a run."""
    prefix = activation_prefix(scope, stimulation_id)
    return [_task(frontier_task(prefix, one)) for one in await store.frontier(scope, stimulation_id)]


def run_document(record: RunRecord, *, traceback: bool = False) -> Run:
    """Return a run as a list shows it, and if wanted with the traceback of its error."""
    info: RunInfo = run_info(record)
    return Run(
        stimulation_id=info.stimulation_id,
        scope=info.scope,
        status=info.status,
        entry=[one.collateral_name for one in info.entry],
        attempt_number=info.attempt_number,
        hop_count=info.hop_count,
        outstanding=info.outstanding,
        owner=info.owner,
        recoveries=info.recoveries,
        volume=info.volume,
        priority=info.priority,
        created_at=utc(info.created_at),
        updated_at=utc(info.updated_at),
        ended_at=None if info.ended_at is None else utc(info.ended_at),
        due_at=None if info.due_at is None else utc(info.due_at),
        abort_requested=info.abort_requested,
        clone_of=info.clone_of,
        forked_from=info.forked_from,
        forked_task=info.forked_task,
        error=_failure(info.error, traceback=traceback),
    )


def _attempt(record: AttemptRecord) -> Attempt:
    return Attempt(
        attempt_number=record.attempt_number,
        status=record.status,
        worker_id=record.worker_id,
        started_at=utc(record.started_at),
        ended_at=None if record.ended_at is None else utc(record.ended_at),
        hop_count=record.hop_count,
        error=_failure(record.error),
    )


def _task(info: TaskInfo) -> Task:
    return Task(
        ordinal=info.ordinal,
        activation_id=info.activation_id,
        attempt_number=info.attempt_number,
        neuron=info.neuron_name,
        collateral=info.collateral_name,
        dendrite_index=info.dendrite_index,
        status=info.status,
        started_at=None if info.started_at is None else utc(info.started_at),
        duration=info.duration,
        input=None if info.input is None else _signal(info.input),
        output=[_signal(one) for one in info.output],
        error=_failure(info.error),
        contexts=dict(info.contexts),
    )


def _signal(info: SignalInfo) -> Signal:
    return Signal(info.collateral_name, info.version, info.payload)


def _failure(record: ErrorRecord | None, *, traceback: bool = True) -> Failure | None:
    if record is None:
        return None
    return Failure(record.type_name, record.message, record.traceback or None if traceback else None)
