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
    PolledSource,
    Retry,
    StimulationJob,
    stimulation_job,
)

FOLDER = Path("spool")


@final
class Spool:
    """The jobs of a folder, each a file whose name is the id of the job; it waits until its modification time.

    Dead letters go to the folder ``dead`` in it, which must be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, job: StimulationJob, job_id: str) -> None:
        """Add a job; one of this id that is there already stays as it is."""
        draft = self._folder / f"{job_id}.{os.getpid()}"
        draft.write_text(job.to_json(), encoding="utf-8")
        with suppress(FileExistsError):
            os.link(draft, self._folder / f"{job_id}.job")
        draft.unlink()

    def source(self, handler: JobHandler) -> PolledSource:
        """Return the jobs as a source for a worker."""
        return PolledSource(handler, self.take, self.answer, idle=0.05)

    async def take(self) -> Delivery | None:
        """Return a job that is due, and that nobody else has."""
        for path in sorted(self._folder.glob("*.job")):
            file = _locked(path)
            if file is not None:
                return Delivery(path.stem, file.read(), message=file)
        return None

    async def answer(self, delivery: Delivery, outcome: Outcome) -> None:
        """Remove what is done, put off what is not, and let go of the lock."""
        path = self._folder / f"{delivery.job_id}.job"
        with delivery.message:
            match outcome:
                case Done():
                    path.unlink()
                case Retry(after=seconds):
                    os.utime(path, (time.time() + seconds,) * 2)
                case Dead(reason=reason):
                    path.rename(self._folder / "dead" / path.name).with_suffix(".txt").write_text(reason)


def _locked(path: Path) -> BinaryIO | None:
    """Return the open file of a job that is due, if nobody else has it."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None  # another worker is done with it
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        now_there = path.stat()
        if now_there.st_ino == os.fstat(file.fileno()).st_ino and now_there.st_mtime <= time.time():
            return file
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
    await asyncio.sleep(2.0)
    return axon.ready.create_signal(drink)


@waiter.dendrite(KitchenAxon.ready)
async def serve_drink(drink: Drink) -> None:
    """Take a while, too."""
    print("serving", drink.name, flush=True)
    await asyncio.sleep(1.0)


registry = CNSPersistOptionsRegistry().register("kitchen", kitchen).register("waiter", waiter)
registry.register_collateral("ordered", ordered)


spool = Spool(FOLDER)
runner = DurableRunner(CNS([kitchen, waiter]), registry, FOLDER / "runs.db")
handler = JobHandler(runner)
worker = BrokerWorker(spool.source(handler), handler, runner)


def main(command: str = "", *names: str) -> None:
    """Add jobs, or work on them."""
    (FOLDER / "dead").mkdir(parents=True, exist_ok=True)
    for name in names:
        spool.put(stimulation_job(registry, ordered.create_signal(Drink(name))), f"{time.time_ns()}-{name}")
    if command == "work":
        asyncio.run(worker.serve())


if __name__ == "__main__":
    main(*sys.argv[1:])
