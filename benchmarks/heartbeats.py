"""What a heartbeat costs a store: what was written, and what was asked, between two beats of a worker with many runs.

The stores count it themselves: SQLite calls back for each statement, Postgres has its statistics of tables and of
transactions, and Redis those of commands.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, cast, final
from urllib.parse import parse_qs, urlsplit

import psycopg
import redis
from durable_runs import Graph, Item
from measuring import in_fresh_process

from cnstra import collateral, neuron, open_store
from cnstra.persist.ports import Store

__all__ = ["Cost", "cost_of_a_beat", "count_and_die"]

BEAT = 1.1
"""Seconds between two beats: a session of Postgres that is busy tells its numbers once a second."""
BELATED = {"postgresql": 11.0}
"""Seconds until an idle session has told its numbers, too: those of admissions are not to be counted."""
LEASE = 15.0
AT_ONCE = 10
"""Runs that are admitted at the same time."""


class Cost(NamedTuple):
    """What happened, in all or for each beat.

    Attributes:
        writes: Rows of a table written, or calls of commands of Redis that write.
        asked: Statements (SQLite), transactions (Postgres) or commands (Redis).
    """

    writes: float
    asked: float


Counter: TypeAlias = Callable[[], Cost]
"""Returns what has happened so far."""


def cost_of_a_beat(store: str, active: int, beats: int) -> Cost:
    """Return what each of so many beats costs, while *active* runs wait in the worker."""
    said = in_fresh_process(f"import heartbeats; heartbeats.count_and_die({store!r}, {active}, {beats})")
    return Cost(*json.loads(said))


def count_and_die(address: str, active: int, beats: int) -> None:
    """Print that cost, and end this process as a crash would."""

    async def count() -> None:
        counter = _counter(address)
        entry = collateral(Item, name="entry")
        graph = Graph.of(entry, neuron({}, name="waiter").dendrite(entry, _wait))
        pulse = Pulse(asyncio.get_running_loop(), asyncio.Queue())
        store = cast("Store", Listening(open_store(address), pulse))
        async with graph.runner(store, lease=LEASE, heartbeat=BEAT, max_active_runs=active) as runner:
            for _ in range(active // AT_ONCE):
                await asyncio.gather(*(runner.stimulate(graph.signal()) for _ in range(AT_ONCE)))
            await asyncio.sleep(BELATED.get(urlsplit(address).scheme, 0.0))
            await pulse.next()
            before = counter()
            for _ in range(beats):
                await pulse.next()
            after = counter()
            each = [(late - early) / beats for early, late in zip(before, after, strict=True)]
            print(json.dumps(each), flush=True)
            os._exit(0)

    asyncio.run(count())


async def _wait(_: Item) -> None:
    await asyncio.Event().wait()


@final
@dataclass(frozen=True, slots=True)
class Pulse:
    """Tells the event loop of beats, which come from a thread."""

    _loop: asyncio.AbstractEventLoop
    _beats: asyncio.Queue[None]

    def tell(self) -> None:
        """Tell that a beat is over."""
        self._loop.call_soon_threadsafe(self._beats.put_nowait, None)

    async def next(self) -> None:
        """Return when the next beat is over; those before it do not count."""
        while not self._beats.empty():
            self._beats.get_nowait()
        await self._beats.get()


@final
class Listening:
    """A store that tells of its beats, and is another one in everything else."""

    def __init__(self, store: Store, pulse: Pulse) -> None:
        self._store = store
        self._pulse = pulse

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def beat(self, worker_id: str, lease: float) -> bool:
        """Beat, and tell."""
        is_there = self._store.beat(worker_id, lease)
        self._pulse.tell()
        return is_there


# ---- counters --------------------------------------------------------------------------------------------------------


def _counter(address: str) -> Counter:
    scheme = urlsplit(address).scheme
    return {"sqlite": _count_sqlite, "postgresql": _count_postgres, "redis": _count_redis}[scheme](address)


def _count_sqlite(_: str) -> Counter:
    """Count the statements of all connections that are made from here on."""
    totals = {"writes": 0, "asked": 0}
    connect = sqlite3.connect

    def add(statement: str) -> None:
        totals["asked"] += 1
        totals["writes"] += statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE", "REPLACE"))

    def connect_and_count(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_trace_callback(add)
        return connection

    sqlite3.connect = connect_and_count  # type: ignore[assignment]  # it passes on what it is given
    return lambda: Cost(totals["writes"], totals["asked"])


def _count_postgres(address: str) -> Counter:
    parts = urlsplit(address)
    (schema,) = parse_qs(parts.query)["cnstra_schema"]
    connection = psycopg.connect(parts._replace(query="").geturl())  # one transaction, which does not count itself
    connection.execute("SET stats_fetch_consistency TO none")

    def read() -> Cost:
        row = connection.execute(
            "SELECT (SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE schemaname = %s), "
            "(SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database())",
            (schema,),
        ).fetchone()
        writes, transactions = row or (0, 0)
        return Cost(int(writes), int(transactions))

    return read


def _count_redis(address: str) -> Counter:
    client: Any = redis.Redis.from_url(address, decode_responses=True)
    writing = {name for name, command in client.command().items() if "write" in command["flags"]}
    mine = ("info", "ping", "client", "hello", "auth", "select")

    def read() -> Cost:
        calls = {
            name.removeprefix("cmdstat_").lower(): stats["calls"] for name, stats in client.info("commandstats").items()
        }
        writes = sum(count for name, count in calls.items() if name in writing)
        return Cost(writes, sum(count for name, count in calls.items() if name.partition("|")[0] not in mine))

    return read
