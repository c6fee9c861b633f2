from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from cnstra.errors import StoreError
from cnstra.stores import PostgresStore
from cnstra.testing.building import admitted, frontier, hop, new_run, task, worker
from tests.servers.postgres import new_schema
from tests.servers.proxy import proxy_to
from tests.stores.postgres_stores import PostgresLedger, open_postgres_store, until_run


@pytest.fixture
async def store(postgres_url: str, postgres_schema: str) -> AsyncIterator[PostgresStore]:
    async with open_postgres_store(postgres_url, postgres_schema, max_transactions=1) as store:
        yield store


@pytest.fixture
def ledger(postgres_url: str) -> Iterator[PostgresLedger]:
    with new_schema(postgres_url) as schema:
        yield PostgresLedger(postgres_url, schema)


async def one(connection: AsyncConnection[Any], text: str) -> Any:
    row = await (await connection.execute(text.encode())).fetchone()
    assert row is not None
    return row[0]


async def test_after_an_error_that_was_caught_nothing_is_committed(
    store: PostgresStore, ledger: PostgresLedger
) -> None:
    state = await admitted(store)

    async with store.transaction() as transaction:
        await ledger.write(transaction.connection, "paid")
        with pytest.raises(psycopg.errors.DivisionByZero):
            await transaction.connection.execute("SELECT 1/0")
        with pytest.raises(StoreError, match="a statement of the handler has failed"):
            await transaction.commit([hop(state)])

    assert await ledger.read() == []
    assert await store.commit([hop(state)]) == [True]


async def test_a_savepoint_saves_it(store: PostgresStore, ledger: PostgresLedger) -> None:
    state = await admitted(store)

    async with store.transaction() as transaction:
        connection = transaction.connection
        await ledger.write(connection, "paid")
        with suppress(psycopg.errors.DivisionByZero):
            async with connection.transaction():
                await ledger.write(connection, "not this")
                await connection.execute("SELECT 1/0")
        assert await transaction.commit([hop(state)]) == [True]

    assert await ledger.read() == ["paid"]


@pytest.mark.parametrize("end", ["ROLLBACK", "COMMIT", "COMMIT; BEGIN", "ROLLBACK; BEGIN; SELECT 1"])
async def test_a_transaction_that_was_ended_in_sql_is_told(store: PostgresStore, end: str) -> None:
    state = await admitted(store)

    async with store.transaction() as transaction:
        await transaction.connection.execute(end.encode())
        with pytest.raises(StoreError, match="the handler has ended the transaction that it was given"):
            await transaction.commit([hop(state)])

    assert await frontier(store, "run") == [task(0)]


async def test_a_constraint_that_fails_at_the_commit_undoes_all(store: PostgresStore, postgres_url: str) -> None:
    state = await admitted(store)
    with new_schema(postgres_url) as schema, psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute(f'CREATE SCHEMA "{schema}"'.encode())
        other.execute(f'CREATE TABLE "{schema}".t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)'.encode())

        async with store.transaction() as transaction:
            await transaction.connection.execute(f'INSERT INTO "{schema}".t VALUES (1), (1)'.encode())
            with pytest.raises(StoreError, match="duplicate key"):
                await transaction.commit([hop(state)])

    assert await frontier(store, "run") == [task(0)]
    assert await store.commit([hop(state)]) == [True]


async def test_what_a_handler_sets_is_gone_for_the_next(store: PostgresStore) -> None:
    async with store.transaction() as transaction:
        connection = transaction.connection
        connection.row_factory = dict_row
        await connection.execute("SET search_path TO elsewhere")
        await connection.execute("SET synchronous_commit TO off")
        assert await transaction.commit([]) == []

    async with store.transaction() as transaction:
        assert await one(transaction.connection, "SHOW search_path") == '"$user", public'
        assert await one(transaction.connection, "SHOW synchronous_commit") == "on"


async def test_a_row_factory_does_not_confuse_the_store(store: PostgresStore) -> None:
    state = await admitted(store)

    async with store.transaction() as transaction:
        transaction.connection.row_factory = dict_row
        assert await transaction.commit([hop(state)]) == [True]


async def test_it_is_read_committed_whatever_the_default_is(postgres_url: str, postgres_schema: str) -> None:
    mark = "&" if "?" in postgres_url else "?"
    strict = f"{postgres_url}{mark}options=-c%20default_transaction_isolation%3Dserializable"

    async with open_postgres_store(strict, postgres_schema) as store, store.transaction() as transaction:
        assert await one(transaction.connection, "SHOW transaction_isolation") == "read committed"


