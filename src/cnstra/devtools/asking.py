"""The parameters and the body of a request, checked: a misspelt filter must not look like a list without it."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, Final, final

from starlette.requests import Request

from cnstra.devtools.problems import ApiProblem, bad_request
from cnstra.persist.reading import MAX_DEPTH, depth_of, parse

__all__ = ["MAX_BODY", "Asked", "data_of"]

MAX_BODY: Final = 8 * 1024 * 1024
"""Bytes of a request."""

_TRUTHS: Final = {"true": True, "false": False}
_MAX_TEXT: Final = 1024


@final
class Asked:
    """The query of one request.

    Args:
        request: The request.
        known: The parameters that it may have.

    Raises:
        ApiProblem: If it has another one.
    """

    def __init__(self, request: Request, *known: str) -> None:
        self._query = request.query_params
        unknown = sorted(set(self._query) - set(known))
        if unknown:
            raise bad_request(f"there is no parameter {unknown[0]!r} here; there are: {', '.join(known) or 'none'}")

    def text(self, name: str) -> str | None:
        """Return a text; ``None`` if it is not given, or empty."""
        given = self._query.getlist(name)
        if len(given) > 1:
            raise bad_request(f"{name} is given {len(given)} times")
        if given and len(given[0]) > _MAX_TEXT:
            raise bad_request(f"{name} has more than {_MAX_TEXT} characters")
        if given and "\0" in given[0]:
            raise bad_request(f"{name} has a NUL character")
        return given[0] if given and given[0] else None

    def texts(self, name: str, choices: Collection[str]) -> list[str] | None:
        """Return some of *choices*, given as a parameter each; ``None`` if none is given."""
        given = list(dict.fromkeys(self._query.getlist(name)))
        for one in given:
            if one not in choices:
                raise bad_request(f"{name} is one of {', '.join(choices)}, not {one!r}")
        return given or None

    def choice(self, name: str, choices: Collection[str]) -> str | None:
        """Return one of *choices*; ``None`` if it is not given."""
        found = self.texts(name, choices)
        if found is not None and len(found) > 1:
            raise bad_request(f"{name} is given {len(found)} times")
        return found[0] if found else None

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number within bounds."""
        given = self.text(name)
        if given is None:
            return default
        if not (given.isascii() and given.isdigit() and len(given) < _MAX_DIGITS and least <= int(given) <= most):
            raise bad_request(f"{name} is a whole number from {least} to {most}, not {given!r}")
        return int(given)

    def moment(self, name: str) -> float | None:
        """Return a time in seconds since the epoch; ``None`` if it is not given."""
        given = self.text(name)
        if given is None:
            return None
        try:
            seconds = float(given)
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds <= _LAST_MOMENT:  # not so of what is not a number, either
            raise bad_request(f"{name} is a time in seconds since the epoch, not {given!r}")
        return seconds

    def truth(self, name: str) -> bool:
        """Return ``true`` or ``false``; the latter if it is not given."""
        given = self.text(name) or "false"
        if given not in _TRUTHS:
            raise bad_request(f"{name} is true or false, not {given!r}")
        return _TRUTHS[given]


_MAX_DIGITS: Final = 18
_LAST_MOMENT: Final = 253_402_300_799  # the end of the year 9999


async def data_of(request: Request) -> Any:
    """Return the JSON data that a request brings.

    Raises:
        ApiProblem: If it is no JSON, or too much of it.
    """
    body = await _body_of(request)
    if depth_of(body) > MAX_DEPTH:
        raise bad_request(f"the body is nested deeper than {MAX_DEPTH} levels")
    try:
        return parse(body)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"the body is no JSON: {error}") from error


async def _body_of(request: Request) -> bytes:
    too_much = ApiProblem(413, "too_large", f"the body has more than {MAX_BODY:,} bytes")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length[:_MAX_DIGITS]) > MAX_BODY:
        raise too_much
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise too_much
    return bytes(body)
