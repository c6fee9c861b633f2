"""What DevTools cost a durable chain, and how long a page of 100,000 runs takes: on SQLite and Postgres.

```
python benchmarks/devtools.py                      # some minutes, most of them to store the runs
python benchmarks/devtools.py --quick --check      # 10,000 runs; exit status 1 if a limit is missed
```

Of a chain the figure is the time that it takes while DevTools are served from a thread of the same process, and the
yardstick the same chain without; and once more the CPU time of that process alone, since a browser takes a core for
itself. *A client* does as the page does, and draws nothing; *a browser* is a real one, with the runs in one tab and a
run in another, and is left out where there is no chromium.

Of a page of runs it is the time from a request to its whole answer, with client and server in one process, and the
yardstick is the same page of a store that has 50 runs.
"""

from __future__ import annotations

import asyncio
import gzip
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import httpx
from backends import Backend, Sqlite, postgres_server
from durable_runs import CHAIN, HOPS
from measuring import Limit, Reading, Row, Table, compare, parse, row_of, scratch, show_machine

from cnstra import DurableRunner
from cnstra.devtools import Address, serve
from cnstra.devtools.static_files import BUILT_PAGE
from cnstra.persist.ports import Store
from cnstra.stores import open_store
from cnstra.testing.building import COMPLETED, FAILED, new_run, run_to_its_end

ROUNDS = 15
SETTLING = 1.0
"""Seconds in which a browser comes to rest after its pages are there."""
LAPS = 5
WATCH, BROWSE = "watch", "browse"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking")
SCRIPTS = Limit(80, unit="KB")
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
    ("first page of ids that begin as few do", "/runs?id=run-77", LIMIT),
    ("first page of ids that begin as all do", "/runs?id=run-", LIMIT),
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
        backends = [backend for backend in (Sqlite(folder), postgres) if backend is not None]
        table = Table(f"{LAPS} chains of {HOPS} hops, with DevTools and without", only=options.only)
        for backend in backends:
            _measure_chains(table, backend, options.rounds)
        table.section("The page")
        table.add("JavaScript, gzipped", _scripts_row)
        table.section(f"A page of {runs:,} runs, and the same of {FEW}")
        for backend in backends:
            _measure_pages(table, backend, runs, options.rounds)
        return table.status(check=options.check)


# ---- what they cost --------------------------------------------------------------------------------------------------


def _measure_chains(table: Table, backend: Backend, rounds: int) -> None:
    with backend.place() as address, asyncio.Runner() as loop:
        runner = CHAIN.runner(address, handle_sigterm=False)
        loop.run(runner.open())
        for name, surroundings, limit in _watchers(address):
            for what, clock, bound in (("", perf_counter, limit), (", CPU of the process", process_time, None)):
                alone = partial(_chains_time, loop, runner, clock)
                beside = partial(_time_within, surroundings, alone)
                table.add(f"{backend.name}, {name}{what}", partial(_chains_row, alone, beside, rounds, bound))
        loop.run(runner.close())


def _watchers(address: str) -> Iterator[tuple[str, Callable[[], AbstractContextManager[object]], Limit]]:
    yield "nobody watches", partial(_served, address), Limit(1.1)
    yield "a client watches", partial(_watched, address, WATCH), Limit(1.5)
    if CHROMIUM is None or not (BUILT_PAGE / "index.html").is_file():
        print("there is no chromium, or the page is not built: no browser watches")
    else:
        yield "a browser watches", partial(_watched, address, BROWSE), Limit(1.5)


def _scripts_row(workload: str) -> Row:
    scripts = [path.read_bytes() for path in BUILT_PAGE.rglob("*.js")]
    size, plain = (sum(map(len, files)) / 1e3 for files in ([gzip.compress(one) for one in scripts], scripts))
    return Row(
        workload, f"{size:,.1f} KB", f"{plain:,.1f} KB", "", str(SCRIPTS), SCRIPTS.holds(size) if scripts else None
    )


def _chains_row(alone: Reading, beside: Reading, rounds: int, limit: Limit | None, workload: str) -> Row:
    return row_of(workload, compare(alone, beside, rounds), "ms", limit)


def _chains_time(loop: asyncio.Runner, runner: DurableRunner, clock: Callable[[], float]) -> float:
    start = clock()
    loop.run(_run_chains(runner))
    return (clock() - start) * 1e3


async def _run_chains(runner: DurableRunner) -> None:
    for _ in range(LAPS):
        await (await runner.stimulate(CHAIN.signal()))


def _time_within(surroundings: Callable[[], AbstractContextManager[object]], reading: Reading) -> float:
    with surroundings():
        return reading()


@contextmanager
def _served(address: str) -> Iterator[Address]:
    """Serve DevTools, which have been asked for something before, but by nobody any more."""
    with serve(address, quiet=True) as url:
        httpx.get(f"{url}/api/v1/runs", headers=_key(url), trust_env=False).raise_for_status()
        yield url


@contextmanager
def _watched(address: str, how: str) -> Iterator[None]:
    """Serve DevTools to somebody who reads events, in a process of their own."""
    with _served(address) as url:
        command = [sys.executable, __file__, how, url, url.token]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        assert process.stdin is not None  # noqa: S101 - as above
        process.stdout.readline()
        try:
            yield
        finally:
            process.stdin.close()  # which a browser's process waits for, to take the browser along
            if how == WATCH:
                process.kill()
            process.wait()
            process.stdout.close()


def watch(url: str, token: str) -> None:
    """Read events until the process is killed, and the list whenever there is one; say when the first is there."""
    headers = {"Authorization": f"Bearer {token}"}
    with (
        httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client,
        client.stream("GET", "/api/v1/events") as news,
    ):
        for line in news.iter_lines():
            if line == "event: hello":
                print("watching", flush=True)
            elif line == "event: run":
                client.get("/api/v1/runs")


def browse(url: str, token: str) -> None:
    """Have a real browser show the runs in one tab and the latest run in another; end with the standard input."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only this process has a browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context()
        context.request.post(f"{url}/login", form={"token": token})
        [latest] = context.request.get(f"{url}/api/v1/runs?limit=1").json()["runs"]
        for place, sign in (("runs", "[data-run]"), (f"runs/{latest['ref']}", "h1")):
            page = context.new_page()
            page.goto(f"{url}/#/{place}")
            page.locator(sign).first.wait_for()
        time.sleep(SETTLING)
        print("watching", flush=True)
        sys.stdin.read()
        browser.close()


def _key(url: Address) -> dict[str, str]:
    return {"Authorization": f"Bearer {url.token}"}


# ---- lists -----------------------------------------------------------------------------------------------------------


def _measure_pages(table: Table, backend: Backend, runs: int, rounds: int) -> None:
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
        with (
            serve(address, quiet=True) as url,
            httpx.Client(base_url=url, headers=_key(url), timeout=60, trust_env=False) as client,
        ):
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
    if sys.argv[1:2] == [WATCH]:
        watch(*sys.argv[2:])
    elif sys.argv[1:2] == [BROWSE]:
        browse(*sys.argv[2:])
    else:
        sys.exit(main())
