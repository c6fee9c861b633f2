from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from cnstra.persist.delta import Ended
from cnstra.stores import PostgresStore
from cnstra.stores.postgres.pipe import Statement
from cnstra.testing.building import admitted, empty_delta, enqueued, hop, new_run, worker
from tests.servers.proxy import Proxy, proxy_to
from tests.stores.postgres_stores import open_postgres_store


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[Proxy]:
    async with proxy_to(postgres_url) as proxy:
        yield proxy


@pytest.fixture
async def here(proxy: Proxy, postgres_schema: str) -> AsyncIterator[PostgresStore]:
    """A store that listens, by way of the proxy."""
    async with open_postgres_store(proxy.url, postgres_schema) as store:
        assert await store.changed("", 60)  # once it listens, it tells that something may have been missed before
        yield store


@pytest.fixture
async def there(postgres_url: str, postgres_schema: str) -> AsyncIterator[PostgresStore]:
    """The same store in another process, as it were."""
    async with open_postgres_store(postgres_url, postgres_schema) as store:
        yield store


async def waiting_for(store: PostgresStore, scope: str = "") -> asyncio.Future[bool]:
    waiting = asyncio.ensure_future(store.changed(scope, 60))
    await asyncio.sleep(0)
    return waiting


async def test_a_run_that_is_stored_elsewhere_wakes_who_waits(here: PostgresStore, there: PostgresStore) -> None:
    waiting = await waiting_for(here)

    await enqueued(there, "run")

    assert await waiting


async def test_a_run_that_is_given_back_in_a_commit_wakes_who_waits(here: PostgresStore, there: PostgresStore) -> None:
    states = [await admitted(there, new_run(f"run-{n}")) for n in range(2)]
    waiting = await waiting_for(here)

    await there.commit([hop(states[0]), empty_delta(states[1], ended=Ended("pending", "interrupted"))])

    assert await waiting


async def test_a_worker_that_signs_off_wakes_all_scopes(here: PostgresStore, there: PostgresStore) -> None:
    await there.add_worker(worker(), lease=60)
    while await here.changed("other scope", 0.05):
        pass
    waiting = [await waiting_for(here), await waiting_for(here, "other scope")]

    await there.remove_worker("worker")

    assert await asyncio.gather(*waiting) == [True, True]


async def test_a_run_of_another_scope_wakes_nobody(here: PostgresStore, there: PostgresStore) -> None:
    waiting = asyncio.ensure_future(here.changed("", 0.3))

    await admitted(there, new_run(scope="other"), worker_id=None)

    assert not await waiting


async def test_hops_wake_nobody(here: PostgresStore, there: PostgresStore) -> None:
    waiting = asyncio.ensure_future(here.changed("", 0.3))

    await there.commit([hop(await admitted(there))])

    assert not await waiting


async def test_news_that_come_while_nobody_waits_are_kept_for_who_waits_next(
    here: PostgresStore, there: PostgresStore
) -> None:
    witness = await waiting_for(there)
    await enqueued(there, "run")
    assert await witness
    await here.claim("", "worker", dead=(), limit=0)  # gives its event loop the time to hear of it

    assert await here.changed("", 60)
    assert not await here.changed("", 0.05)


@pytest.mark.parametrize("is_own", [True, False])
async def test_ones_own_news_are_not_kept(here: PostgresStore, *, is_own: bool) -> None:
    listener = here._access._listener

    listener._notified(listener._names.channel_of(""), listener._sender if is_own else "somebody else")

    assert await here.changed("", 0.1) == (not is_own)


async def test_a_lost_connection_is_replaced_and_wakes_who_waits(
    here: PostgresStore, there: PostgresStore, proxy: Proxy
) -> None:
    waiting = await waiting_for(here)
    proxy.cut()
    assert await waiting  # something may have been missed

    waiting = await waiting_for(here)
    await enqueued(there, "run")

    assert await waiting


async def test_a_connection_that_is_lost_before_anybody_knows_that_it_listens_is_replaced(
    there: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = there._access._listener._pipe
    listen = pipe.run
    statements: list[Statement] = []

    async def listen_and_lose(statement: Statement) -> object:
        result = await listen(statement)
        statements.append(statement)
        if len(statements) == 2:  # one for the scope, one for all
            pipe._drop(psycopg.OperationalError("cut"))
        return result

    monkeypatch.setattr(pipe, "run", listen_and_lose)

    assert await there.changed("", 60)
    assert len(statements) == 4


async def test_without_a_connection_a_wait_ends_in_time(here: PostgresStore, proxy: Proxy) -> None:
    proxy.is_refusing = True
    proxy.cut()

    assert not await here.changed("", 0.2)
