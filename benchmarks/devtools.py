"""How long a page of the DevTools' list takes when a store has 100,000 runs: over HTTP, on SQLite and Postgres.

```
python benchmarks/devtools.py                      # some minutes, most of them to store the runs
python benchmarks/devtools.py --quick --check      # 10,000 runs; exit status 1 if a limit is missed
```

A figure is the time from a request to its whole answer, with client and server in one process. The yardstick is the
same page of a store that has 50 runs.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import httpx
from backends import Backend, Sqlite, postgres_server
from measuring import Limit, Row, Table, compare, parse, scratch, show_machine

from cnstra.devtools import serve
from cnstra.persist.ports import Store
from cnstra.stores import open_store
from cnstra.testing.building import COMPLETED, FAILED, new_run, run_to_its_end

ROUNDS = 31
RUNS, QUICK_RUNS, FEW = 100_000, 10_000, 50
AT_ONCE = 500
ENDED_EVERY = 10
"""One run in so many has a history and an end; the others wait, since that is quickly stored."""
LIMIT = Limit(200, unit="ms")
PAGES: Sequence[tuple[str, str, Limit | None]] = (
    ("first page", "/runs", LIMIT),
    ("first page of 500", "/runs?limit=500", LIMIT),
    ("first page of failed runs", "/runs?status=failed", LIMIT),
    ("a page in the middle", "/runs?created_before={middle}", LIMIT),
    ("1,000 runs looked at for an id", "/runs?id=nowhere", None),
    ("a text in the error, of all runs", "/runs?error=boom", None),
    ("health", "/health", LIMIT),
)
"""Those without a limit have to look at many runs, or at all of them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit status."""
    options = parse(__doc__, arguments, ROUNDS)
    runs = QUICK_RUNS if options.quick else RUNS
    show_machine()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(scratch(options.directory)))
        postgres = stack.enter_context(postgres_server())
        table = Table(f"A page of {runs:,} runs, and the same of {FEW}", only=options.only)
        for backend in (Sqlite(folder), postgres):
            if backend is not None:
                _measure(table, backend, runs, options.rounds)
        return table.status(check=options.check)


def _measure(table: Table, backend: Backend, runs: int, rounds: int) -> None:
    with _visited(backend, FEW) as small, _visited(backend, runs) as large:
        for name, path, limit in PAGES:
            measure = partial(_row, small=small, large=large, path=path, rounds=rounds, limit=limit)
            table.add(f"{backend.name}, {name}", measure)


def _row(
    workload: str, *, small: httpx.Client, large: httpx.Client, path: str, rounds: int, limit: Limit | None
) -> Row:
    pair = compare(_reading(small, path), _reading(large, path), rounds)
    figure = median(pair.ours)
    return Row(
        workload,
        f"{figure:,.1f} ms",
        f"{median(pair.yardstick):,.1f} ms",
        f"{median(pair.ratios):,.1f}x ({min(pair.ratios):,.1f}-{max(pair.ratios):,.1f})",
        "" if limit is None else str(limit),
        None if limit is None else limit.holds(figure),
    )


class _Reading:
    """Asks for one page; returns the milliseconds until all of it is there."""

    def __init__(self, client: httpx.Client, path: str) -> None:
        self._client = client
        self._path = path

    def __call__(self) -> float:
        start = perf_counter()
        answer = self._client.get(f"/api/v1{self._path}")
        taken = perf_counter() - start
        answer.raise_for_status()
        return taken * 1e3


def _reading(client: httpx.Client, path: str) -> _Reading:
    health = client.get("/api/v1/health").json()
    return _Reading(client, path.format(middle=(health["oldest_open_at"] + health["now"]) / 2))


@contextmanager
def _visited(backend: Backend, runs: int) -> Iterator[httpx.Client]:
    """Yield a client of DevTools that look at a store with so many runs."""
    with backend.place() as address:
        asyncio.run(_fill(open_store(address), runs))
        with serve(address, quiet=True) as url:
            headers = {"Authorization": f"Bearer {url.token}"}
            with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
                yield client


async def _fill(store: Store, runs: int) -> None:
    await store.open()
    try:
        for start in range(0, runs, AT_ONCE):
            await asyncio.gather(*(_add(store, number) for number in range(start, min(start + AT_ONCE, runs))))
    finally:
        await store.close()


async def _add(store: Store, number: int) -> None:
    if number % ENDED_EVERY:
        await store.admit(new_run(f"run-{number}"), None)
    else:
        await run_to_its_end(store, f"run-{number}", ended=COMPLETED if number % (2 * ENDED_EVERY) else FAILED)


if __name__ == "__main__":
    sys.exit(main())
