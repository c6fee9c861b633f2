"""The tools about stored runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias, final

from pydantic import Field

from cnstra.errors import GraphError
from cnstra.inspection.histories import History
from cnstra.inspection.listing import RunFinder
from cnstra.inspection.problems import NotShown
from cnstra.inspection.reading import MAX_HISTORY
from cnstra.inspection.sealing import Seal
from cnstra.inspection.searching import has_text, signal_has_text
from cnstra.inspection.times import duration, point
from cnstra.inspection.views import Data
from cnstra.mcp.answers import Value
from cnstra.mcp.failures import Failure, explained
from cnstra.mcp.known import Known
from cnstra.mcp.shown_runs import (
    Activation,
    ActivationWithPayloads,
    Attempt,
    Context,
    NeuronStatistics,
    RunBrief,
    RunList,
    RunWhole,
    Signal,
)
from cnstra.mcp.telling import Name, RunId
from cnstra.persist.records import RunFilter, RunRecord

__all__ = ["RunTools"]

Status: TypeAlias = Literal["pending", "running", "completed", "failed", "aborted"]
Ordinal: TypeAlias = Annotated[int, Field(description="Number of the activation in the run.", ge=0, lt=2**53)]
_NO_HISTORY: Final = "this run was recorded with volume progress: only what is left is stored, not what was done"
_LARGE: Final = "large; get_task with full=true shows it whole"
_LARGEST: Final = "large; cnstra runs export writes it to a file"
_LATEST: Final = 100
_MOST_LEFT: Final = 100
_LINES: Final = 100
_LONGEST_LINE: Final = 2_000
_LONGEST_WINDOW: Final = 31 * 86_400


@final
@dataclass(frozen=True, slots=True)
class RunTools:
    """Answers about runs.

    Attributes:
        known: Has them.
        seal: For cursors.
    """

    known: Known
    seal: Seal

    async def list_runs(
        self,
        *,
        status: Annotated[Sequence[Status] | None, Field(description="Only runs in one of these.")] = None,
        neuron: Annotated[Name | None, Field(description="Only runs that activated this neuron.")] = None,
        since: Annotated[str | None, Field(description="Stored then or later: 2h (ago), or 2026-01-31T12:00.")] = None,
        text: Annotated[
            Name | None, Field(description="Only runs with this text in id, error, metadata or a payload.")
        ] = None,
        cursor: Annotated[str | None, Field(description="cursor of the page before.")] = None,
        limit: Annotated[int, Field(description="How many at most.", ge=1, le=50)] = 20,
    ) -> RunList:
        """List stored runs, the newest first, without payloads.

        With a neuron or a text so many runs are looked at; while there is a cursor, the next page goes on.
        """
        where = RunFilter(statuses=status or None, created_after=None if since is None else _point(since))
        details, finder = self.known.details(), RunFinder(self.known.reader, self.seal)
        found = await finder.page(
            where,
            prefix=None,
            neuron=neuron,
            matches=None if text is None else has_text(text, details),
            matches_signal=None if text is None else signal_has_text(text, details),
            limit=limit,
            cursor=cursor,
        )
        runs = [self.known.views.run(run) for run in found.runs]
        return RunList.of({"runs": [RunBrief.of(run) for run in runs], **_paging(found.cursor, found.looked_at)})

    async def get_run(self, stimulation_id: RunId) -> RunWhole:
        """Get one run: what it was started with, its attempts, its latest activations, and what is left of it."""
        reader, views = self.known.reader, self.known.views
        run = await reader.run(stimulation_id)
        history, left = await self._history(run), await reader.frontier(run)
        shown = await asyncio.to_thread(self.known.details().run, run)
        notes = [] if run.volume == "full" else [_NO_HISTORY]
        if run.volume == "full" and run.hop_count > MAX_HISTORY:
            notes.append(f"{run.hop_count:,} activations have settled, too many to be read")
        if len(history.tasks) > _LATEST:
            notes.append(f"the latest {_LATEST} of {len(history.tasks)} activations; get_task shows any")
        if len(left) > _MOST_LEFT:
            notes.append(f"the first {_MOST_LEFT} of {len(left)} activations that are left")
        settled = [views.settled(run, one, history.queued_at(one)) for one in history.tasks[-_LATEST:]]
        return RunWhole(
            run=RunBrief.of({**shown, "error": views.brief(run.error)}),
            metadata=Value.shown(shown["metadata"], _LARGEST),
            entry_signals=[_signal(one, _LARGEST) for one in shown["entry_signals"]],
            attempts=[Attempt.of(views.attempt(one)) for one in await reader.attempts(run)],
            activations=[Activation.of(one) for one in settled],
            activations_total=len(history.tasks),
            frontier=[Activation.of(views.left(run, one)) for one in left[:_MOST_LEFT]],
            note="; ".join(notes) or None,
        )

    async def get_task(
        self,
        stimulation_id: RunId,
        ordinal: Ordinal,
        *,
        attempt_number: Annotated[int | None, Field(description="The latest one that has it unless given.")] = None,
        include_payload: Annotated[bool, Field(description="Show input, outputs and contexts, too.")] = False,
        full: Annotated[bool, Field(description="Show large values whole.")] = False,
    ) -> ActivationWithPayloads:
        """Get one activation: its error with the traceback, and if wanted its input, outputs and contexts."""
        run = await self.known.reader.run(stimulation_id)
        shown = await self._task(run, ordinal, attempt_number, full=full)
        if not include_payload:
            note = "include_payload=true shows input, outputs and contexts"
            return ActivationWithPayloads.of({**_without_payloads(shown), "note": note})
        note = _LARGEST if full else _LARGE
        return ActivationWithPayloads.of(
            {
                **_without_payloads(shown),
                "input": None if shown["input"] is None else _signal(shown["input"], note),
                "outputs": [_signal(one, note) for one in shown.get("outputs", ())],
                "contexts": [_context(one, note) for one in shown.get("contexts", ())],
            }
        )

    async def explain_failure(self, stimulation_id: RunId) -> Failure:
        """Explain in one answer why a run failed or was aborted.

        What failed with its traceback, with which input and context, what is left, and what a retry would run.
        """
        run = await self.known.reader.run(stimulation_id)
        history, left = await self._history(run), await self.known.reader.frontier(run)
        return await asyncio.to_thread(explained, run, history, left, self.known.views, self.known.details())

    async def neuron_stats(
        self,
        name: Annotated[Name, Field(description="Of the neuron.")],
        window: Annotated[str, Field(description="How far to look back: 15m, 1h, 7d.")] = "1h",
    ) -> NeuronStatistics:
        """Get a neuron in numbers: how often it succeeded and failed, how long it took, and its latest activations."""
        seconds, views = _window(window), self.known.views
        sample = await self.known.sampler.of_last(seconds)
        is_declared = self.known.graph is not None and name in self.known.graph.neurons
        if name not in sample.neurons and not is_declared:
            raise NotShown("no_neuron", f"no neuron {name!r} was seen in the last {window}")
        latest = sample.neurons[name].latest() if name in sample.neurons else ()
        recent = [
            {"stimulation_id": run.stimulation_id, "activation": Activation.of(views.settled(run, task, None))}
            for run, task in latest
        ]
        extent = {"runs": sample.runs, "is_complete": sample.is_complete}
        return NeuronStatistics.of({**sample.statistics(name), **extent, "window": seconds, "recent": recent})

    async def _history(self, run: RunRecord, *, is_needed: bool = False) -> History:
        """Return what is stored of a run's past; of one that is too long to be read nothing, unless it is needed."""
        reader = self.known.reader
        is_read = run.volume == "full" and (run.hop_count <= MAX_HISTORY or is_needed)
        tasks = await reader.history(run) if is_read else ()
        return History(run, await reader.attempts(run), tasks)

    async def _task(self, run: RunRecord, ordinal: int, attempt_number: int | None, *, full: bool) -> Data:
        details = self.known.details(full=full)
        history = await self._history(run, is_needed=True)
        wanted = [
            one
            for one in history.tasks
            if one.settled.ordinal == ordinal and attempt_number in (None, one.settled.attempt_number)
        ]
        if wanted:
            return await asyncio.to_thread(details.settled, run, history, wanted[-1])
        for found in await self.known.reader.frontier(run):
            if found.task.ordinal == ordinal and attempt_number is None:
                return await asyncio.to_thread(details.left, run, found)
        where = "" if attempt_number is None else f" in attempt {attempt_number}"
        why = "" if run.volume == "full" else f"; {_NO_HISTORY}"
        raise NotShown("no_task", f"run {run.stimulation_id!r} has no activation {ordinal}{where}{why}")


def _paging(cursor: str | None, looked_at: int) -> dict[str, Any]:
    return {"cursor": cursor, "looked_at": looked_at}


def _without_payloads(shown: Data) -> dict[str, Any]:
    outputs = [one["collateral_name"] for one in shown.get("outputs", ())]
    kept = {name: value for name, value in shown.items() if name not in {"input", "outputs", "contexts"}}
    logs = [{**one, "message": one["message"][:_LONGEST_LINE]} for one in shown.get("logs", ())[-_LINES:]]
    return {**kept, "emitted": outputs, "logs": logs}


def _signal(shown: Data, note: str) -> Signal:
    return Signal.of({**shown, "payload": Value.shown(shown["payload"], note)})


def _context(shown: Data, note: str) -> Context:
    values = {name: Value.shown(shown[name], note) for name in ("before", "after")}
    return Context.of({**shown, **values})


def _point(text: str) -> float:
    try:
        return point(text, "since")
    except ValueError as error:
        raise GraphError(str(error)) from error


def _window(text: str) -> int:
    try:
        seconds = duration(text, "window")
    except ValueError as error:
        raise GraphError(str(error)) from error
    return int(min(max(seconds, 1.0), _LONGEST_WINDOW))
