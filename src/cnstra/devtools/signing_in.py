"""Signing in with the token or a link, and signing out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cnstra.devtools.guard import cookie_name
from cnstra.devtools.pages import login_page, welcome_page
from cnstra.devtools.problems import ApiProblem
from cnstra.inspection.keys import Keys

__all__ = ["SignInRoutes", "onward_path"]

_LARGEST: Final = 8_192
_PATH: Final = re.compile(r"/(?![/\\])[\x21-\x7e]*")
"""A path of this server: a second slash, or a backslash, which browsers take for one, would begin another's name."""
_WRONG: Final = ApiProblem(401, "not_signed_in", "this token, or link, is not good")


@final
@dataclass(frozen=True, slots=True)
class SignInRoutes:
    """Gives sessions to browsers.

    Attributes:
        keys: Who may look.
    """

    keys: Keys

    def routes(self) -> list[Route]:
        """Return the routes, from the root of the DevTools."""
        return [
            Route("/login", self.show_form, methods=["GET"]),
            Route("/login", self.take_token, methods=["POST"]),
            Route("/api/v1/session", self.sign_out, methods=["DELETE"]),
        ]

    async def show_form(self, request: Request) -> Response:
        """Show the form, or take the code of a login link."""
        code = request.query_params.get("code")
        if code is None:
            return login_page()
        if request.method == "HEAD" or "prefetch" in request.headers.get("sec-purpose", ""):
            return Response(status_code=204)  # whoever only looks ahead must not use the link up
        if not self.keys.redeem(code):
            alert = "This login link was used before, or is too old. Ask for a new one, or give the token."
            return login_page(_WRONG, root=_root(request), alert=alert)  # without the link, which is no good
        return self._signed_in(request, welcome_page(_root(request) + onward_path(request.query_params.get("next"))))

    async def take_token(self, request: Request) -> Response:
        """Take the token of the form."""
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _LARGEST:
                raise ApiProblem(413, "too_large", "that is no token")
        given = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0]
        if not self.keys.is_token(given.strip()):
            return login_page(_WRONG, alert="That is not the token.")
        onward = _root(request) + onward_path(request.query_params.get("next"))
        if "next" not in request.query_params:
            return self._signed_in(request, welcome_page(onward))
        # The form is of this site, so the new cookie is sent along; and the browser keeps what is behind the `#`.
        return self._signed_in(request, RedirectResponse(onward, status_code=303))

    async def sign_out(self, request: Request) -> Response:
        """End the session of a browser."""
        name = cookie_name(request.scope)
        self.keys.end_session(request.cookies.get(name, ""))
        answer = Response(status_code=204)
        answer.delete_cookie(name, path=_path(request), httponly=True, samesite="strict")
        return answer

    def _signed_in(self, request: Request, answer: Response) -> Response:
        session, seconds = self.keys.new_session()
        answer.set_cookie(
            cookie_name(request.scope),
            session,
            max_age=seconds,
            path=_path(request),
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer


def onward_path(wanted: str | None) -> str:
    """Return where to go after signing in, below where the DevTools are mounted: *wanted*, if that is such a place."""
    return wanted if wanted is not None and _PATH.fullmatch(wanted) else "/"


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", ""))


def _path(request: Request) -> str:
    return f"{_root(request)}/"
