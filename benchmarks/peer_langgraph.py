"""LangGraph, measured in its own environment: a graph of so many nodes in a row, with ``durability="sync"``.

`python peer_langgraph.py URL`, where URL is ``sqlite:///file`` or ``postgresql://...``; see `answering` for what it
says.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import version
from typing import Any, TypedDict
from uuid import uuid4

import aiosqlite
from answering import TEXT, Variant, serve
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool

AT_ONCE = 50
CONNECTIONS = 10
CONNECTING = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}


class Item(TypedDict):
    """The state, 100 bytes as JSON."""

    number: int
    text: str


def _count(item: Item) -> dict[str, int]:
    return {"number": item["number"] + 1}


async def _count_in_loop(item: Item) -> dict[str, int]:
    return _count(item)


@cache
def _chain(hops: int, node: Any, saver: Any) -> Any:
    graph = StateGraph(Item)
    names = [f"n{place}" for place in range(hops)]
    for name in names:
        graph.add_node(name, node)
    for source, target in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(source, target)
    return graph.compile(checkpointer=saver)


def _arguments(hops: int) -> dict[str, Any]:
    config = {"configurable": {"thread_id": str(uuid4())}, "recursion_limit": hops + 10}
    return {"input": {"number": 10_000, "text": TEXT}, "config": config, "durability": "sync"}


def with_threads(saver: Any) -> Variant:
    """Run the chains in threads; a single one in the calling thread."""

    def run(runs: int, hops: int) -> None:
        chain = _chain(hops, _count, saver)
        if runs == 1:
            chain.invoke(**_arguments(hops))
            return
        for done in [THREADS.submit(chain.invoke, **_arguments(hops)) for _ in range(runs)]:
            done.result()

    return run


def with_loop(saver: Any) -> Variant:
    """Run the chains in an event loop."""

    def run(runs: int, hops: int) -> None:
        async def gather() -> None:
            chain = _chain(hops, _count_in_loop, saver)
            await asyncio.gather(*(chain.ainvoke(**_arguments(hops)) for _ in range(runs)))

        _in_loop(gather())

    return run


def _in_loop(work: Coroutine[Any, Any, Any]) -> Any:
    return LOOP.run_until_complete(work)


def _savers(url: str) -> tuple[Any, Any]:
    """Return a saver for threads and one for an event loop, both ready."""
    path = url.removeprefix("sqlite:///")
    if path != url:
        return SqliteSaver(sqlite3.connect(path, check_same_thread=False)), _in_loop(_open_sqlite(path))
    saver = PostgresSaver(ConnectionPool(url, max_size=CONNECTIONS, kwargs=CONNECTING, open=True))
    saver.setup()
    return saver, _in_loop(_open_postgres(url))


async def _open_sqlite(path: str) -> Any:
    return AsyncSqliteSaver(await aiosqlite.connect(path))


async def _open_postgres(url: str) -> Any:
    pool = AsyncConnectionPool(url, max_size=CONNECTIONS, kwargs=CONNECTING, open=False)
    await pool.open()
    return AsyncPostgresSaver(pool)


LOOP = asyncio.new_event_loop()
THREADS = ThreadPoolExecutor(AT_ONCE)

if __name__ == "__main__":
    os.environ["LANGSMITH_TRACING"] = "false"
    threads, loop = _savers(sys.argv[1])
    serve(version("langgraph"), {"threads": with_threads(threads), "asyncio": with_loop(loop)})
    sys.stdout.flush()
    os._exit(0)  # the pools' threads have nothing to finish