async def test_who_wants_a_transaction_waits_for_a_turn_and_nobody_else_does(
    store: PostgresStore, ledger: PostgresLedger
) -> None:
    await store.add_worker(worker(), lease=60)
    states = [await admitted(store, new_run(f"run-{n}")) for n in range(2)]
    await admitted(store, new_run("free"), worker_id=None)

    async def second() -> list[bool]:
        async with store.transaction() as transaction:
            await ledger.write(transaction.connection, "second")
            return await transaction.commit([hop(states[1])])

    async with store.transaction() as first:
        waiting = asyncio.ensure_future(second())
        assert len(await store.claim("", "other", dead=(), limit=1)) == 1
        assert not waiting.done()
        await ledger.write(first.connection, "first")
        assert await first.commit([hop(states[0])]) == [True]

    assert await waiting == [True]
    assert await ledger.read() == ["first", "second"]


async def test_who_is_cancelled_while_waiting_for_a_turn_takes_none(store: PostgresStore) -> None:
    async with store.transaction():
        waiting = asyncio.ensure_future(store.transaction().__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    async with store.transaction() as transaction:
        assert await transaction.commit([]) == []


async def test_an_error_of_a_handler_passes_as_it_is(store: PostgresStore) -> None:
    async def fail() -> None:
        async with store.transaction() as transaction:
            await transaction.connection.execute("SELECT * FROM nowhere")

    with pytest.raises(psycopg.errors.UndefinedTable):
        await fail()

    async with store.transaction() as transaction:
        assert await transaction.commit([]) == []


async def test_a_connection_that_a_handler_has_closed_is_replaced(store: PostgresStore) -> None:
    state = await admitted(store)

    async with store.transaction() as transaction:
        await transaction.connection.close()
        with pytest.raises(StoreError, match="the handler has ended the transaction"):
            await transaction.commit([hop(state)])

    async with store.transaction() as transaction:
        assert await transaction.commit([hop(state)]) == [True]


async def test_a_transaction_whose_answer_is_lost_is_not_made_twice(
    postgres_url: str, postgres_schema: str, ledger: PostgresLedger
) -> None:
    async with (
        proxy_to(postgres_url) as proxy,
        open_postgres_store(proxy.url, postgres_schema) as store,
        open_postgres_store(postgres_url, postgres_schema) as direct,
    ):
        state = await admitted(store)

        async def pay() -> list[bool]:
            async with store.transaction() as transaction:
                await ledger.write(transaction.connection, "paid")
                return await transaction.commit([hop(state)])

        proxy.fatal_request = b"COMMIT\0"
        paying = asyncio.ensure_future(pay())
        await until_run(direct, lambda run: run.hop_count == 1)
        proxy.cut()
        with pytest.raises(StoreError, match="may be done or not"):
            await paying
        proxy.heal()

        assert await pay() == [True]

    assert await ledger.read() == ["paid"]


async def test_a_transaction_needs_an_open_store(postgres_url: str) -> None:
    with pytest.raises(StoreError, match="is not open"):
        await PostgresStore(postgres_url).transaction().__aenter__()


async def test_a_transaction_that_stands_still_is_undone_and_gives_its_locks_back(
    postgres_url: str, postgres_schema: str, ledger: PostgresLedger
) -> None:
    async with open_postgres_store(postgres_url, postgres_schema, transaction_timeout=0.2) as store:
        state = await admitted(store)
        async with store.transaction() as frozen:
            await ledger.write(frozen.connection, "paid")
            await frozen.connection.execute("SELECT pg_advisory_xact_lock(77)")
            async with store.transaction() as other:
                await other.connection.execute("SELECT pg_advisory_xact_lock(77)")  # waits until the server gives up
                await ledger.write(other.connection, "paid again")
                assert await other.commit([hop(state)]) == [True]
            with pytest.raises(StoreError):
                await frozen.commit([hop(state)])

    assert await ledger.read() == ["paid again"]


async def test_what_the_role_says_of_transactions_that_stand_still_counts_if_it_is_stricter(
    postgres_url: str, postgres_schema: str
) -> None:
    by_role = f"{postgres_url}?options=-c%20idle_in_transaction_session_timeout%3D5s"
    async with open_postgres_store(by_role, postgres_schema) as store, store.transaction() as transaction:
        assert await one(transaction.connection, "SHOW idle_in_transaction_session_timeout") == "5s"

    async with open_postgres_store(postgres_url, postgres_schema) as store, store.transaction() as transaction:
        assert await one(transaction.connection, "SHOW idle_in_transaction_session_timeout") == "1min"


def test_a_time_limit_of_nothing_is_refused() -> None:
    with pytest.raises(StoreError, match="transaction_timeout is 0"):
        PostgresStore("postgresql://host/db", transaction_timeout=0)
