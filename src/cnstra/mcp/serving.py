"""Serving assistants: over the streams of a process, or over HTTP."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Unpack, final

import anyio
import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp, Receive, Scope, Send

from cnstra.durable import DurableRunner
from cnstra.inspection.doors import Door
from cnstra.inspection.encoding import json_bytes
from cnstra.inspection.keys import Keys
from cnstra.inspection.serving import SERVER_OPTIONS, listen, require_token, told_to_stop
from cnstra.mcp.server import Options, mcp_server
from cnstra.persist.ports import Store

__all__ = ["DEFAULT_PORT", "http_app", "run_http", "run_stdio"]

DEFAULT_PORT: Final = 8182
_PATH: Final = "/mcp"
_PART: Final = 64 * 1024
_CHALLENGE: Final = 'Bearer realm="cnstra mcp"'


def run_stdio(source: DurableRunner | Store | str | Path | None = None, **options: Unpack[Options]) -> None:
    """Serve one assistant over standard input and output, until it goes or the process is told to stop.

    Args:
        source: As for `mcp_server`.
        options: The same.

    Raises:
        GraphError: As `mcp_server` does.
        StoreError: The same.
    """
    server = mcp_server(source, **options)
    with _input_that_ends():
        anyio.run(server.run_stdio_async)


def run_http(
    source: DurableRunner | Store | str | Path | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    token: str | None = None,
    hosts: Collection[str] = (),
    **options: Unpack[Options],
) -> None:
    """Serve assistants over HTTP (streamable HTTP) until the process is told to stop by SIGINT or SIGTERM.

    Args:
        source: As for `mcp_server`.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        token: What opens the door; made, and printed on standard error, unless given.
        hosts: Names that the server goes by, besides those of the loopback interface.
        options: Those of `mcp_server`.

    Raises:
        GraphError: If the host is not of the loopback interface and no token is given; or as `mcp_server` does.
        StoreError: As `mcp_server` does.
        OSError: If the port is taken.
    """
    require_token(host, token)
    keys = Keys(token)
    app = http_app(mcp_server(source, **options), keys, hosts=(*hosts, host))
    listening = listen(host, port)
    _announce(host, listening.getsockname()[1], None if token is not None else keys.token)
    with told_to_stop(), suppress(KeyboardInterrupt):
        uvicorn.Server(uvicorn.Config(app, **SERVER_OPTIONS)).run([listening])


def http_app(
    server: MCPServer[None], keys: Keys, *, hosts: Collection[str] = (), origins: Collection[str] = ()
) -> ASGIApp:
    """Return an ASGI application that serves *server* at ``/mcp`` to whoever has the token.

    Args:
        server: What `mcp_server` has made; it can be served once.
        keys: Has the token.
        hosts: Names that the server goes by, besides those of the loopback interface.
        origins: Origins of pages that may ask.
    """
    ours = TransportSecuritySettings(enable_dns_rebinding_protection=False)  # the door does that
    inner = server.streamable_http_app(streamable_http_path=_PATH, transport_security=ours)
    return _Guarded(inner, Door(keys, hosts=hosts, origins=origins))


@final
class _Guarded:
    """Lets requests through that come from the right place with the token."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            refusal = self._door.refusal(scope["headers"])
            if refusal is not None:
                await _refuse(send, refusal.status, refusal.code, refusal.detail)
                return
            if not self._door.has_token(scope["headers"]):
                await _refuse(send, 401, "not_signed_in", "show the token: Authorization: Bearer <token>")
                return
        await self._app(scope, receive, send)


async def _refuse(send: Send, status: int, code: str, detail: str) -> None:
    body = json_bytes({"type": "about:blank", "status": status, "code": code, "detail": detail})
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    if status == 401:  # noqa: PLR2004 - HTTP's own
        headers.append((b"www-authenticate", _CHALLENGE.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def _input_that_ends() -> Iterator[None]:
    """Have SIGTERM and SIGINT end the standard input, as an assistant does that goes.

    The SDK reads it in a thread, which nothing else would bring back; here it reads from a socket, and what reads the
    real one may stay behind.
    """
    ours, theirs = socket.socketpair()
    threading.Thread(target=_copy_input, args=(ours,), name="cnstra mcp input", daemon=True).start()
    before = sys.stdin
    with ours, theirs, theirs.makefile("r", encoding="utf-8") as stream, _on_signals(lambda: _end(ours)):
        sys.stdin = stream
        try:
            yield
        finally:
            sys.stdin = before


def _copy_input(to: socket.socket) -> None:
    with suppress(OSError):  # it is not read any more
        while part := os.read(0, _PART):
            to.sendall(part)
    _end(to)


def _end(stream: socket.socket) -> None:
    with suppress(OSError):  # it has ended
        stream.shutdown(socket.SHUT_WR)


@contextmanager
def _on_signals(act: Callable[[], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, lambda *_: act()) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _announce(host: str, port: int, made: str | None) -> None:
    name = f"[{host}]" if ":" in host else host
    token = "" if made is None else f"; Authorization: Bearer {made}"
    sys.stderr.write(f"MCP: http://{name}:{port}{_PATH}{token}\n")
    sys.stderr.flush()
