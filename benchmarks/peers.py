"""The peers: other libraries that store each step, every one of them in a process and an environment of its own.

The environment is made by ``make bench`` from `requirements/bench.txt`; where it is not there, neither are the peers.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import IO, Any, final
from urllib.parse import urlsplit

import psycopg
from measuring import HERE

__all__ = ["Peer", "running_peers"]

_LIBRARIES = (
    ("DBOS", "dbos", ("SQLite", "Postgres")),
    ("LangGraph", "langgraph", ("SQLite", "Postgres")),
    ("Absurd", "absurd", ("Postgres",)),
)
"""Name, script, and the stores that it runs on."""

_PATIENCE = 30.0


@final
class Peer:
    """One library on one store, in a process that is started when it is first asked.

    Args:
        name: Of the library.
        backend: The store that it runs on.
        start: Starts the process.
        log: Where its errors go.
    """

    def __init__(self, name: str, backend: str, start: Callable[[], subprocess.Popen[str]], log: Path) -> None:
        self.name = name
        self.backend = backend
        self._start = start
        self._log = log
        self._told = ""
        self._variants: dict[int, str] = {}

    @cached_property
    def _process(self) -> subprocess.Popen[str]:
        return self._start()

    def rate(self, runs: int, hops: int) -> float:
        """Return the steps a second of *runs* chains of *hops* steps at once.

        Raises:
            RuntimeError: If the process has ended; the message has what it said last.
        """
        to, back = _pipes(self._process)
        with suppress(BrokenPipeError):
            print(json.dumps({"runs": runs, "hops": hops}), file=to, flush=True)
        line = back.readline()
        if not line:
            raise RuntimeError(f"{self} has ended:\n{self._log.read_text(errors='replace')[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        self._told = answer["version"]
        self._variants[runs] = answer["variant"]
        rate: float = answer["rate"]
        return rate

    @property
    def was_asked(self) -> bool:
        """Whether there was a reading."""
        return bool(self._variants)

    def describe(self) -> str:
        """Tell its version, and which of its ways was the fastest for how many runs, as far as it was asked."""
        ways = ", ".join(f"{runs} by {way}" for runs, way in self._variants.items())
        return f"{self.name} {self._told} on {self.backend}: {ways}"

    def __str__(self) -> str:
        return f"{self.name} on {self.backend}"


@contextmanager
def running_peers(environment: Path, folder: Path, postgres: str) -> Iterator[list[Peer]]:
    """Yield the peers, each on a database of its own; their processes are ended at the end.

    Args:
        environment: Where they are installed; if there is none, there are no peers.
        folder: For files.
        postgres: The server.
    """
    python = (environment / "bin" / "python").absolute()
    with ExitStack() as stack:

        def start(script: str, backend: str, log: Path) -> subprocess.Popen[str]:
            url = f"sqlite:///{(folder / script).absolute()}.db"
            if backend == "Postgres":
                url = stack.enter_context(_database(postgres, f"bench_{script}"))
            return stack.enter_context(_process([str(python), str(HERE / f"peer_{script}.py"), url], log))

        peers = []
        for name, script, backends in _LIBRARIES if (environment / ".synced").exists() else ():
            for backend in backends:
                log = folder / f"{script}-{backend}.log"
                peers.append(Peer(name, backend, partial(start, script, backend, log), log))
        yield peers


@contextmanager
def _process(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[str]]:
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        yield process
    finally:
        for pipe in _pipes(process):
            with suppress(BrokenPipeError):
                pipe.close()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a process without pipes")
    return process.stdin, process.stdout


@contextmanager
def _database(server: str, name: str) -> Iterator[str]:
    """Make a database on *server*, and drop it at the end; yield its address."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield urlsplit(server)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
