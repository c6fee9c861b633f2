"""Signing in with the token or a link, and signing out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cnstra.devtools.guard import cookie_name
from cnstra.devtools.pages import login_page, welcome_page
from cnstra.devtools.problems import ApiProblem
from cnstra.inspection.keys import Keys

__all__ = ["SignInRoutes"]

_LARGEST: Final = 8_192
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
        root = str(request.scope.get("root_path", ""))
        code = request.query_params.get("code")
        if code is None:
            return login_page(root=root)
        if request.method == "HEAD" or "prefetch" in request.headers.get("sec-purpose", ""):
            return Response(status_code=204)  # whoever only looks ahead must not use the link up
        if not self.keys.redeem(code):
            alert = "This login link was used before, or is too old. Ask for a new one, or give the token."
            return login_page(_WRONG, root=root, alert=alert)
        return self._welcome(request, root)

    async def take_token(self, request: Request) -> Response:
        """Take the token of the form."""
        root = str(request.scope.get("root_path", ""))
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _LARGEST:
                raise ApiProblem(413, "too_large", "that is no token")
        given = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0]
        if not self.keys.is_token(given.strip()):
            return login_page(_WRONG, root=root, alert="That is not the token.")
        return self._welcome(request, root)

    async def sign_out(self, request: Request) -> Response:
        """End the session of a browser."""
        name = cookie_name(request.scope)
        self.keys.end_session(request.cookies.get(name, ""))
        answer = Response(status_code=204)
        answer.delete_cookie(name, path=_path(request), httponly=True, samesite="strict")
        return answer

    def _welcome(self, request: Request, root: str) -> Response:
        session, seconds = self.keys.new_session()
        answer = welcome_page(root)
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


def _path(request: Request) -> str:
    return f"{request.scope.get('root_path', '')}/"
