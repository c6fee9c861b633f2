"""How fast durable runs are on each store: beside a bare loop, beside other libraries, and when there is more of it.

```
python benchmarks/stores.py                     # a quarter of an hour
python benchmarks/stores.py --quick --check     # some minutes; exit status 1 if a limit is missed
python benchmarks/stores.py --only "Redis, one run"
```

It needs the drivers and servers of the tests, and for the other libraries the environment that ``make bench`` makes.
`README.md` beside it says what each workload is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from typing import final

import bare_postgres
import bare_redis
import bare_sqlite
import heartbeats
import store_runs
from backends import Backend, Postgres, Redis, Sqlite, postgres_server, redis_server
from durable_runs import HOPS, PAYLOAD
from measuring import HERE, Limit, Pair, Reading, Row, Table, compare, parse, row_of, scratch, show_machine
from peers import Peer, running_peers

ROUNDS = 15
TIMES = 3
"""Runs of one chain in a reading."""
RUNS = 50
AT_ONCE: Sequence[tuple[str, int, int]] = (("one run", 1, TIMES), ("50 runs", RUNS, 1))
"""How a row says it, how many runs, and how often one after the other."""
BARE_HOPS = HOPS * TIMES
PEERS = HERE.parent / ".venv-bench"

HALF, FOUR, SIX = Limit(0.5, at_least=True), Limit(4, at_least=True), Limit(6, at_least=True)
AHEAD = Limit(3, at_least=True)
NO_SLOWER = Limit(0.8, at_least=True)
"""Of hops that have nothing more to do: less than 1, since some of the readings are of a tenth of a second."""
NO_LONGER = Limit(1.25)
ONE_WRITE = Limit(1, unit="writes")
FEW, MANY, VERY_MANY = 10, 1_000, 100_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit status."""
    options = parse(__doc__, arguments, ROUNDS)
    show_machine()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(scratch(options.directory)))
        postgres, redis = stack.enter_context(postgres_server()), stack.enter_context(redis_server())
        table = Table(f"Beside a bare loop: {_settings(folder, postgres, redis)}", only=options.only)
        if postgres is not None:
            _add_postgres(table, postgres, options.rounds)
        for one in redis:
            _add_redis(table, one, options.rounds)
        stores: list[Backend] = [Sqlite(folder), *([postgres] if postgres else []), *redis[:1]]
        if postgres is not None:
            others = stack.enter_context(running_peers(PEERS, folder, postgres.url))
            _add_peers(table, stores, others, options.rounds, quick=options.quick)
        _add_growth(table, stores, options.rounds, quick=options.quick)
        return table.status(check=options.check)


def _settings(folder: Path, postgres: Postgres | None, redis: Sequence[Redis]) -> str:
    sync = f"a page is appended and synced in {bare_sqlite.sync_time(folder) * 1e6:,.0f} us (median)"
    return "; ".join([*(one.setting() for one in (postgres, *redis[:1]) if one is not None), sync])


# ---- beside a bare loop ----------------------------------------------------------------------------------------------


def _add_postgres(table: Table, store: Postgres, rounds: int) -> None:
    bare = partial(bare_postgres.hops_per_second, store.url, BARE_HOPS, PAYLOAD)
    for (name, runs, times), limit in zip(AT_ONCE, (HALF, SIX), strict=True):
        ours = partial(_chain_rate, store, runs, times)
        table.add(f"{store.name}, {name}", partial(_rates, yardstick=bare, ours=ours, rounds=rounds, limit=limit))
    at_once = partial(bare_postgres.statements_per_second, store.url, BARE_HOPS, PAYLOAD)
    one = partial(_chain_rate, store, 1, TIMES)
    table.add(
        f"{store.name}, one run, to one statement a hop", partial(_rates, yardstick=at_once, ours=one, rounds=rounds)
    )


def _add_redis(table: Table, store: Redis, rounds: int) -> None:
    blocking, in_loop = (
        partial(_bare_redis, store, rate) for rate in (bare_redis.hops_per_second, bare_redis.hops_per_second_in_loop)
    )
    waits = store.policy != "everysec"  # else a bare call is over sooner than a hop in memory
    for (name, runs, times), limit in zip(AT_ONCE, (HALF, FOUR if waits else None), strict=True):
        measure = partial(_rates, ours=partial(_chain_rate, store, runs, times), rounds=rounds)
        table.add(f"{store.name}, {name}", partial(measure, yardstick=blocking, limit=limit))
        table.add(f"{store.name}, {name}, to an event loop", partial(measure, yardstick=in_loop))


def _rates(workload: str, *, yardstick: Reading, ours: Reading, rounds: int, limit: Limit | None = None) -> Row:
    return row_of(workload, compare(yardstick, ours, rounds), "/s", limit)


