"""What stands before every route: names, origins, keys; and the headers of every response."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, final

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cnstra.devtools.answering import problem_response
from cnstra.devtools.pages import login_page, login_redirect
from cnstra.devtools.problems import ApiProblem
from cnstra.inspection.doors import Door
from cnstra.inspection.keys import Keys

__all__ = ["CSRF_HEADER", "Guard", "cookie_name", "route_path"]

CSRF_HEADER: Final = "X-CNStra-CSRF"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN: Final = frozenset({"/login"})
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",  # without any, browsers say that the form that takes the token comes from nowhere
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@final
class Guard:
    """Lets a request through if it comes from the right place with the right key.

    Args:
        app: Gets what is let through.
        keys: Who may look.
        hosts: Names that the server goes by, besides those of the loopback interface; without ports.
        origins: Origins of pages that may ask, besides the server's own.
    """

    def __init__(self, app: ASGIApp, *, keys: Keys, hosts: Collection[str] = (), origins: Collection[str] = ()) -> None:
        self._app = app
        self._keys = keys
        self._door = Door(keys, hosts=hosts, origins=origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        else:
            await self._answer(scope, receive, _with_headers(send))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        try:
            self._require_place(connection)
            self._require_key(connection)
        except ApiProblem as problem:
            await _refusal(connection, problem)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _require_place(self, connection: HTTPConnection) -> None:
        refusal = self._door.refusal(connection.scope["headers"])
        if refusal is None:
            return
        hint = "; allow it with hosts=(...)" if refusal.code == "foreign_host" else ""
        raise ApiProblem(refusal.status, refusal.code, f"{refusal.detail}{hint}")

    def _require_key(self, connection: HTTPConnection) -> None:
        if route_path(connection.scope) in _OPEN:
            return
        if self._door.has_token(connection.scope["headers"]):
            return
        if not self._keys.is_session(connection.cookies.get(cookie_name(connection.scope), "")):
            challenge = {"WWW-Authenticate": 'Bearer realm="cnstra devtools"'}
            raise ApiProblem(401, "not_signed_in", "show the token, or open the login link", challenge)
        if connection.scope["method"] not in _SAFE and CSRF_HEADER not in connection.headers:
            raise ApiProblem(403, "no_csrf_header", f"a request that changes something has the header {CSRF_HEADER}")


def _refusal(connection: HTTPConnection, problem: ApiProblem) -> Response:
    path, root = route_path(connection.scope), str(connection.scope.get("root_path", ""))
    if problem.code != "not_signed_in" or path.startswith("/api/"):
        return problem_response(problem)
    if connection.headers.get("sec-fetch-mode") == "navigate" and connection.scope["method"] == "GET":
        return login_redirect(root, path)
    return login_page(problem, root=root)


def route_path(scope: Scope) -> str:
    """Return the path below where the DevTools are mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if path == root or path.startswith(f"{root}/") else path


def cookie_name(scope: Scope) -> str:
    """Return the name of the session's cookie: browsers keep the cookies of all ports of a host together."""
    server = scope.get("server")
    return f"cnstra_devtools_{server[1] if server and server[1] else 0}"


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent
