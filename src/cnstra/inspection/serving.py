"""What the faces that are HTTP servers have in common: where they listen, and how they stop."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from cnstra.errors import GraphError
from cnstra.inspection.doors import is_loopback

__all__ = ["SERVER_OPTIONS", "listen", "require_token", "told_to_stop"]

SERVER_OPTIONS: Final[Mapping[str, Any]] = {
    "lifespan": "on",
    "ws": "none",
    "log_level": "warning",
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
    "timeout_graceful_shutdown": 1,  # seconds that a request gets to end; uvicorn waits for ever unless told
}
"""For ``uvicorn.Config``."""


def require_token(host: str, token: str | None) -> None:
    """Refuse to listen without a token where others come by.

    Raises:
        GraphError: If the host is not of the loopback interface, and no token is given.
    """
    if not is_loopback(host) and token is None:
        raise GraphError(f"{host} can be reached by others: give a token, and hosts=(...) with the names that they use")


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises:
        OSError: If the port is taken.
    """
    listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    # Connections inherit it; asyncio sees to it for its own sockets alone. Else an answer in two parts takes 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


@contextmanager
def told_to_stop() -> Iterator[None]:
    """Have SIGTERM do what SIGINT does: uvicorn raises both once more when it has stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
