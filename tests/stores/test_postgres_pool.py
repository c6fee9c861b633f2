from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import psycopg
import pytest

from cnstra.stores.postgres import pool as pools
from cnstra.stores.postgres.address import address_of
from cnstra.stores.postgres.connections import connect
from cnstra.stores.postgres.errors import NoConnection, NoneFree
from cnstra.stores.postgres.pool import Pool
from tests.servers.proxy import Proxy, proxy_to

MakePool = Callable[..., Pool]


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[Proxy]:
    async with proxy_to(postgres_url) as proxy:
        yield proxy


@pytest.fixture
async def make_pool(proxy: Proxy) -> AsyncIterator[MakePool]:
    """Return what makes a pool whose connections all go through the proxy."""
    made: list[Pool] = []

    def make(*, size: int = 2, patience: float = 5.0, turn: float | None = 5.0, **options: Any) -> Pool:
        address = address_of(proxy.url, None, None)
        made.append(Pool(partial(connect, address), size=size, patience=patience, turn=turn, **options))
        return made[-1]

    yield make
    for pool in made:
        await pool.close()


async def number_of(pool: Pool) -> int:
    """Borrow a connection, and return the id of the process that serves it."""
    async with pool.lend() as connection:
        cursor = await connection.execute("SELECT pg_backend_pid()")
        [number] = await cursor.fetchone() or [0]
    return int(number)


async def test_a_connection_is_used_again(make_pool: MakePool) -> None:
    pool = make_pool()

    assert await number_of(pool) == await number_of(pool)


async def test_broken_connections_are_replaced_at_once(
    make_pool: MakePool, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool()
    async with pool.lend(), pool.lend():
        pass
    proxy.cut()
    await proxy.wait_idle()

    monkeypatch.setattr(asyncio, "sleep", None)  # nobody waits for anything
    async with pool.lend() as one, pool.lend() as other:
        assert await (await one.execute("SELECT 1")).fetchone() == (1,)
        assert await (await other.execute("SELECT 2")).fetchone() == (2,)


async def test_a_server_that_is_down_for_a_while_is_waited_for(make_pool: MakePool, proxy: Proxy) -> None:
    pool = make_pool()
    proxy.is_refusing = True
    asking = asyncio.ensure_future(number_of(pool))
    await asyncio.sleep(0.1)

    proxy.heal()

    assert await asking > 0


async def test_a_server_that_stays_down_is_told(make_pool: MakePool, proxy: Proxy) -> None:
    pool = make_pool(patience=0.1)
    proxy.is_refusing = True

    with pytest.raises(NoConnection):
        await number_of(pool)


async def test_who_waits_too_long_for_a_free_one_is_told(make_pool: MakePool) -> None:
    pool = make_pool(size=1, turn=0.05)

    async with pool.lend():
        with pytest.raises(NoneFree, match=r"none of them in 0\.05 s"):
            await number_of(pool)

    assert await number_of(pool) > 0


async def test_who_waits_for_one_while_the_server_is_down_is_told_that(make_pool: MakePool, proxy: Proxy) -> None:
    pool = make_pool(size=1, turn=0.05)

    async with pool.lend():
        proxy.is_refusing = True
        with pytest.raises(NoConnection):
            await number_of(pool)


async def test_a_transaction_that_is_left_open_is_rolled_back(make_pool: MakePool) -> None:
    pool = make_pool(size=1)
    async with pool.lend() as connection:
        await connection.execute("BEGIN")
        await connection.execute("CREATE TABLE left_open (n integer)")

    async with pool.lend() as connection:
        cursor = await connection.execute("SELECT to_regclass('left_open')")
        assert await cursor.fetchone() == (None,)


async def test_a_connection_that_broke_in_use_is_not_used_again(make_pool: MakePool, proxy: Proxy) -> None:
    pool = make_pool(size=1)
    first = await number_of(pool)
    async with pool.lend() as connection:
        proxy.cut()
        with pytest.raises(psycopg.OperationalError):
            await connection.execute("SELECT 1")

    assert await number_of(pool) != first


async def test_a_statement_that_is_cancelled_leaves_a_pool_that_works(make_pool: MakePool) -> None:
    pool = make_pool(size=1)

    async def sleep() -> None:
        async with pool.lend() as connection:
            await connection.execute("SELECT pg_sleep(30)")

    sleeping = asyncio.ensure_future(sleep())
    await asyncio.sleep(0.1)
    sleeping.cancel()
    await asyncio.wait([sleeping])

    assert sleeping.cancelled()
    assert await number_of(pool) > 0


async def test_what_was_used_is_reset(make_pool: MakePool) -> None:
    async def reset(connection: Any) -> None:
        await connection.execute("RESET ALL")

    pool = make_pool(size=1, reset=reset)
    async with pool.lend() as connection:
        await connection.execute("SET work_mem = '77MB'")

    async with pool.lend() as connection:
        assert await (await connection.execute("SHOW work_mem")).fetchone() != ("77MB",)


async def test_what_nobody_has_asked_for_is_closed(
    make_pool: MakePool, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool()
    async with pool.lend(), pool.lend():
        pass
    monkeypatch.setattr(pools, "_KEPT_IDLE", 0.0)

    await number_of(pool)

    while proxy.connections > 1:  # noqa: ASYNC110 - the end of a connection sets no event
        await asyncio.sleep(0.01)


async def test_what_is_given_back_to_a_closed_pool_is_closed(make_pool: MakePool, proxy: Proxy) -> None:
    pool = make_pool()
    async with pool.lend():
        await pool.close()

    await proxy.wait_idle()
