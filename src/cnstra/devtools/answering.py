"""Data as a response."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.responses import Response

from cnstra.devtools.problems import ApiProblem

__all__ = ["json_bytes", "json_response", "problem_response"]

_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


def json_response(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return *data* as JSON."""
    return Response(json_bytes(data), status, headers, media_type="application/json")


def json_bytes(data: Any) -> bytes:
    """Return *data* as JSON; half a surrogate pair, which UTF-8 has no form of, is shown as a question mark."""
    try:
        return _encode(data)
    except UnicodeEncodeError:
        return _encode(_in_unicode(data))


def _in_unicode(data: Any) -> Any:
    if isinstance(data, str):
        return data.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(data, dict):
        return {_in_unicode(key): _in_unicode(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_in_unicode(item) for item in data]
    return data


def problem_response(problem: ApiProblem) -> Response:
    """Return a problem as JSON."""
    return Response(json_bytes(problem.as_data()), problem.status, problem.headers, "application/problem+json")
