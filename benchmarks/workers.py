"""How many jobs a second our workers do, beside the same broker's bare worker doing the same calls, in the same run.

```
python benchmarks/workers.py                      # a quarter of an hour
python benchmarks/workers.py --quick --check      # some minutes; exit status 1 if a limit is missed
python benchmarks/workers.py --only BullMQ        # only the workloads with that in their name
```

It needs the clients and the servers of the brokers, as their tests do; what is not there is left out. `README.md`
beside it says what each workload is.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Final, cast, final

import backends
import pytest
from measuring import Limit, Pair, Row, Table, compare, parse, row_of, scratch, show_machine
from worker_broker import Broker
from worker_jobs import jobs

ROUNDS: Final = 7
JOBS: Final = 2_000
QUICK_JOBS: Final = 600
BROKERS: Final = ("bullmq", "procrastinate", "celery", "celery_by_hand", "celery_threads", "rabbitmq", "nats")
FLOORS: Final = {"celery_by_hand"}
"""They have nothing of ours, and no limit: they show what is left to be gained."""
BARE: Final = "bare"
NO_STORE: Final = "no store"
LIMITS: Final[Mapping[str, Limit]] = {NO_STORE: Limit(1.5), "SQLite": Limit(3), "Postgres": Limit(3)}
PATIENCE: Final = 120.0

_numbers = itertools.count()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit status."""
    options = parse(__doc__, arguments, ROUNDS)
    show_machine()
    number = QUICK_JOBS if options.quick else JOBS
    with scratch(options.directory) as name, backends.postgres_server() as postgres:
        folder = Path(name)
        stores = {NO_STORE: None, "SQLite": backends.Sqlite(folder), "Postgres": postgres}
        table = Table("Jobs of one hop, seconds for 1,000; yardstick: the broker's own worker", only=options.only)
        for broker in BROKERS:
            _add(table, broker, stores, partial(Crew, folder=folder, number=number), options)
    return table.status(check=options.check)


def _add(
    table: Table,
    module: str,
    stores: Mapping[str, backends.Backend | None],
    hire: Callable[[str, Broker, str], Crew],
    options: argparse.Namespace,
) -> None:
    try:
        broker = cast("Broker", importlib.import_module(f"broker_{module}"))
    except ImportError as error:
        print(f"{module} is left out: {error}")
        return
    rows = {f"{broker.NAME}, {store}": store for store in stores}
    if not any(options.only in row for row in rows):
        return
    with ExitStack() as stack:
        try:
            url = stack.enter_context(broker.server())
        except (pytest.skip.Exception, pytest.fail.Exception) as error:
            print(f"{broker.NAME} is left out: {error}")
            return
        for row, store in rows.items():
            backend = stores[store]
            if backend is not None or store == NO_STORE:
                crew = hire(module, broker, url)
                limit = None if module in FLOORS else LIMITS[store]
                measure = partial(_measure, crew=crew, backend=backend, rounds=options.rounds, limit=limit)
                table.add(row, measure)


def _measure(workload: str, crew: Crew, backend: backends.Backend | None, rounds: int, limit: Limit | None) -> Row:
    pair: Pair = compare(crew.bare, partial(crew.ours, backend), rounds)
    return row_of(workload, pair, "s", limit)


@final
class Crew:
    """Worker processes on one broker, one after the other.

    Args:
        module: Of the broker.
        broker: It.
        url: Where its server is.
        folder: For files that come and go.
        number: How many jobs there are in a reading.
    """

    def __init__(self, module: str, broker: Broker, url: str, *, folder: Path, number: int) -> None:
        self._module = module
        self._broker = broker
        self._url = url
        self._folder = folder
        self._number = number

    def bare(self) -> float:
        """Return how long the broker's own worker takes for 1,000 jobs, in seconds."""
        return self._time(BARE)

    def ours(self, backend: backends.Backend | None) -> float:
        """Return how long our worker takes for 1,000 jobs, in seconds."""
        place: AbstractContextManager[str] = nullcontext("") if backend is None else backend.place()
        with place as store:
            return self._time(store)

    async def _fill(self, queue: str) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._broker.fill(self._url, queue, jobs(self._number))

    def _time(self, store: str) -> float:
        queue = f"bench-{next(_numbers)}"
        asyncio.run(self._fill(queue))
        tally = (self._folder / queue).absolute()
        tally.touch()
        try:
            with _running([__file__, self._module, self._url, queue, store, str(tally)]) as process:
                began, counted = _wait_for(self._number // 10, tally, process)
                ended, over = _wait_for(self._number, tally, process)
        finally:
            tally.unlink()
        return (ended - began) / (over - counted) * 1000


@contextmanager
def _running(arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()


def _wait_for(number: int, tally: Path, process: subprocess.Popen[bytes]) -> tuple[float, int]:
    """Return when so many jobs were done, and how many it were then."""
    deadline = time.perf_counter() + PATIENCE
    while (done := tally.stat().st_size) < number:
        if process.poll() is not None or time.perf_counter() > deadline:
            raise RuntimeError(f"only {done} of {number} jobs were done")
        time.sleep(0.001)
    return time.perf_counter(), done


def work(module: str, url: str, queue: str, store: str, tally: str) -> None:
    """Be the worker that is measured."""
    broker = cast("Broker", importlib.import_module(f"broker_{module}"))
    if store == BARE:
        broker.work_bare(url, queue, Path(tally))
    else:
        broker.work(url, queue, store or None, Path(tally))


if __name__ == "__main__":
    if len(sys.argv) == 1 or sys.argv[1].startswith("-"):
        sys.exit(main())
    else:
        work(*sys.argv[1:])
