"""A small broker, to show what a worker needs of one: jobs are files in a folder, and a lock holds a delivery.

```
python examples/spool.py add tea coffee      # two orders
python examples/spool.py work                # Ctrl-C, SIGTERM or kill -9 at any time; start several; start again
```

The folder delivers at least once: the kernel drops the lock of a worker that died, so another one gets the job at once.
What was done of it stands in ``spool/runs.db``, and is not done again.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, final

from cnstra import CNS, Axon, CNSPersistOptionsRegistry, DurableRunner, Signal, collateral, neuron
from cnstra.workers import (
    BrokerWorker,
    Dead,
    Delivery,
    Done,
    JobHandler,
    Outcome,
    Retry,
    StimulationJob,
    stimulation_job,
)

FOLDER = Path("spool")


@final
class Spool:
    """The jobs of a folder, each a file whose name is the id of the job, as a source for a worker.

    A job waits until the modification time of its file. Dead letters go to the folder ``dead``.
    """

    def __init__(self, folder: Path, handler: JobHandler, *, at_once: int = 10) -> None:
        self._folder = folder
        self._handler = handler
        self._room = asyncio.Semaphore(at_once)
        self._stopped = asyncio.Event()
        self._in_hand: set[asyncio.Task[None]] = set()

    def put(self, job: StimulationJob, job_id: str) -> None:
        """Add a job; one of this id that is there already stays as it is."""
        draft = self._folder / f"{job_id}.{os.getpid()}"
        draft.write_text(job.to_json(), encoding="utf-8")
        with suppress(FileExistsError):
            os.link(draft, self._folder / f"{job_id}.job")
        draft.unlink()

    async def run(self) -> None:
        """Take jobs until `stop` is called."""
        while not self._stopped.is_set():
            for path in self._due():
                await self._room.acquire()
                task = asyncio.create_task(self._work(path))
                self._in_hand.add(task)
                task.add_done_callback(self._drop)
            try:
                await asyncio.wait_for(self._stopped.wait(), 0.05)
            except TimeoutError:
                continue

    async def stop(self) -> None:
        """Take no more jobs."""
        self._stopped.set()

    async def close(self) -> None:
        """Wait for those in hand."""
        while self._in_hand:
            await asyncio.wait(self._in_hand)

    def _due(self) -> list[Path]:
        now = time.time()
        return [path for path in sorted(self._folder.glob("*.job")) if _modified(path) <= now]

    def _drop(self, task: asyncio.Task[None]) -> None:
        self._in_hand.discard(task)
        self._room.release()

    async def _work(self, path: Path) -> None:
        file = None if self._stopped.is_set() else _locked(path)
        if file is not None:
            with file:
                _answer(path, await self._handler.handle(Delivery(path.stem, file.read())))


def _answer(path: Path, outcome: Outcome) -> None:
    match outcome:
        case Done():
            path.unlink()
        case Retry(after=seconds):
            os.utime(path, (time.time() + seconds,) * 2)
        case Dead(reason=reason):
            path.rename(path.parent / "dead" / path.name).with_suffix(".txt").write_text(reason)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")  # another worker is done with it


def _locked(path: Path) -> BinaryIO | None:
    """Return the open file of a job that nobody else has now."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(file.fileno()).st_ino and path.stat().st_mtime <= time.time():
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    file.close()
    return None


# ---- a graph, and a worker for it ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Drink:
    """What somebody has ordered."""

    name: str


class KitchenAxon(Axon):
    """What a kitchen tells."""

    ready = collateral(Drink)


ordered = collateral(Drink)
kitchen = neuron(KitchenAxon)
waiter = neuron({})


@kitchen.dendrite(ordered)
async def brew(drink: Drink, axon: KitchenAxon) -> Signal[Drink]:
    """Take a while."""
    print("brewing", drink.name, flush=True)
    await asyncio.sleep(3.0)
    return axon.ready.create_signal(drink)


@waiter.dendrite(KitchenAxon.ready)
async def serve_drink(drink: Drink) -> None:
    """Take a while, too."""
    print("serving", drink.name, flush=True)
    await asyncio.sleep(1.0)


registry = CNSPersistOptionsRegistry().register("kitchen", kitchen).register("waiter", waiter)
registry.register_collateral("ordered", ordered)


def make_worker(folder: Path) -> tuple[BrokerWorker, Spool]:
    """Return a worker on the jobs of a folder."""
    (folder / "dead").mkdir(parents=True, exist_ok=True)
    runner = DurableRunner(CNS([kitchen, waiter]), registry, folder / "runs.db", max_active_runs=0)
    handler = JobHandler(runner)
    spool = Spool(folder, handler)
    return BrokerWorker(spool, handler, runner), spool


def main(command: str = "", *names: str) -> None:
    """Add jobs, or work on them."""
    worker, spool = make_worker(FOLDER)
    for name in names:
        job = stimulation_job(registry, ordered.create_signal(Drink(name)))
        spool.put(job, f"{time.time_ns()}-{name}")
    if command == "work":
        asyncio.run(worker.serve())


if __name__ == "__main__":
    main(*sys.argv[1:])
