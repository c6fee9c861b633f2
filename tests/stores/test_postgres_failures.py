from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from cnstra.errors import StoreError
from cnstra.persist.delta import Ended
from cnstra.persist.records import ErrorRecord, RunState
from cnstra.stores import PostgresStore
from cnstra.stores.postgres import pipe
from cnstra.testing.building import COMPLETED, admitted, after, empty_delta, hop, new_run, run_to_its_end, worker
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.processes import free_port
from tests.servers.proxy import Proxy, proxy_to
from tests.stores.postgres_stores import open_postgres_store, query


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server that tests may stop."""
    with postgres_server() as server:
        yield server


@pytest.fixture
async def restarted(server: PostgresServer, request: pytest.FixtureRequest) -> AsyncIterator[PostgresStore]:
    async with open_postgres_store(server.url, request.node.name[:60]) as store:
        yield store


@pytest.fixture
async def store(postgres_url: str, postgres_schema: str) -> AsyncIterator[PostgresStore]:
    async with open_postgres_store(postgres_url, postgres_schema) as store:
        yield store


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[Proxy]:
    async with proxy_to(postgres_url) as proxy:
        yield proxy


# ---- a server that stops -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("immediate", [True, False])
async def test_it_goes_on_after_the_server_was_started_again(
    restarted: PostgresStore, server: PostgresServer, *, immediate: bool
) -> None:
    await restarted.add_worker(worker(), lease=60)
    first = await admitted(restarted)
    delta = hop(first)
    await restarted.commit([delta])
    waiting = asyncio.ensure_future(restarted.changed("", 60))
    await asyncio.to_thread(restarted.beat, "worker", 60)

    await asyncio.to_thread(server.restart, immediate=immediate)

    assert await restarted.commit([hop(after(first, delta))]) == [True]
    assert await asyncio.to_thread(restarted.beat, "worker", 60)
    run = await restarted.get("", "run")
    assert run is not None
    assert run.hop_count == 2
    assert await waiting


async def test_a_server_that_was_killed_has_every_commit_that_it_confirmed(
    restarted: PostgresStore, server: PostgresServer
) -> None:
    states = [await admitted(restarted, new_run(f"run-{n}")) for n in range(20)]
    await restarted.commit([hop(state) for state in states])

    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)

    assert [run.hop_count for run in await restarted.list("")] == [1] * 20


async def test_who_asks_while_the_server_is_down_waits_for_it(restarted: PostgresStore, server: PostgresServer) -> None:
    await admitted(restarted)
    await asyncio.to_thread(server.stop, immediate=True)

    getting = asyncio.ensure_future(restarted.get("", "run"))
    await asyncio.to_thread(server.start)

    assert await getting is not None


async def test_a_commit_fails_at_once_while_the_server_is_down(
    restarted: PostgresStore, server: PostgresServer
) -> None:
    state = await admitted(restarted)
    await asyncio.to_thread(server.stop, immediate=True)

    with pytest.raises(StoreError, match="the server cannot be reached"):
        await restarted.commit([hop(state)])
    await asyncio.to_thread(server.start)

    assert await restarted.commit([hop(state)]) == [True]


async def test_a_store_whose_server_is_gone_can_be_closed(server: PostgresServer) -> None:
    store = PostgresStore(server.url, schema="closing")
    await store.open()
    waiting = asyncio.ensure_future(store.changed("", 60))
    await admitted(store)
    await asyncio.to_thread(server.stop, immediate=True)

    await store.close()
    waiting.cancel()

    await asyncio.to_thread(server.start)


# ---- a server that is not what it should be ------------------------------------------------------------------------


async def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    store = PostgresStore(f"postgresql://me:secret@127.0.0.1:{free_port()}/db")

    with pytest.raises(StoreError, match=r"postgresql://me@127\.0\.0\.1.*the server cannot be reached") as caught:
        await store.open()

    assert "secret" not in str(caught.value)
    assert "secret" not in store.label


async def test_a_database_that_is_not_there_is_told(postgres_url: str) -> None:
    store = PostgresStore(postgres_url.rpartition("/")[0] + "/nowhere")

    with pytest.raises(StoreError, match='database "nowhere" does not exist'):
        await store.open()


async def test_a_store_that_was_not_opened_says_so(postgres_url: str) -> None:
    store = PostgresStore(postgres_url)

    with pytest.raises(StoreError, match="is not open"):
        await store.get("", "run")
    with pytest.raises(StoreError, match="is not open"):
        store.beat("worker", 60)


async def test_a_failed_open_may_be_tried_again(proxy: Proxy, postgres_schema: str) -> None:
    proxy.is_refusing = True
    store = PostgresStore(proxy.url, schema=postgres_schema)
    with pytest.raises(StoreError):
        await store.open()

    proxy.heal()
    await store.open()

    assert await store.get("", "run") is None
    await store.close()


async def test_tables_that_somebody_has_dropped_are_missed(
    store: PostgresStore, postgres_url: str, postgres_schema: str
) -> None:
    state = await admitted(store)
    await query(postgres_url, postgres_schema, "DROP TABLE progress")

    with pytest.raises(StoreError, match="a table is missing"):
        await store.commit([hop(state)])
    with pytest.raises(StoreError, match="a table is missing"):
        await store.get("", "run")


async def test_nobody_waits_for_ever_for_a_lock(postgres_url: str, postgres_schema: str) -> None:
    limit = "&" if "?" in postgres_url else "?"
    async with open_postgres_store(f"{postgres_url}{limit}options=-c%20lock_timeout%3D100", postgres_schema) as store:
        state = await admitted(store)
        with psycopg.connect(postgres_url) as other:
            other.execute(f'LOCK TABLE "{postgres_schema}".progress'.encode())

            with pytest.raises(StoreError, match=r"a lock was not to be had in time \(lock_timeout\)"):
                await store.commit([hop(state)])

        assert await store.commit([hop(state)]) == [True]


async def test_a_server_that_is_down_for_too_long_is_told_as_that(proxy: Proxy, postgres_schema: str) -> None:
    async with open_postgres_store(proxy.url, postgres_schema, timeout=0.2) as store:
        proxy.is_refusing = True

        with pytest.raises(StoreError, match="the server cannot be reached"):
            await store.get("", "run")

        proxy.heal()
        assert await store.get("", "run") is None


async def test_a_pool_that_is_too_small_is_told_as_that(postgres_url: str, postgres_schema: str) -> None:
    async with open_postgres_store(postgres_url, postgres_schema, pool_size=1, timeout=0.1) as store:
        async with store._access.statement():
            with pytest.raises(StoreError, match="no connection became free in time: give a larger pool_size"):
                await store.get("", "run")

        assert await store.get("", "run") is None


# ---- a server that hangs -------------------------------------------------------------------------------------------


async def test_a_beat_does_not_wait_for_a_server_that_hangs(proxy: Proxy, postgres_schema: str) -> None:
    async with open_postgres_store(proxy.url, postgres_schema) as store:
        await store.add_worker(worker(), lease=60)
        assert await asyncio.to_thread(store.beat, "worker", 3)
        proxy.loses_answers = True

        with pytest.raises(StoreError, match=r"the server has not answered for 0\.1 s"):
            await asyncio.to_thread(store.beat, "worker", 0.3)

        proxy.heal()
        assert await asyncio.to_thread(store.beat, "worker", 3)


async def test_a_store_whose_server_hangs_can_be_closed(
    proxy: Proxy, postgres_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipe, "_LAST_WAIT", 0.1)
    async with open_postgres_store(proxy.url, postgres_schema) as store:
        state = await admitted(store)
        delta = hop(state)
        await store.commit([delta])
        proxy.loses_answers = True
        committing = asyncio.ensure_future(store.commit([hop(after(state, delta))]))
        await asyncio.sleep(0)

    with pytest.raises(StoreError, match="the store was closed"):
        await committing


async def test_a_store_that_is_closed_while_it_connects_stays_closed(postgres_url: str, postgres_schema: str) -> None:
    async with open_postgres_store(postgres_url, postgres_schema) as store:
        state = await admitted(store)
        committing = asyncio.ensure_future(store.commit([hop(state)]))
        await asyncio.sleep(0)

    with pytest.raises(StoreError, match="the store was closed"):
        await committing


async def test_nobody_beats_for_a_store_that_was_closed(postgres_url: str, postgres_schema: str) -> None:
    async with open_postgres_store(postgres_url, postgres_schema) as store:
        access = store._access
        assert not access.beat("nobody", 60)

    with pytest.raises(StoreError, match="was closed"):
        access.beat("nobody", 60)


async def test_a_beat_that_the_server_refuses_is_told(
    store: PostgresStore, postgres_url: str, postgres_schema: str
) -> None:
    await query(postgres_url, postgres_schema, "DROP TABLE workers")

    with pytest.raises(StoreError, match="a table is missing"):
        await asyncio.to_thread(store.beat, "worker", 60)


async def test_a_beat_without_a_server_is_told(proxy: Proxy, postgres_schema: str) -> None:
    async with open_postgres_store(proxy.url, postgres_schema) as store:
        proxy.is_refusing = True

        with pytest.raises(StoreError, match="the server cannot be reached"):
            await asyncio.to_thread(store.beat, "worker", 60)


async def test_a_cancelled_statement_leaves_its_connection_in_order(postgres_url: str, postgres_schema: str) -> None:
    async with open_postgres_store(postgres_url, postgres_schema, pool_size=1) as store:
        state = await admitted(store)
        with psycopg.connect(postgres_url) as other:
            other.execute(f'LOCK TABLE "{postgres_schema}".runs'.encode())
            taking = asyncio.ensure_future(store.take("", "run", "other", statuses=["running"], dead=()))
            await asyncio.sleep(0.1)
            taking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await taking

        assert await store.get("", "run") == state.run


async def test_a_cancelled_commit_does_not_hold_up_the_next(store: PostgresStore) -> None:
    state = await admitted(store)
    delta = hop(state)
    committing = asyncio.ensure_future(store.commit([delta]))
    await asyncio.sleep(0)
    committing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await committing

    assert await store.commit([delta]) == [True]
    assert await store.commit([hop(after(state, delta))]) == [True]


# ---- what Postgres cannot hold -------------------------------------------------------------------------------------


@pytest.mark.parametrize("run_id", ["a\0b", "half of a pair: \ud800"])
async def test_an_id_that_postgres_cannot_hold_is_refused(store: PostgresStore, run_id: str) -> None:
    with pytest.raises(StoreError, match="Postgres store"):
        await store.admit(new_run(run_id), "worker")
    with pytest.raises(StoreError, match="Postgres store"):
        await store.get("", run_id)

    assert await store.admit(new_run(), "worker") is not None


@pytest.mark.parametrize("run_id", ["a\0b", "half of a pair: \ud800"])
async def test_a_run_that_is_refused_does_not_hold_up_those_admitted_with_it(store: PostgresStore, run_id: str) -> None:
    runs = [new_run("first"), new_run(run_id), new_run("last"), new_run("first")]

    outcomes = await asyncio.gather(*(store.admit(run, "worker") for run in runs), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [RunState, StoreError, RunState, type(None)]
    assert [run.stimulation_id for run in await store.list("")] == ["last", "first"]


@pytest.mark.parametrize("name", ["a\0b", "\udcff"])
async def test_a_name_that_postgres_cannot_hold_fails_its_commit_alone(store: PostgresStore, name: str) -> None:
    states = [await admitted(store, new_run(f"run-{n}")) for n in range(2)]
    delta = hop(states[0])
    delta.contexts = {name: b"1"}

    with pytest.raises(StoreError, match="Postgres cannot hold"):
        await store.commit([delta])

    assert await store.commit([hop(states[1])]) == [True]
    assert await store.commit([hop(states[0])]) == [True]


async def test_an_ordinal_beyond_64_bits_is_refused(store: PostgresStore) -> None:
    delta = hop(await admitted(store))
    delta.next_task = 1 << 63

    with pytest.raises(StoreError, match="Postgres cannot hold a value of this write"):
        await store.commit([delta])


@pytest.mark.parametrize("text", ["\0", "\x1b", "\x1f", "\x1b0000", "\ud83d\ude00", "a\x1fb\x1b", "\\x00 %s {}"])
async def test_errors_and_reasons_of_any_text_come_back(store: PostgresStore, text: str) -> None:
    error = ErrorRecord(f"Odd{text}", f"{text}!", f"at{text}\n")
    state = await admitted(store)
    await store.request_abort("", "run", text)
    assert await store.abort_requests("", "worker") == [("run", text)]

    await store.commit([empty_delta(state, ended=Ended("failed", "failed", error))])

    run = await store.get("", "run")
    assert run is not None
    assert run.error == error
    assert run.abort_requested is None


async def test_a_run_that_is_over_does_not_notify(store: PostgresStore) -> None:
    while await store.changed("", 0.05):
        pass
    waiting = asyncio.ensure_future(store.changed("", 0.3))

    await run_to_its_end(store, "run", ended=COMPLETED)

    assert not await waiting


@pytest.mark.parametrize("option", ["pool_size", "max_transactions"])
def test_it_needs_connections(postgres_url: str, option: str) -> None:
    with pytest.raises(StoreError, match=f"{option} is 0"):
        PostgresStore(postgres_url, pool_size=0 if option == "pool_size" else 1, max_transactions=0)
