"""Worker processes on one queue, and what their handlers have done."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

from tests.workers.procrastinate.board import Board

ROOT = Path(__file__).parents[3]
TIMEOUT = 0.8
"""Seconds after which a worker of these tests is dead."""


class Crew:
    """Worker processes on one queue; whoever is left is killed in the end."""

    def __init__(self, board: Board, folder: Path, store: str) -> None:
        self.board = board
        self._store = store
        self._folder = folder
        self._processes: list[Process] = []

    async def start(self, **options: Any) -> Process:
        given = {"url": self.board.url, "queue": self.board.name, "store": self._store, **options}
        given.setdefault("heartbeat_timeout", TIMEOUT)
        command = ("-m", "tests.workers.procrastinate.working", str(self._folder), json.dumps(given))
        with (self._folder / "errors").open("a") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *command, cwd=ROOT, stdout=PIPE, stderr=errors
            )
        self._processes.append(process)
        return process

    def hold(self, what: str) -> None:
        """Have a handler hang, such as ``1 n2``; nothing lets it go on."""
        (self._folder / "hold").write_text(what)

    @property
    def log(self) -> list[str]:
        """What was started: item, neuron, and number of the attempt."""
        log = self._folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def errors(self) -> str:
        return (self._folder / "errors").read_text()

    async def end(self) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def reached(process: Process) -> None:
    """Wait until a handler hangs."""
    assert process.stdout is not None
    assert await process.stdout.readline() == b"reached\n"


async def stop(process: Process) -> int:
    """Ask a worker to stop, and return the status with which it does."""
    process.terminate()
    return await process.wait()
