"""DevTools with a server of their own: beside a script, or as the whole program."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, Self, Unpack, final

import uvicorn

from cnstra.devtools.app import DevTools, Options, make
from cnstra.inspection.serving import SERVER_OPTIONS, listen, require_token, told_to_stop
from cnstra.inspection.sources import Source, Subject

__all__ = ["DEFAULT_PORT", "Address", "run", "serve"]

DEFAULT_PORT: Final = 8181
_JOIN: Final = 10.0


@final
class Address(str):
    """Where DevTools are served, such as ``http://127.0.0.1:8181``.

    Attributes:
        token: What opens the door.
    """

    __slots__ = ("_tools",)
    _tools: DevTools

    @classmethod
    def of(cls, tools: DevTools, host: str, port: int) -> Self:
        """Return the address of *tools* on a port of a host."""
        name = f"[{host}]" if ":" in host else host
        made = cls(f"http://{name}:{port}")
        made._tools = tools
        return made

    @property
    def token(self) -> str:
        """What opens the door: ``Authorization: Bearer <token>``."""
        return self._tools.keys.token

    def login_link(self) -> str:
        """Return a new link that signs a browser in once, within an hour."""
        return f"{self}{self._tools.login_path()}"


@contextmanager
def serve(
    source: Source, *, host: str = "127.0.0.1", port: int = 0, quiet: bool = False, **options: Unpack[Options]
) -> Iterator[Address]:
    """Serve DevTools from a thread of their own for as long as the context is open.

    ```python
    async with DurableRunner(cns, registry, store="sqlite:///runs.db") as runner:
        with devtools.serve(runner) as url:
            print(url.login_link())
            await runner.wait_until_idle()
    ```

    Args:
        source: A runner or a store, which belong to the event loop that runs where this is called; or the URL or path
            of a store, for a connection of its own.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        quiet: Whether to leave out the line with a login link on standard error.
        options: Those of `devtools`.

    Yields:
        The address, as text.

    Raises:
        GraphError: If the host is not of the loopback interface, and no token is given.
        OSError: If the port is taken.
    """
    tools, listening, address = _prepared(source, host, port, options)
    server = _Server(uvicorn.Config(tools, **SERVER_OPTIONS), tools)
    thread = threading.Thread(target=server.run, args=([listening],), name="cnstra devtools", daemon=True)
    thread.start()
    try:
        server.wait_until_started(thread)
        if not quiet:
            _announce(address)
        yield address
    finally:
        server.leave()
        thread.join(_JOIN)


def run(source: Source, *, host: str = "127.0.0.1", port: int = DEFAULT_PORT, **options: Unpack[Options]) -> None:
    """Serve DevTools until the process is told to stop by SIGINT or SIGTERM; print a login link on standard error.

    Args:
        source: The URL or path of a store, or one that was made but is not open.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        options: Those of `devtools`.

    Raises:
        GraphError: If the host is not of the loopback interface, and no token is given.
        OSError: If the port is taken.
    """
    tools, listening, address = _prepared(source, host, port, options)
    _announce(address)
    with told_to_stop(), suppress(KeyboardInterrupt):  # the server has stopped in good order by then
        _Server(uvicorn.Config(tools, **SERVER_OPTIONS), tools).run([listening])


@final
class _Server(uvicorn.Server):
    """Ends the streams as soon as it is told to stop: it waits for its connections before it tells the application."""

    def __init__(self, config: uvicorn.Config, tools: DevTools) -> None:
        super().__init__(config)
        self._tools = tools
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.leave()
        super().handle_exit(sig, frame)

    def leave(self) -> None:
        """Stop, from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it has stopped
                self._loop.call_soon_threadsafe(self._tools.end_streams)

    def wait_until_started(self, thread: threading.Thread) -> None:
        """Return when it takes requests.

        Raises:
            RuntimeError: If it has ended instead; its log says why.
        """
        while not self.started:
            if not thread.is_alive():
                raise RuntimeError("the server of the DevTools did not start; its log says why")
            time.sleep(0.005)


def _prepared(source: Source, host: str, port: int, options: Options) -> tuple[DevTools, socket.socket, Address]:
    require_token(host, options.get("token"))
    subject = Subject(source, options.get("cns"), options.get("registry"), options.get("scope"))
    reader, servant = subject.reader_for_a_thread(), subject.servant_for_a_thread()
    tools = make(subject, reader, servant, {**options, "hosts": (*options.get("hosts", ()), host)})
    listening = listen(host, port)
    return tools, listening, Address.of(tools, host, listening.getsockname()[1])


def _announce(address: Address) -> None:
    sys.stderr.write(f"DevTools: {address.login_link()} (good once, within an hour)\n")
    sys.stderr.flush()
