"""Worker processes on a queue of BullMQ, for tests that torment them."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.workers.bullmq_board import Board

ROOT = Path(__file__).parents[2]
QUICK = {"lock_duration": 0.6, "stalled_interval": 0.2}


class Crew:
    """Worker processes on one queue; whoever is left is killed in the end."""

    def __init__(self, board: Board, folder: Path, store: str | None) -> None:
        self.board = board
        self.store = store
        self._folder = folder
        self._log = folder / "log"
        self._processes: list[Process] = []

    async def start(self, **options: Any) -> Process:
        given = {"url": self.board.url, "queue": self.board.queue, "store": self.store, **QUICK, **options}
        command = ("-m", "tests.workers.bullmq_working", str(self._folder), json.dumps(given))
        with (self._folder / "errors").open("a") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *command, cwd=ROOT, stdout=PIPE, stderr=errors
            )
        self._processes.append(process)
        return process

    def hold(self, what: str) -> None:
        (self._folder / "hold").write_text(what)

    @property
    def log(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

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
    if process.returncode is None:
        process.terminate()
    return await process.wait()


def starts_of(log: list[str]) -> Counter[tuple[str, str]]:
    """Return how often each neuron has started with each item."""
    return Counter((item, name) for item, name, _ in (entry.split() for entry in log))


@asynccontextmanager
async def crew_on(board: Board, folder: Path, store: str | None) -> AsyncIterator[Crew]:
    """Give a crew, and end it."""
    crew = Crew(board, folder, store)
    try:
        yield crew
    finally:
        await crew.end()
