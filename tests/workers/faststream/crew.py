"""Worker processes on one place for jobs."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cnstra.persist.records import AttemptRecord, RunRecord
from cnstra.stores import SqliteStore
from tests.workers.faststream.boards import Board, until

ROOT = Path(__file__).parents[3]
ACK_WAIT = 1.5
"""Seconds after which NATS delivers the job of a worker that is gone again."""
LEASE = 60.0
"""Seconds after which a run is taken from a worker that stands still; one that is gone is found out at once."""


class Crew:
    """Worker processes on one board; whoever is left is killed in the end."""

    def __init__(self, board: Board, folder: Path) -> None:
        self.board = board
        self._folder = folder
        self._path = folder / "runs.db"
        self._processes: list[Process] = []

    async def start(self, **options: Any) -> Process:
        given = {**self.board.options(), "store": f"sqlite:///{self._path}", "lease": LEASE, **options}
        command = ("-m", "tests.workers.faststream.working", str(self._folder), json.dumps(given))
        with (self._folder / f"errors-{len(self._processes)}").open("w") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *command, cwd=ROOT, stdin=DEVNULL, stdout=PIPE, stderr=errors
            )
        self._processes.append(process)
        return process

    def hold(self, what: str) -> None:
        (self._folder / "hold").write_text(what)

    @property
    def log(self) -> list[str]:
        log = self._folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def errors(self) -> str:
        return "".join(file.read_text() for file in sorted(self._folder.glob("errors-*")))

    @asynccontextmanager
    async def _store(self) -> AsyncIterator[SqliteStore]:
        store = SqliteStore(self._path)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    async def runs(self) -> Sequence[RunRecord]:
        if not self._path.exists():
            return []
        async with self._store() as store:
            return list(await store.list("", limit=10_000))

    async def attempts(self, job_id: str) -> Sequence[AttemptRecord]:
        async with self._store() as store:
            return await store.attempts("", job_id)

    async def statuses(self, job_id: str = "a") -> list[str]:
        """Return how the attempts of a job have ended."""
        return [one.status for one in await self.attempts(job_id)]

    async def completed(self) -> int:
        return sum(run.status == "completed" for run in await self.runs())

    async def until_completed(self, count: int = 1) -> None:
        """Wait until so many runs are complete."""

        async def are_completed() -> bool:
            await asyncio.sleep(0.05)  # a look at the store is not free
            return await self.completed() >= count

        await until(are_completed)

    async def stop(self, *processes: Process) -> list[int]:
        """Ask workers to stop, once they have begun; return the statuses with which they do."""
        for process in processes:
            errors = self._folder / f"errors-{self._processes.index(process)}"
            await until(lambda: "takes jobs" in errors.read_text())  # noqa: B023 - awaited here
            process.terminate()
        return [await process.wait() for process in processes]

    async def end(self) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.kill()
            await process.communicate()


@asynccontextmanager
async def crew_on(board: Board, folder: Path) -> AsyncIterator[Crew]:
    """Have workers on a board, none of which outlives the test."""
    crew = Crew(board, folder)
    try:
        yield crew
    finally:
        await crew.end()


async def reached(crew: Crew, process: Process) -> None:
    """Wait until a handler hangs."""
    assert process.stdout is not None
    assert await process.stdout.readline() == b"reached\n", crew.errors
