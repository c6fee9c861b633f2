"""A network that can be taken apart: everything goes through it until a test says otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import final
from urllib.parse import urlsplit

__all__ = ["Proxy", "proxy_to"]

_CHUNK = 1 << 16


@asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[Proxy]:
    """Start a proxy in front of the server of *url*, in this event loop."""
    proxy = Proxy(url)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await server.wait_closed()
        await proxy.wait_idle()


@final
class Proxy:
    """Passes bytes on between clients and one server.

    Attributes:
        port: Where it listens on the loopback interface.
        is_refusing: Whether new connections are closed at once.
        loses_requests: Whether what clients send is dropped.
        loses_answers: Whether what the server sends is dropped.
        fatal_request: Bytes that, once a client has sent them, make it lose all answers.
    """

    def __init__(self, url: str) -> None:
        self.port = 0
        self.is_refusing = False
        self.loses_requests = False
        self.loses_answers = False
        self.fatal_request: bytes | None = None
        self._url = urlsplit(url)
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The address of the server by way of this proxy."""
        user = self._url.netloc.rpartition("@")[0]
        return self._url._replace(netloc=f"{user}@127.0.0.1:{self.port}" if user else f"127.0.0.1:{self.port}").geturl()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._serving)

    def heal(self) -> None:
        """Lose and refuse nothing any more."""
        self.is_refusing = self.loses_requests = self.loses_answers = False
        self.fatal_request = None

    def cut(self) -> None:
        """Break all connections, on both sides."""
        for writer in self._open:
            writer.transport.abort()

    async def wait_idle(self) -> None:
        """Return when no connection is open."""
        if self._serving:
            await asyncio.wait(self._serving)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            if not self.is_refusing:
                await self._connect(reader, writer)
        finally:
            writer.transport.abort()
            self._serving.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            server_reader, server_writer = await asyncio.open_connection(self._url.hostname, self._url.port)
            both = {writer, server_writer}
            self._open |= both
            try:
                await asyncio.gather(
                    self._pass_on(reader, server_writer, is_request=True),
                    self._pass_on(server_reader, writer, is_request=False),
                )
            finally:
                self._open -= both
                server_writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_request: bool) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                if is_request and self.fatal_request is not None and self.fatal_request in chunk:
                    self.loses_answers = True
                if not (self.loses_requests if is_request else self.loses_answers):
                    writer.write(chunk)
                    await writer.drain()
        writer.transport.abort()
