"""What one hop costs in a run that has many other tasks outstanding, in things that can be counted."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from typing import Any, Final, TypeAlias

import psycopg

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, Signal, collateral, neuron, open_store
from cnstra.persist.ports import Store
from cnstra.stores import SqliteStore
from tests.fire.backends import Backend
from tests.fire.waiting import Order
from tests.servers.redis import RedisServer

__all__ = ["HOPS", "Cost", "cost_of_hops"]

HOPS: Final = 60

Cost: TypeAlias = "Counter[str]"
"""How much was done, by kind."""

Meter: TypeAlias = Callable[[], Cost]
"""Returns what was done since the last time that it was asked."""


async def cost_of_hops(backend: Backend, outstanding: int) -> Cost:
    """Return what the store did for `HOPS` hops, one after the other, beside so many outstanding tasks of that run."""
    store = open_store(backend.url)
    readings: list[Cost] = []
    walked = asyncio.Event()
    async with _opened(store), _meter(backend, store) as meter:

        def mark(*, last: bool) -> None:
            readings.append(meter())
            if last:
                walked.set()

        cns, registry, entry = _graph(outstanding, mark)
        async with DurableRunner(cns, registry, store, scope=f"{outstanding} beside", grace=0.1) as runner:
            await runner.stimulate(entry, stimulation_id="wide")
            await walked.wait()
            info = await runner.get("wide")
    assert info is not None
    assert info.outstanding == outstanding + 1, info
    return readings[-1]


def _graph(outstanding: int, mark: Callable[..., None]) -> tuple[CNS[Any], CNSPersistOptionsRegistry, Signal[Order]]:
    """Return a graph that leaves so many tasks outstanding, takes `HOPS` steps beside them, and does nothing then."""
    scattered, left, stepped = (collateral(Order, name=name) for name in ("scattered", "left", "stepped"))
    source = neuron({"left": left, "stepped": stepped}, name="source")
    waiter = neuron({}, name="waiter", concurrency=1)
    walker = neuron({"stepped": stepped}, name="walker")

    @source.dendrite(scattered)
    def scatter(payload: Order) -> list[Signal[Order]]:
        return [*[left.create_signal(payload)] * outstanding, stepped.create_signal(Order(0))]

    @waiter.dendrite(left)
    async def wait(payload: Order) -> None:
        await asyncio.Event().wait()

    @walker.dendrite(stepped)
    async def step(payload: Order) -> Signal[Order]:
        if payload.number in {0, HOPS}:
            mark(last=payload.number == HOPS)
        if payload.number == HOPS:
            await asyncio.Event().wait()
        return stepped.create_signal(Order(payload.number + 1))

    registry = CNSPersistOptionsRegistry().register_collateral("scattered", scattered)
    for one in (source, waiter, walker):
        registry.register(one.label, one)
    return CNS([source, waiter, walker]), registry, scattered.create_signal(Order(0))


@asynccontextmanager
async def _opened(store: Store) -> AsyncIterator[None]:
    await store.open()
    try:
        yield
    finally:
        await store.close()


@asynccontextmanager
async def _meter(backend: Backend, store: Store) -> AsyncIterator[Meter]:
    if isinstance(store, SqliteStore):
        async with _sqlite_meter(backend.url.removeprefix("sqlite:///"), store) as meter:
            yield meter
    elif isinstance(backend.server, RedisServer):
        yield _differences(lambda: _commands(backend.server))
    else:
        with psycopg.connect(backend.url, autocommit=True) as connection:
            yield _differences(lambda: _log_bytes(connection))


@asynccontextmanager
async def _sqlite_meter(path: str, store: SqliteStore) -> AsyncIterator[Meter]:
    """Count the steps of SQLite's machine, and the pages that go into the write-ahead log."""
    steps = 0

    def tick() -> int:
        nonlocal steps
        steps += 10
        return 0

    await store._writer.run(lambda connection: connection.set_progress_handler(tick, 10))
    with closing(sqlite3.connect(path)) as connection:

        def read() -> Cost:
            nonlocal steps
            # Whoever writes next begins the log anew, so the next reading has what came after this one.
            _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            cost = Counter(pages=pages, steps=steps)
            steps = 0
            return cost

        yield read


def _differences(read: Callable[[], Cost]) -> Meter:
    last = read()

    def meter() -> Cost:
        nonlocal last
        now, before = read(), last
        last = now
        return Counter({kind: count - before[kind] for kind, count in now.items() if count != before[kind]})

    return meter


def _commands(server: Any) -> Cost:
    """Count the commands of Redis, those in scripts included."""
    told = server.ask("INFO", "commandstats").decode()
    return Counter({name: int(calls) for name, calls in re.findall(r"cmdstat_([^:]+):calls=(\d+)", told)})


def _log_bytes(connection: psycopg.Connection[Any]) -> Cost:
    """Count the bytes of Postgres's write-ahead log."""
    row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    return Counter(bytes=int(row[0]))
