"""Data as a response."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from cnstra.devtools.problems import ApiProblem
from cnstra.inspection.encoding import json_bytes

__all__ = ["json_response", "problem_response"]


def json_response(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return *data* as JSON."""
    return Response(json_bytes(data), status, headers, media_type="application/json")


def problem_response(problem: ApiProblem) -> Response:
    """Return a problem as JSON."""
    return Response(json_bytes(problem.as_data()), problem.status, problem.headers, "application/problem+json")
