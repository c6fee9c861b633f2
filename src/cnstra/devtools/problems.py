"""What the API answers when it cannot do what it was asked: problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, final

__all__ = ["ApiProblem", "bad_request", "not_found"]

_TITLES: Final[Mapping[int, str]] = {
    400: "The request makes no sense",
    401: "Not signed in",
    403: "Not allowed",
    404: "There is no such thing",
    405: "Not possible here",
    413: "Too much",
    421: "This server does not go by that name",
    500: "DevTools have a fault",
    503: "The store cannot be read",
}


@final
class ApiProblem(Exception):
    """Ends a request with an error status and an explanation.

    Attributes:
        status: Of the response.
        code: For programs: it stays the same when the words change.
        detail: For people.
        headers: Beside those of every response.
    """

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, code, detail, headers)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})

    def as_data(self) -> Mapping[str, object]:
        """Return the body of the response."""
        title = _TITLES.get(self.status, "That did not work")
        return {"type": "about:blank", "title": title, "status": self.status, "code": self.code, "detail": self.detail}


def bad_request(detail: str, code: str = "bad_request") -> ApiProblem:
    """Return what answers a request that makes no sense."""
    return ApiProblem(400, code, detail)


def not_found(detail: str, code: str = "not_found") -> ApiProblem:
    """Return what answers a request for something that is not there."""
    return ApiProblem(404, code, detail)
