from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from cnstra.errors import StoreError
from cnstra.persist.records import RunRecord
from cnstra.stores.redis import RedisStore
from cnstra.testing.building import (
    COMPLETED,
    admitted,
    after,
    empty_delta,
    enqueued,
    hop,
    new_run,
    run_to_its_end,
    worker,
)
from tests.servers.proxy import Proxy, proxy_to
from tests.servers.redis import RedisServer, redis_server
from tests.stores.redis_stores import new_prefix, open_redis_store


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A server that tests may kill; what it has confirmed is on its disk."""
    with redis_server(aof=True) as server:
        yield server


@pytest.fixture
async def restarted(server: RedisServer) -> AsyncIterator[RedisStore]:
    async with open_redis_store(server.url) as store:
        yield store
        server.start()


@pytest.fixture
async def proxy(valkey_url: str) -> AsyncIterator[Proxy]:
    async with proxy_to(valkey_url) as proxy:
        yield proxy


@pytest.fixture
def prefix() -> str:
    return new_prefix()


@pytest.fixture
async def store(proxy: Proxy, prefix: str) -> AsyncIterator[RedisStore]:
    """A store whose connections all go through the proxy."""
    store = RedisStore(proxy.url, prefix=prefix, timeout=0.5)
    await store.open()
    yield store
    proxy.heal()
    await store.close()


@pytest.fixture
async def direct(valkey_url: str, prefix: str) -> AsyncIterator[RedisStore]:
    """The same store by another way; the server knows the scripts, so that calling one is one question."""
    async with open_redis_store(valkey_url, prefix=prefix) as direct:
        delta = hop(await admitted(direct, new_run("first", scope="other")))
        await direct.commit([delta])
        await run_to_its_end(direct, "second", scope="other")
        yield direct


async def until_run(store: RedisStore, is_so: Callable[[RunRecord], bool]) -> None:
    while True:
        run = await store.get("", "run")
        if run is not None and is_so(run):
            return
        await asyncio.sleep(0.005)


# ---- a server that is started again ----------------------------------------------------------------------------------


async def test_it_goes_on_after_the_server_was_started_again(restarted: RedisStore, server: RedisServer) -> None:
    await restarted.add_worker(worker(), lease=60)
    first = await admitted(restarted)
    delta = hop(first)
    await restarted.commit([delta])
    waiting = asyncio.ensure_future(restarted.changed("", 60))
    await asyncio.to_thread(restarted.beat, "worker", 60)

    await asyncio.to_thread(server.restart)

    assert await restarted.commit([hop(after(first, delta))]) == [True]
    assert await asyncio.to_thread(restarted.beat, "worker", 60)
    run = await restarted.get("", "run")
    assert run is not None
    assert run.hop_count == 2
    assert await waiting


async def test_a_server_that_is_away_for_a_moment_is_waited_for(restarted: RedisStore, server: RedisServer) -> None:
    await asyncio.to_thread(server.kill)

    admitting = asyncio.ensure_future(admitted(restarted))
    await asyncio.sleep(0.1)
    await asyncio.to_thread(server.start)

    assert (await admitting).run.status == "running"


async def test_a_server_that_stays_away_is_told(server: RedisServer) -> None:
    store = RedisStore(server.url, prefix=new_prefix(), timeout=0.3)
    await store.open()
    await asyncio.to_thread(server.kill)

    with pytest.raises(StoreError, match=r"^the Redis store .* is out of reach: "):
        await store.get("", "run")
    with pytest.raises(StoreError, match="is out of reach"):
        await asyncio.to_thread(store.beat, "worker", 60)

    await asyncio.to_thread(server.start)
    assert await store.get("", "run") is None
    await store.close()


async def test_messages_come_again_after_the_server_was_started_again(
    restarted: RedisStore, server: RedisServer
) -> None:
    await asyncio.to_thread(server.restart)
    while not await restarted.changed("", 1):  # it tells when it listens again
        pass

    waiting = [asyncio.ensure_future(restarted.changed(scope, 60)) for scope in ("", "other")]
    await asyncio.sleep(0.05)
    while not waiting[0].done():
        await enqueued(restarted, f"run-{asyncio.get_running_loop().time()}")
        await asyncio.wait(waiting[:1], timeout=0.2)

    assert await waiting[0]
    waiting[1].cancel()


async def test_a_server_without_its_data_refuses_what_it_does_not_know(caplog: pytest.LogCaptureFixture) -> None:
    with redis_server() as server:
        async with open_redis_store(server.url) as store:
            state = await admitted(store)

            await asyncio.to_thread(server.restart)

            assert await store.commit([hop(state)]) == [False]
            assert await store.get("", "run") is None
    assert "the append-only file is off" in caplog.text


# ---- answers that are lost -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_cut", [True, False])
async def test_a_commit_whose_answer_is_lost_is_applied_once(
    store: RedisStore, direct: RedisStore, proxy: Proxy, *, is_cut: bool
) -> None:
    state = await admitted(store)
    delta = hop(state)
    proxy.loses_answers = True
    committing = asyncio.ensure_future(store.commit([delta]))
    await until_run(direct, lambda run: run.hop_count == 1)

    if is_cut:
        proxy.cut()
    with pytest.raises(StoreError, match="is out of reach" if is_cut else "whether it did what was asked is not known"):
        await committing
    proxy.heal()

    assert await store.commit([delta]) == [True]
    run = await store.get("", "run")
    assert run is not None
    assert (run.hop_count, run.outstanding) == (1, 1)
    assert len(await store.tasks("", "run")) == 1


async def test_a_last_commit_whose_answer_is_lost_ends_the_run_once(
    store: RedisStore, direct: RedisStore, proxy: Proxy
) -> None:
    state = await admitted(store)
    proxy.loses_answers = True
    with pytest.raises(StoreError, match="no answer in time"):
        await store.commit([hop(state, ended=COMPLETED)])
    proxy.heal()
    before = await direct.get("", "run")

    assert await store.commit([hop(state, ended=COMPLETED)]) == [True]

    assert before is not None
    assert before.status == "completed"
    assert await direct.get("", "run") == before


async def test_a_prompt_commit_whose_answer_is_lost_leaves_the_loop_soon(
    store: RedisStore, direct: RedisStore, proxy: Proxy
) -> None:
    state = await admitted(store)
    delta = hop(state)
    proxy.loses_answers = True

    with pytest.raises(StoreError, match="no answer in time"):  # nobody passes anything on while this thread waits
        store.commit_now([delta])
    assert store.commit_now([delta]) is None  # it is not tried again at once
    proxy.heal()

    assert await store.commit([delta]) == [True]
    assert await direct.get("", "run") == await store.get("", "run")


async def test_an_admission_that_is_sent_is_never_sent_again(
    store: RedisStore, direct: RedisStore, proxy: Proxy
) -> None:
    await store.get("", "run")
    proxy.loses_answers = True
    admitting = asyncio.ensure_future(store.admit(new_run(), "worker"))
    await until_run(direct, lambda run: True)

    proxy.cut()
    with pytest.raises(StoreError):
        await admitting
    proxy.heal()

    assert await store.admit(new_run(), "worker") is None
    run = await store.get("", "run")
    assert run is not None
    assert (run.attempt_number, run.fence) == (1, 1)


# ---- waits that are cancelled ----------------------------------------------------------------------------------------


async def test_a_cancelled_wait_leaves_no_answer_to_the_next_one(
    store: RedisStore, direct: RedisStore, proxy: Proxy
) -> None:
    await admitted(direct)
    for n in range(20):
        proxy.loses_answers = True
        asking = asyncio.ensure_future(store.list(""))
        await asyncio.sleep(0.002)
        asking.cancel()
        proxy.heal()

        assert await store.get("", f"nobody-{n}") is None
        run = await store.get("", "run")
        assert run is not None
        assert run.stimulation_id == "run"
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_a_hundred_waits_that_are_cancelled_do_not_use_up_the_connections(store: RedisStore) -> None:
    asking = [asyncio.ensure_future(store.get("", f"run-{n}")) for n in range(100)]
    await asyncio.sleep(0)
    for one in asking[::2]:
        one.cancel()

    done = await asyncio.gather(*asking, return_exceptions=True)

    assert done[1::2] == [None] * 50
    assert await asyncio.gather(*(store.get("", "run") for _ in range(50))) == [None] * 50


# ---- connections that are cut ----------------------------------------------------------------------------------------


async def test_an_idle_connection_that_was_cut_is_not_noticed(store: RedisStore, proxy: Proxy) -> None:
    state = await admitted(store)
    proxy.cut()
    await proxy.wait_idle()

    assert await store.commit([empty_delta(state)]) == [True]
    assert await store.get("", "run") is not None


async def test_a_heart_whose_connection_was_cut_beats_on(store: RedisStore, proxy: Proxy) -> None:
    await store.add_worker(worker(), lease=60)
    assert await asyncio.to_thread(store.beat, "worker", 60)
    proxy.cut()
    await proxy.wait_idle()

    assert await asyncio.to_thread(store.beat, "worker", 60)


async def test_a_heart_gives_up_in_a_part_of_its_lease(store: RedisStore, proxy: Proxy) -> None:
    await store.add_worker(worker(), lease=60)
    proxy.loses_answers = True

    with pytest.raises(StoreError, match="no answer in time"):
        await asyncio.to_thread(store.beat, "worker", 0.4)

    proxy.heal()
    assert await asyncio.to_thread(store.beat, "worker", 60)


async def test_who_waits_is_woken_when_messages_may_have_been_lost(store: RedisStore, proxy: Proxy) -> None:
    waiting = asyncio.ensure_future(store.changed("", 60))
    await asyncio.sleep(0.01)

    proxy.cut()

    assert await waiting


async def test_who_waits_is_woken_when_the_store_is_closed(valkey_url: str) -> None:
    store = RedisStore(valkey_url, prefix=new_prefix())
    await store.open()
    waiting = asyncio.ensure_future(store.changed("", 60))
    await asyncio.sleep(0.01)

    await store.close()

    assert await waiting


async def test_a_server_that_refuses_everybody_is_told(store: RedisStore, proxy: Proxy) -> None:
    proxy.is_refusing = True
    proxy.cut()
    await proxy.wait_idle()

    with pytest.raises(StoreError, match="is out of reach"):
        await store.get("", "run")

    proxy.heal()
    assert await store.get("", "run") is None


async def test_opening_fails_whole_where_the_server_does_not_answer(proxy: Proxy) -> None:
    proxy.loses_answers = True
    store = RedisStore(proxy.url, prefix=new_prefix(), timeout=0.1)

    with pytest.raises(StoreError, match="no answer in time"):
        await store.open()

    proxy.heal()
    await store.open()
    assert await store.get("", "run") is None
    await store.close()
