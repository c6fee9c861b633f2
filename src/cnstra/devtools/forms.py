"""The part of the API that helps to start a run: what its payload may be like, and whether one is."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final, final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cnstra.devtools.answering import json_response
from cnstra.devtools.asking import Asked, data_of
from cnstra.devtools.problems import bad_request, not_found
from cnstra.inspection.declared import DeclaredSecrets, without_secret_values
from cnstra.inspection.graphs import DeclaredGraph
from cnstra.inspection.reading import Reader
from cnstra.inspection.redacting import Redaction
from cnstra.inspection.refs import name_of, ref_of
from cnstra.inspection.views import Data
from cnstra.persist.records import RunFilter, RunRecord

__all__ = ["FormRoutes"]

_EXAMPLES: Final = 5
_RUNS: Final = 20
_LARGE: Final = 64 * 1024


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    payload: Any


@final
@dataclass(frozen=True, slots=True)
class FormRoutes:
    """Answers about the payloads that runs are started with.

    Attributes:
        reader: Has the runs that were.
        redaction: What must not be shown.
        secrets: What the graph declares to be secret.
        graph: The graph; ``None`` if it was not given.
    """

    reader: Reader
    redaction: Redaction
    secrets: DeclaredSecrets
    graph: DeclaredGraph | None

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/collaterals/{name}/form", self.get_form),
            Route("/collaterals/{name}/validate", self.validate, methods=["POST"]),
        ]

    async def get_form(self, request: Request) -> Response:
        """Show what a payload may be like, with what the latest runs were started with."""
        Asked(request)
        name = name_of(request.path_params["name"])
        schema = None if self.graph is None else self._schema(self.graph, name)
        page = await self.reader.list(RunFilter(entry=name), limit=_RUNS)
        examples: list[Data] = []
        for run in page.runs:
            examples += self._examples(run, name)
        answer = {"collateral_name": name, "schema": schema, "examples": examples[:_EXAMPLES]}
        return json_response(answer)

    async def validate(self, request: Request) -> Response:
        """Tell whether a payload is what a collateral declares."""
        Asked(request)
        name = name_of(request.path_params["name"])
        data = await data_of(request)
        if self.graph is None:
            raise bad_request("these DevTools were given a store without its graph", "no_graph")
        try:
            payload = msgspec.json.encode(msgspec.convert(data, _Body).payload)
        except (msgspec.ValidationError, UnicodeEncodeError) as error:
            raise bad_request(f"the body is an object with a payload: {error}") from error
        if name not in self.graph.collaterals:
            raise not_found(f"the graph has no collateral {name!r}", "no_collateral")
        problem = await asyncio.to_thread(self.graph.payload_problem, name, payload)
        problems = [] if problem is None else [{"path": problem.path, "message": self.redaction.text(problem.problem)}]
        return json_response({"ok": not problems, "problems": problems})

    def _schema(self, graph: DeclaredGraph, name: str) -> Any:
        found = graph.collaterals.get(name)
        if found is None:
            raise not_found(f"the graph has no collateral {name!r}", "no_collateral")
        schema = found["contract"]["schema"]
        return None if schema is True else without_secret_values(schema, self.redaction.is_secret_key)

    def _examples(self, run: RunRecord, name: str) -> list[Data]:
        """Return what a run was started with, if that can be typed in again."""
        for signal in run.entry:
            if signal.collateral_name == name and len(signal.payload) <= _LARGE:
                try:
                    payload = self.redaction.data(json.loads(signal.payload), self.secrets.of_payload(name), name)
                except (ValueError, RecursionError):
                    return []
                return [{"stimulation_id": run.stimulation_id, "ref": ref_of(run.stimulation_id), "payload": payload}]
        return []
