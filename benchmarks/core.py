"""How fast the engine runs in memory, beside a bare way of doing the same in the same run.

```
python benchmarks/core.py                     # about a minute
python benchmarks/core.py --quick --check     # a few seconds; exit status 1 if a limit is missed
python benchmarks/core.py --only async        # only the workloads with that in their name
```

It needs nothing but cnstra. `README.md` beside it says what each workload is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from time import perf_counter

import in_memory
from measuring import Limit, Reading, Row, Table, compare, in_fresh_process, parse, row_of, scratch, show_machine

ROUNDS = 41
IMPORT_ROUNDS = 21

WORKLOADS: Sequence[tuple[str, Callable[[], tuple[Reading, Reading]], Limit | None]] = (
    ("chain of 1,000, handlers of 3 arguments", in_memory.chain_of_three_arguments, Limit(2.5)),
    ("chain of 1,000, handlers of 2 arguments", in_memory.chain_of_two_arguments, Limit(2.5)),
    ("one-hop runs", in_memory.one_hop, Limit(12)),
    ("chain of 1,000 async handlers", in_memory.async_chain, Limit(0.5)),
    ("chain with a listener, to one without", in_memory.observed_chain, Limit(3)),
    ("chain with a hop limit, to one without", in_memory.limited_chain, None),
    ("ring of two, 100,000 bounces", in_memory.ring, None),
    ("fan-out, 1 signal to 1,000 neurons", in_memory.fan_out, None),
    ("array of 1,000 signals to 1 neuron", in_memory.array, None),
    ("chain of 1,000 async handlers that suspend", in_memory.suspending_chain, None),
    ("1,000 concurrent async subscribers", in_memory.concurrent_subscribers, None),
)
IMPORT_LIMIT = Limit(60, unit="ms")
ALLOWED = {"msgspec"}
"""Third-party modules that ``import cnstra`` may load."""

_TELL_MODULES = "import sys; print(*{name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit status."""
    options = parse(__doc__, arguments, ROUNDS)
    show_machine()
    table = Table("In memory; garbage collector off while the clock runs", only=options.only)
    for workload, make, limit in WORKLOADS:
        table.add(workload, partial(_timing, make=make, limit=limit, rounds=options.rounds))
    table.add("ring of two, growth of peak memory", _growth)
    with scratch(options.directory) as cache:
        table.add("import cnstra, to a bare interpreter", partial(_import_time, cache=cache, quick=options.quick))
        table.add("import cnstra, third-party modules", partial(_third_party, cache=cache))
    return table.status(check=options.check)


def _timing(workload: str, make: Callable[[], tuple[Reading, Reading]], limit: Limit | None, rounds: int) -> Row:
    yardstick, ours = make()
    return row_of(workload, compare(yardstick, ours, rounds), "ns", limit)


def _growth(workload: str) -> Row:
    printed = in_fresh_process("import in_memory; print(in_memory.ring_growth())").strip()
    growth = "unknown here" if printed == "None" else f"{float(printed) / 1024:,.0f} KiB"
    return Row(workload, growth, "", "")


def _import_time(workload: str, cache: str, *, quick: bool) -> Row:
    pair = compare(
        partial(_start_time, "pass", cache), partial(_start_time, "import cnstra", cache), 7 if quick else IMPORT_ROUNDS
    )
    added = pair.differences
    figure = median(added)
    return Row(
        workload,
        f"{median(pair.ours):.1f} ms",
        f"{median(pair.yardstick):.1f} ms",
        f"+{figure:.1f} ms ({min(added):.0f}-{max(added):.0f})",
        str(IMPORT_LIMIT),
        IMPORT_LIMIT.holds(figure),
    )


def _start_time(code: str, cache: str) -> float:
    start = perf_counter()
    in_fresh_process(code, cache=cache)
    return (perf_counter() - start) * 1000


def _third_party(workload: str, cache: str) -> Row:
    bare = set(in_fresh_process(_TELL_MODULES, cache=cache).split())
    loaded = set(in_fresh_process(f"import cnstra; {_TELL_MODULES}", cache=cache).split()) - bare - {"cnstra"}
    return Row(workload, " ".join(sorted(loaded)) or "none", "", "", "only msgspec", loaded <= ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
