"""How fast durable runs are on SQLite, beside a loop that makes one comparable transaction a hop, in the same run.

```
python benchmarks/durable.py                     # some minutes
python benchmarks/durable.py --quick --check     # about a minute; exit status 1 if a limit is missed
python benchmarks/durable.py --directory /mnt    # on another disk
```

It needs nothing but cnstra. `README.md` beside it says what each workload is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import bare_sqlite
import durable_runs
from durable_runs import HOPS, PAYLOAD
from measuring import Limit, Reading, Row, Table, compare, parse, row_of, scratch, show_machine

ROUNDS = 15
TIMES = 3
"""Runs of one chain in a reading: 600 hops, some tenths of a second."""
BARE_HOPS = HOPS * TIMES
RUNS = 50
BYTES_LIMIT = Limit(1200, unit="bytes")

CHAINS: Sequence[tuple[str, int, dict[str, Any], Limit | None]] = (
    ("chain of 200, one run", 1, {}, Limit(0.5, at_least=True)),
    ("chain of 200, 50 runs at once", RUNS, {}, Limit(6, at_least=True)),
    ("one run, volume progress", 1, {"volume": "progress"}, None),
    ("one run, durability interval", 1, {"durability": "interval"}, None),
    ("one run, durability exit", 1, {"durability": "exit"}, None),
    ("50 runs, volume progress", RUNS, {"volume": "progress"}, None),
    ("50 runs, durability interval", RUNS, {"durability": "interval"}, None),
    ("50 runs, durability exit", RUNS, {"durability": "exit"}, None),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit status."""
    options = parse(__doc__, arguments, ROUNDS)
    show_machine()
    with scratch(options.directory) as name:
        folder = Path(name)
        seconds = bare_sqlite.sync_time(folder)
        print(f"appending a page to a file and syncing it takes {seconds * 1e6:,.0f} us (median)")
        table = Table("Durable, SQLite with synchronous=FULL; yardstick: one transaction a hop", only=options.only)
        _add_chains(table, folder, options.rounds)
        _add_others(table, folder, options.rounds, quick=options.quick)
    return table.status(check=options.check)


def _add_chains(table: Table, folder: Path, rounds: int) -> None:
    bare = _cleaning(folder, partial(bare_sqlite.hops_per_second, folder, BARE_HOPS, PAYLOAD))
    for workload, runs, chosen, limit in CHAINS:
        times = TIMES if runs == 1 else 1
        ours = _cleaning(folder, partial(durable_runs.hop_rate, folder, runs, times, **chosen))
        table.add(workload, partial(_rates, yardstick=bare, ours=ours, rounds=rounds, unit="/s", limit=limit))


def _add_others(table: Table, folder: Path, rounds: int, *, quick: bool) -> None:
    table.add("bytes on disk a hop, payload of 100 bytes", partial(_bytes, folder=folder))
    few, many = (
        _cleaning(folder, partial(durable_runs.hop_rate_beside, folder, outstanding)) for outstanding in (10, 1000)
    )
    table.add(
        "hops beside 1,000 outstanding, to beside 10",
        partial(_rates, yardstick=few, ours=many, rounds=rounds, unit="/s"),
    )
    runs = 40 if quick else 200
    short, long = (_cleaning(folder, partial(durable_runs.recovery_time, folder, runs, hops)) for hops in (10, 500))
    table.add(
        f"recovery of {runs} runs, after 500 hops to after 10",
        partial(_rates, yardstick=short, ours=long, rounds=min(rounds, 3), unit="ms/run"),
    )


def _cleaning(folder: Path, reading: Reading) -> Reading:
    """Return *reading*, leaving no file behind; what the system has still to write would hold up the next one."""

    def read() -> float:
        try:
            return reading()
        finally:
            for path in folder.iterdir():
                path.unlink()

    return read


def _rates(
    workload: str, *, yardstick: Reading, ours: Reading, rounds: int, unit: str, limit: Limit | None = None
) -> Row:
    return row_of(workload, compare(yardstick, ours, rounds), unit, limit)


def _bytes(workload: str, folder: Path) -> Row:
    ours = durable_runs.bytes_per_hop(folder, RUNS)
    bare = bare_sqlite.bytes_per_hop(folder, RUNS * HOPS, PAYLOAD)
    cells = (f"{ours:,.0f} bytes", f"{bare:,.0f} bytes", f"{ours / bare:.2f}x")
    return Row(workload, *cells, str(BYTES_LIMIT), BYTES_LIMIT.holds(ours))


if __name__ == "__main__":
    sys.exit(main())
