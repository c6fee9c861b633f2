"""Absurd, measured in its own environment: a task of so many steps, each of which stores what it returned.

`python peer_absurd.py URL`, where URL is ``postgresql://...``; see `answering` for what it says. The schema of its
tables comes with the package `absurdctl`.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from importlib.metadata import version
from typing import Any

import absurdctl
import psycopg
from absurd_sdk import Absurd, AsyncAbsurd
from answering import TEXT, Item, Variant, serve

POLL = 0.01
WORKERS = 10


def _count(item: Item) -> Item:
    return {"number": int(item["number"]) + 1, "text": item["text"]}


async def _count_in_loop(item: Item) -> Item:
    return _count(item)


class Remaining:
    """Stops the workers when the last of so many runs has made its last step."""

    def __init__(self) -> None:
        self._runs = 0
        self._workers: list[Any] = []

    def expect(self, runs: int, workers: list[Any]) -> None:
        """Begin to count."""
        self._runs, self._workers = runs, workers

    def one_less(self) -> None:
        """Count a run that has made its last step; its worker still completes it before it stops."""
        self._runs -= 1
        if not self._runs:
            for worker in self._workers:
                worker.stop_worker()


def with_threads(url: str) -> Variant:
    """Work in threads that share a connection; a single run in the calling thread."""
    client = Absurd(url, queue_name="threads")
    client.create_queue()
    remaining = Remaining()

    def chain(hops: int, context: Any) -> int:
        item: Item = {"number": 10_000, "text": TEXT}
        for place in range(hops):
            item = context.step(f"n{place}", partial(_count, item))
        remaining.one_less()
        return int(item["number"])

    client.register_task("chain")(chain)

    def run(runs: int, hops: int) -> None:
        remaining.expect(runs, [client])
        for _ in range(runs):
            client.spawn("chain", hops)
        client.start_worker(concurrency=runs, poll_interval=POLL)

    return run


def with_loop(url: str, connections: int) -> Variant:
    """Work in an event loop, with so many workers, each of which has a connection of its own."""
    queue = f"loop{connections}"
    clients = [AsyncAbsurd(url, queue_name=queue) for _ in range(connections)]
    LOOP.run_until_complete(clients[0].create_queue())
    remaining = Remaining()

    async def chain(hops: int, context: Any) -> int:
        item: Item = {"number": 10_000, "text": TEXT}
        for place in range(hops):
            item = await context.step(f"n{place}", partial(_count_in_loop, item))
        remaining.one_less()
        return int(item["number"])

    for client in clients:
        client.register_task("chain")(chain)

    async def work(runs: int, hops: int) -> None:
        used = clients[:runs]
        remaining.expect(runs, list(used))
        for _ in range(runs):
            await clients[0].spawn("chain", hops)
        share = -(-runs // len(used))
        await asyncio.gather(*(one.start_worker(concurrency=share, poll_interval=POLL) for one in used))

    return lambda runs, hops: LOOP.run_until_complete(work(runs, hops))


def _make_tables(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(absurdctl.BUNDLED_SCHEMA_SQL.encode())


LOOP = asyncio.new_event_loop()

if __name__ == "__main__":
    address = sys.argv[1]
    _make_tables(address)
    variants = {
        "threads": with_threads(address),
        "asyncio": with_loop(address, 1),
        f"asyncio, {WORKERS} connections": with_loop(address, WORKERS),
    }
    serve(version("absurd-sdk"), variants)
