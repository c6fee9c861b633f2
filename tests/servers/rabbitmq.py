"""A real RabbitMQ for the tests: that of CNSTRA_TEST_RABBITMQ_URL, or one started from Debian's binaries."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, final

from tests.servers.processes import directory, find_on_path, free_port, missing, start, stop, wait_until

__all__ = ["URL_VARIABLE", "RabbitServer", "find_rabbitmq", "rabbitmq_server", "some_rabbitmq"]

URL_VARIABLE: Final = "CNSTRA_TEST_RABBITMQ_URL"

_PACKAGED: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # what is on the PATH insists on an account of its own
_PROTOCOL: Final = b"AMQP\x00\x00\x09\x01"
_SETTINGS: Final = """\
loopback_users.guest = true
vm_memory_high_watermark.relative = 0.9
disk_free_limit.absolute = 1MB
log.file = false
log.console = true
log.console.level = warning
"""
# A test's machine has other things to do than to spin.
_FRUGAL: Final = "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"


def find_rabbitmq() -> Path | None:
    """Return the script that starts a server, if that and Erlang's registry of nodes are on this machine."""
    return _PACKAGED if _PACKAGED.exists() and find_on_path("epmd") else None


@contextmanager
def some_rabbitmq() -> Iterator[str]:
    """Give the address of a server that tests may share: that of the environment, or one that is started for it."""
    url = os.environ.get(URL_VARIABLE)
    if url is not None:
        yield url
        return
    with rabbitmq_server() as server:
        yield server.url


@contextmanager
def rabbitmq_server() -> Iterator[RabbitServer]:
    """Start a server of our own, and remove it with its data at the end."""
    script, registry = find_rabbitmq(), find_on_path("epmd")
    if script is None or registry is None:
        missing("RabbitMQ", hint=f"apt-get install --no-install-recommends rabbitmq-server, or set {URL_VARIABLE}")
    with directory("cnstra-rabbitmq-") as place:
        server = RabbitServer(place, script, registry)
        try:
            server.start()
            yield server
        finally:
            server.close()


@final
class RabbitServer:
    """One server with its data, on a port of the loopback interface that stays the same however often it is started.

    Erlang's registry of nodes (``epmd``) is a process of our own too: the one that a server starts by itself would be
    shared, and outlive everybody.

    Args:
        place: A directory of its own.
        script: What starts the server.
        registry: The program of the registry.

    Attributes:
        url: Where ``guest`` may connect; the virtual host is ``/``, spelled so that every client understands it.
    """

    def __init__(self, place: Path, script: Path, registry: Path) -> None:
        self.port = free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"
        self._script = script
        self._log = place / "server.log"
        self._registry_log = place / "registry.log"
        self._registry_port = free_port()
        self._environment = _environment(place, self.port, self._registry_port)
        (place / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\n{_SETTINGS}")
        (place / "plugins").write_text("[].\n")
        self._process: subprocess.Popen[bytes] | None = None
        self._registry = start(
            [registry, "-port", str(self._registry_port), "-address", "127.0.0.1"],
            log=self._registry_log,
            dying=signal.SIGKILL,
            env=self._environment,
        )

    def start(self) -> None:
        """Start it, unless it runs, and wait until it greets clients, with all its queues loaded."""
        if self._process is not None and self._process.poll() is None:
            return
        wait_until(self._is_registry_up, self._registry, self._registry_log)
        self._process = start([self._script], log=self._log, dying=signal.SIGKILL, env=self._environment)
        wait_until(self._greets, self._process, self._log)

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

    def pause(self) -> None:
        """Make it stand still: connections stay open, and nobody gets an answer."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused one go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Kill it and its registry for good."""
        self.kill()
        stop(self._registry, signal.SIGKILL, self._registry_log)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self.resume()
            stop(self._process, how, self._log)
            self._process = None

    def _is_registry_up(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._registry_port), 5):
            return True
        return False

    def _greets(self, patience: float = 5.0) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), patience) as client:
            client.sendall(_PROTOCOL)
            return client.recv(1) == b"\x01"
        return False


def _environment(place: Path, port: int, registry_port: int) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))}
    return inherited | {
        "HOME": str(place),  # where the cookie is made
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(registry_port),
        "RABBITMQ_CONF_ENV_FILE": str(place / "none"),  # not that of the machine
        "RABBITMQ_CONFIG_FILE": str(place / "rabbitmq.conf"),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(place / "plugins"),
        "RABBITMQ_LOG_BASE": str(place / "log"),
        "RABBITMQ_MNESIA_BASE": str(place / "data"),
        "RABBITMQ_NODENAME": f"cnstra-{port}@localhost",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_PID_FILE": str(place / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _FRUGAL,
        "RUNNING_UNDER_SYSTEMD": "true",  # then the script becomes the server, and leaves no shell in between
    }