def _chain_rate(store: Backend, runs: int, times: int) -> float:
    with store.place() as address:
        return store_runs.chain_rate(address, runs, times)


def _bare_redis(store: Redis, rate: Callable[[str, int, bytes], float]) -> float:
    with store.place() as address:
        return rate(address, BARE_HOPS, PAYLOAD)


# ---- beside other libraries ------------------------------------------------------------------------------------------


@final
class SideBySide:
    """Readings of several ways of doing the same, all of them in turn, round by round; taken when first asked for."""

    def __init__(self, ways: Mapping[str, Reading], rounds: int) -> None:
        self._ways = ways
        self._rounds = rounds

    @cached_property
    def _readings(self) -> Mapping[str, Sequence[float]]:
        _, *rounds = [{name: read() for name, read in self._ways.items()} for _ in range(self._rounds + 1)]
        return {name: [readings[name] for readings in rounds] for name in self._ways}

    def pair(self, yardstick: str, ours: str) -> Pair:
        """Return the readings of two of them."""
        return Pair(self._readings[yardstick], self._readings[ours])


def _add_peers(table: Table, stores: Sequence[Backend], others: Sequence[Peer], rounds: int, *, quick: bool) -> None:
    if not others:
        print(f"\nThe other libraries are left out: there is no {PEERS.name} (`make bench` makes it)")
        return
    table.section("Beside other libraries, each at its fastest for so many runs")
    with ExitStack() as stack:  # as theirs, our stores stay open and grow from reading to reading
        chains = {
            store.name: stack.enter_context(store_runs.open_chains(stack.enter_context(store.place())))
            for store in stores
        }
        for name, runs, times in AT_ONCE:
            hops = HOPS // 5 if quick and runs > 1 else HOPS
            ways: dict[str, Reading] = {store: partial(rate, runs, times) for store, rate in chains.items()}
            ways |= {str(peer): partial(peer.rate, runs, hops) for peer in others}
            readings = SideBySide(ways, rounds if runs == 1 else min(rounds, 3))
            for store in chains:
                for peer in others:
                    measure = partial(_to_peer, readings=readings, ours=store, peer=str(peer))
                    table.add(f"{store}, {name}, to {peer}", measure)
    for peer in others:
        if peer.was_asked:
            print(peer.describe())


def _to_peer(workload: str, *, readings: SideBySide, ours: str, peer: str) -> Row:
    return row_of(workload, readings.pair(peer, ours), "/s", AHEAD)


# ---- more of it ------------------------------------------------------------------------------------------------------


def _add_growth(table: Table, stores: Sequence[Backend], rounds: int, *, quick: bool) -> None:
    table.section("With more of it")
    for store in stores:
        for outstanding in (MANY, VERY_MANY // 10 if quick else VERY_MANY):
            measure = partial(_beside, store=store, outstanding=outstanding, rounds=min(rounds, 5))
            table.add(f"{store.name}, hops beside {outstanding:,} outstanding, to {FEW}", measure)
    runs, hops = (200, 500) if quick else (1_000, 1_000)
    for store in stores:
        measure = partial(_recovery, store=store, runs=runs, hops=hops, rounds=min(rounds, 5))
        table.add(f"{store.name}, recovery after {hops:,} hops, to {FEW}", measure)
    active = 1_000 if quick else 10_000
    for store in stores:
        measure = partial(_heartbeat, store=store, active=active, beats=3 if quick else 10)
        table.add(f"{store.name}, a heartbeat with {active:,} active, to {FEW}", measure)


def _beside(workload: str, *, store: Backend, outstanding: int, rounds: int) -> Row:
    def rate(outstanding: int) -> float:
        with store.place() as address:
            return store_runs.rate_beside(address, outstanding)

    return row_of(workload, compare(partial(rate, FEW), partial(rate, outstanding), rounds), "/s", NO_SLOWER)


def _recovery(workload: str, *, store: Backend, runs: int, hops: int, rounds: int) -> Row:
    with store.place() as address:
        for length in (FEW, hops):
            store_runs.leave_stale_runs(address, runs, length)
        short, long = (partial(store_runs.recovery_time, address, runs, length) for length in (FEW, hops))
        return row_of(workload, compare(short, long, rounds), "ms/run", NO_LONGER)


def _heartbeat(workload: str, *, store: Backend, active: int, beats: int) -> Row:
    costs = []
    for runs in (active, FEW):
        with store.place() as address:
            costs.append(heartbeats.cost_of_a_beat(address, runs, beats))
    many, few = costs
    asked = f"{many.asked:g} asked, to {few.asked:g}"
    return Row(
        workload,
        f"{many.writes:g} writes",
        f"{few.writes:g} writes",
        asked,
        str(ONE_WRITE),
        ONE_WRITE.holds(many.writes),
    )


if __name__ == "__main__":
    sys.exit(main())
