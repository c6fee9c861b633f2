"""Postgres stores for the tests, and a look behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, final

import psycopg
from psycopg import AsyncConnection, sql

from cnstra.persist.records import RunRecord
from cnstra.stores import PostgresStore

__all__ = ["PostgresLedger", "open_postgres_store", "query", "until_run"]


@asynccontextmanager
async def open_postgres_store(url: str, schema: str, **options: Any) -> AsyncIterator[PostgresStore]:
    """Open a store and close it at the end."""
    store = PostgresStore(url, schema=schema, **options)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def query(url: str, schema: str, text: str) -> list[tuple[Any, ...]]:
    """Run a statement behind the back of a store, with its schema as the search path; return its rows."""
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))
        cursor = await connection.execute(text.encode())
        return await cursor.fetchall() if cursor.description else []


async def until_run(store: PostgresStore, condition: Callable[[RunRecord], bool], run_id: str = "run") -> RunRecord:
    """Return a run once *condition* holds for it; the test's own time limit is the only one."""
    while True:
        run = await store.get("", run_id)
        if run is not None and condition(run):
            return run
        await asyncio.sleep(0.005)


@final
class PostgresLedger:
    """A table of the user's own, in another schema of the same database."""

    def __init__(self, url: str, schema: str) -> None:
        self._url = url
        self._table = sql.Identifier(schema, "ledger")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
            connection.execute(sql.SQL("CREATE TABLE {} (text text NOT NULL)").format(self._table))

    async def write(self, connection: AsyncConnection[Any], text: str) -> None:
        await connection.execute(sql.SQL("INSERT INTO {} VALUES (%s)").format(self._table), (text,))

    async def end(self, connection: AsyncConnection[Any]) -> None:
        await connection.commit()

    async def read(self) -> list[str]:
        async with await AsyncConnection.connect(self._url) as connection:
            cursor = await connection.execute(sql.SQL("SELECT text FROM {} ORDER BY text").format(self._table))
            return [text for (text,) in await cursor.fetchall()]
