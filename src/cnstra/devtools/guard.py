"""What stands before every route: names, origins, keys; and the headers of every response."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cnstra.devtools.answering import problem_response
from cnstra.devtools.pages import login_page
from cnstra.devtools.problems import ApiProblem
from cnstra.inspection.keys import Keys

__all__ = ["CSRF_HEADER", "LOCAL_HOSTS", "Guard", "cookie_name", "route_path"]

CSRF_HEADER: Final = "X-CNStra-CSRF"
LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FOREIGN: Final = frozenset({"cross-site", "same-site"})
"""The latter is another port of the same host, whose pages may be anybody's."""
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
        self._hosts = LOCAL_HOSTS | {host.lower() for host in hosts}
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)

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
            self._require_place(connection.headers)
            self._require_key(connection)
        except ApiProblem as problem:
            wants_page = problem.code == "not_signed_in" and not route_path(scope).startswith("/api/")
            root = str(scope.get("root_path", ""))
            answer = login_page(problem, root=root) if wants_page else problem_response(problem)
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _require_place(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _without_port(hosts[0]) not in self._hosts:
            detail = "the Host header has a name that these DevTools do not go by; allow it with hosts=(...)"
            raise ApiProblem(421, "foreign_host", detail)
        for origin in headers.getlist("origin"):
            if not self._is_own(origin.lower(), hosts[0].lower()):
                raise ApiProblem(403, "foreign_origin", "pages of other origins may not ask here")
        if headers.get("sec-fetch-site") in _FOREIGN and headers.get("sec-fetch-mode") != "navigate":
            raise ApiProblem(403, "foreign_origin", "pages of other sites may not ask here")

    def _is_own(self, origin: str, host: str) -> bool:
        parts = urlsplit(origin)
        return origin in self._origins or (parts.scheme in {"http", "https"} and origin == f"{parts.scheme}://{host}")

    def _require_key(self, connection: HTTPConnection) -> None:
        if route_path(connection.scope) in _OPEN:
            return
        scheme, _, given = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._keys.is_token(given.strip()):
            return
        if not self._keys.is_session(connection.cookies.get(cookie_name(connection.scope), "")):
            challenge = {"WWW-Authenticate": 'Bearer realm="cnstra devtools"'}
            raise ApiProblem(401, "not_signed_in", "show the token, or open the login link", challenge)
        if connection.scope["method"] not in _SAFE and CSRF_HEADER not in connection.headers:
            raise ApiProblem(403, "no_csrf_header", f"a request that changes something has the header {CSRF_HEADER}")


def route_path(scope: Scope) -> str:
    """Return the path below where the DevTools are mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if path == root or path.startswith(f"{root}/") else path


def cookie_name(scope: Scope) -> str:
    """Return the name of the session's cookie: browsers keep the cookies of all ports of a host together."""
    server = scope.get("server")
    return f"cnstra_devtools_{server[1] if server and server[1] else 0}"


def _without_port(host: str) -> str:
    name, separator, port = host.lower().rpartition(":")
    return name if separator and port.isdigit() else host.lower()


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent
