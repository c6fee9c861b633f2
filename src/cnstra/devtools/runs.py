"""The part of the API about runs: lists, one run, its attempts, activations and frontier."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cnstra.devtools.answering import json_response
from cnstra.devtools.asking import Asked
from cnstra.devtools.problems import not_found
from cnstra.inspection.declared import DeclaredSecrets
from cnstra.inspection.details import Details
from cnstra.inspection.encoding import json_bytes
from cnstra.inspection.histories import History
from cnstra.inspection.listing import RunFinder
from cnstra.inspection.reading import Reader
from cnstra.inspection.redacting import Redaction
from cnstra.inspection.refs import name_of, ref_of
from cnstra.inspection.sealing import Seal
from cnstra.inspection.searching import has_text, signal_has_text
from cnstra.inspection.views import Data, Views
from cnstra.persist.records import RunFilter, RunRecord, RunStatus, TaskStatus

__all__ = ["RunRoutes"]

_FILTERS: Final = ("status", "entry", "error", "created_after", "created_before", "id", "neuron", "text")
_RELATIVES: Final = 1_000
_MOST: Final = 2**53 - 1  # the largest number that JavaScript has no doubt about
_ORDINAL: Final = "{ordinal:whole}"


@final
@dataclass(frozen=True, slots=True)
class RunRoutes:
    """Answers about runs.

    Attributes:
        reader: Has them.
        views: Shows them in lists.
        redaction: What must not be shown.
        secrets: What the graph declares to be secret.
        seal: For cursors.
    """

    reader: Reader
    views: Views
    redaction: Redaction
    secrets: DeclaredSecrets
    seal: Seal

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/runs", self.list_runs),
            Route("/runs/{run}", self.get_run),
            Route("/runs/{run}/attempts", self.list_attempts),
            Route("/runs/{run}/tasks", self.list_tasks),
            Route("/runs/{run}/tasks/{attempt:whole}/" + _ORDINAL, self.get_task),
            Route("/runs/{run}/frontier", self.list_frontier),
            Route("/runs/{run}/frontier/" + _ORDINAL, self.get_frontier_task),
            Route("/runs/{run}/lineage", self.get_lineage),
            Route("/runs/{run}/export", self.export),
        ]

    async def list_runs(self, request: Request) -> Response:
        """Find runs."""
        names = (
            "status",
            "entry",
            "error",
            "created_after",
            "created_before",
            "id",
            "neuron",
            "text",
            "limit",
            "cursor",
        )
        asked = Asked(request, *names)
        text, details = asked.text("text"), self._details(full=False)
        where = RunFilter(
            statuses=asked.texts("status", get_args(RunStatus)),  # type: ignore[arg-type]  # they are statuses
            entry=asked.text("entry"),
            created_after=asked.moment("created_after"),
            created_before=asked.moment("created_before"),
            error=asked.text("error"),
        )
        found = await RunFinder(self.reader, self.seal).page(
            where,
            prefix=asked.text("id"),
            neuron=asked.text("neuron"),
            matches=None if text is None else has_text(text, details),
            matches_signal=None if text is None else signal_has_text(text, details),
            limit=asked.whole("limit", 50, least=1, most=500),
            cursor=asked.text("cursor"),
        )
        runs = [self.views.run(run) for run in found.runs]
        return json_response({"runs": runs, "cursor": found.cursor, "looked_at": found.looked_at})

    async def get_run(self, request: Request) -> Response:
        """Show one run."""
        details = self._details(Asked(request, "full").truth("full"))
        run = await self._run(request)
        return json_response(await asyncio.to_thread(details.run, run))

    async def list_attempts(self, request: Request) -> Response:
        """Show the attempts of a run."""
        Asked(request)
        run = await self._run(request)
        attempts = await self.reader.attempts(run)
        return json_response({"attempts": [self.views.attempt(attempt) for attempt in attempts]})

    async def list_tasks(self, request: Request) -> Response:
        """Show what has settled of a run, without payloads."""
        asked = Asked(request, "attempt", "neuron", "status", "start", "limit")
        attempt = asked.whole("attempt", 0, least=1, most=_MOST) or None
        neuron, status = asked.text("neuron"), asked.choice("status", get_args(TaskStatus))
        start = asked.whole("start", 0, least=0, most=_MOST)
        end = start + asked.whole("limit", 500, least=1, most=5_000)
        run = await self._run(request)
        history = await self._history(run)

        def page() -> Data:
            wanted = [
                stored
                for stored in history.tasks
                if attempt in (None, stored.settled.attempt_number)
                and neuron in (None, stored.settled.task.neuron_name)
                and status in (None, stored.settled.status)
            ]
            tasks = [self.views.settled(run, stored, history.queued_at(stored)) for stored in wanted[start:end]]
            return {"tasks": tasks, "total": len(wanted), "next": end if end < len(wanted) else None}

        return json_response(await asyncio.to_thread(page))

    async def get_task(self, request: Request) -> Response:
        """Show one activation with its payloads."""
        details = self._details(Asked(request, "full").truth("full"))
        run = await self._run(request)
        history = await self._history(run)
        attempt, ordinal = request.path_params["attempt"], request.path_params["ordinal"]
        stored = history.find(attempt, ordinal)
        if stored is None:
            raise not_found(f"activation {ordinal} has not settled in attempt {attempt}", "no_task")
        return json_response(await asyncio.to_thread(details.settled, run, history, stored))

    async def list_frontier(self, request: Request) -> Response:
        """Show what is left of a run, without payloads."""
        Asked(request)
        run = await self._run(request)
        return json_response({"tasks": [self.views.left(run, found) for found in await self.reader.frontier(run)]})

    async def get_frontier_task(self, request: Request) -> Response:
        """Show one activation that is left, with its payload."""
        details = self._details(Asked(request, "full").truth("full"))
        run = await self._run(request)
        ordinal = request.path_params["ordinal"]
        for found in await self.reader.frontier(run):
            if found.task.ordinal == ordinal:
                return json_response(await asyncio.to_thread(details.left, run, found))
        raise not_found(f"activation {ordinal} is not in the frontier", "no_task")

    async def get_lineage(self, request: Request) -> Response:
        """Show which runs a run comes from, and which come from it."""
        Asked(request)
        run = await self._run(request)
        parents = [await self.reader.find(one) for one in (run.clone_of, run.forked_from) if one is not None]
        page = await self.reader.list(RunFilter(created_after=run.created_at), limit=_RELATIVES)
        children = [one for one in page.runs if run.stimulation_id in (one.clone_of, one.forked_from)]
        answer = {
            "parents": [self.views.run(parent) for parent in parents if parent is not None],
            "children": [self.views.run(child) for child in children],
            "is_complete": page.cursor is None,
        }
        return json_response(answer)

    async def export(self, request: Request) -> Response:
        """Show everything of a run, as a file."""
        Asked(request)
        run = await self._run(request)
        attempts = await self.reader.attempts(run)
        history = History(run, attempts, await self.reader.history(run))
        left = await self.reader.frontier(run)
        details = self._details(full=True)

        def exported() -> bytes:
            data: dict[str, Any] = {
                "format": "cnstra-run/1",
                "run": details.run(run),
                "attempts": [self.views.attempt(attempt) for attempt in attempts],
                "tasks": details.history(run, history),
                "frontier": [details.left(run, found) for found in left],
            }
            return json_bytes(data)

        name = ref_of(run.stimulation_id).replace(":", "_")[:100]
        headers = {"Content-Disposition": f'attachment; filename="run-{name}.json"'}
        return Response(await asyncio.to_thread(exported), headers=headers, media_type="application/json")

    async def _run(self, request: Request) -> RunRecord:
        return await self.reader.run(name_of(request.path_params["run"]))

    async def _history(self, run: RunRecord) -> History:
        attempts: Sequence[Any] = await self.reader.attempts(run)
        return History(run, attempts, await self.reader.history(run))

    def _details(self, full: bool) -> Details:  # noqa: FBT001 - named where it is a constant
        return Details(self.views, self.redaction, self.secrets, full=full)
