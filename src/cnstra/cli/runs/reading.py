"""Stored runs as documents: read by way of the store alone, whoever made them, and without their secrets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import final

from cnstra.cli.documents import Attempt, Command, Failure, LogLine, Run, RunDocument, RunList, Signal, Task, utc
from cnstra.cli.places import Place
from cnstra.cli.redacting import Discretion
from cnstra.cli.runs.veiling import Veil
from cnstra.durable import RunInfo, SignalInfo, TaskInfo
from cnstra.durable.naming import activation_prefix
from cnstra.durable.views import frontier_task, run_info, settled_task
from cnstra.errors import RunNotFound
from cnstra.inspection.declared import NO_SECRETS
from cnstra.inspection.graphs import DeclaredGraph
from cnstra.persist.commands import CommandRecord
from cnstra.persist.ports import Store
from cnstra.persist.records import AttemptRecord, ErrorRecord, RunFilter, RunRecord

__all__ = ["Documents", "documents_of"]


@asynccontextmanager
async def documents_of(place: Place, discretion: Discretion) -> AsyncIterator[Documents]:
    """Open a store for as long as the context is open, and yield what reads its runs.

    Raises:
        CommandError: If no store is named, or there is none, or the other options contradict each other.
        StoreError: If it cannot be used.
    """
    found = await place.shown()
    redaction = discretion.redaction(place.directory)
    runner = found.runner
    secrets = NO_SECRETS if runner is None else DeclaredGraph(runner.cns, runner.registry).secrets
    async with found.opened() as store:
        yield Documents(store, found.scope, Veil(redaction, secrets))


@final
@dataclass(frozen=True, slots=True)
class Documents:
    """Reads the runs of one scope.

    Attributes:
        store: Has them.
        scope: Which graph's runs.
        veil: Leaves their secrets out.
    """

    store: Store
    scope: str
    veil: Veil

    async def record(self, stimulation_id: str) -> RunRecord:
        """Return a run as it is stored.

        Raises:
            RunNotFound: If there is none.
        """
        record = await self.store.get(self.scope, stimulation_id)
        if record is None:
            raise RunNotFound(stimulation_id)
        return record

    async def page(self, where: RunFilter, *, limit: int, cursor: str | None) -> RunList:
        """Return some runs, the newest first."""
        page = await self.store.list(self.scope, where=where, limit=limit, cursor=cursor)
        return RunList([self.brief(one) for one in page], page.cursor)

    async def run(self, stimulation_id: str) -> RunDocument:
        """Return everything that is stored of a run.

        Raises:
            RunNotFound: If there is none.
        """
        record = await self.record(stimulation_id)
        info = run_info(record)
        return RunDocument(
            format=1,
            run=self.brief(record, traceback=True),
            entry=[self._signal(one) for one in info.entry],
            metadata=self.veil.metadata(info.metadata),
            attempts=[self._attempt(one) for one in await self.store.attempts(self.scope, stimulation_id)],
            tasks=await self.history(stimulation_id),
            frontier=await self._frontier(stimulation_id),
            commands=[
                self._command(one) for one in await self.store.commands(self.scope, stimulation_id=stimulation_id)
            ],
        )

    async def history(self, stimulation_id: str, attempt_number: int | None = None) -> Sequence[Task]:
        """Return the settled activations of a run, or of one attempt, in order."""
        prefix = activation_prefix(self.scope, stimulation_id)
        stored = await self.store.tasks(self.scope, stimulation_id, attempt_number)
        return [self._task(settled_task(prefix, one)) for one in stored]

    def brief(self, record: RunRecord, *, traceback: bool = False) -> Run:
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
            abort_requested=None if info.abort_requested is None else self.veil.text(info.abort_requested),
            clone_of=info.clone_of,
            forked_from=info.forked_from,
            forked_task=info.forked_task,
            error=self._failure(info.error, traceback=traceback),
        )

    async def _frontier(self, stimulation_id: str) -> Sequence[Task]:
        prefix = activation_prefix(self.scope, stimulation_id)
        left = await self.store.frontier(self.scope, stimulation_id)
        return [self._task(frontier_task(prefix, one)) for one in left]

    def _attempt(self, record: AttemptRecord) -> Attempt:
        return Attempt(
            attempt_number=record.attempt_number,
            status=record.status,
            worker_id=record.worker_id,
            started_at=utc(record.started_at),
            ended_at=None if record.ended_at is None else utc(record.ended_at),
            hop_count=record.hop_count,
            error=self._failure(record.error),
        )

    def _command(self, record: CommandRecord) -> Command:
        return Command(
            key=record.key,
            kind=record.kind,
            stimulation_id=record.stimulation_id,
            actor=record.actor,
            status=record.status,
            ordered_at=utc(record.ordered_at),
            ended_at=None if record.ended_at is None else utc(record.ended_at),
            taken_by=record.taken_by,
            outcome=None if record.outcome is None else self.veil.text(record.outcome),
            made=record.made,
        )

    def _task(self, info: TaskInfo) -> Task:
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
            input=None if info.input is None else self._signal(info.input),
            output=[self._signal(one) for one in info.output],
            error=self._failure(info.error),
            contexts={name: self.veil.context(name, value) for name, value in info.contexts.items()},
            logs=[LogLine(utc(at), level, name, self.veil.text(message)) for at, level, name, message in info.logs],
        )

    def _signal(self, info: SignalInfo) -> Signal:
        return Signal(info.collateral_name, info.version, self.veil.payload(info))

    def _failure(self, record: ErrorRecord | None, *, traceback: bool = True) -> Failure | None:
        if record is None:
            return None
        text = self.veil.text(record.traceback) if traceback and record.traceback else None
        return Failure(record.type_name, self.veil.text(record.message), text)
