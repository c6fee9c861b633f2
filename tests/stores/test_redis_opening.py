from __future__ import annotations

import logging
import re
import sys
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from cnstra.errors import StoreError
from cnstra.stores import open_store
from cnstra.stores.redis import RedisStore
from cnstra.stores.redis.rows import FIELDS
from cnstra.testing.building import admitted, hop, new_run
from tests.servers.processes import free_port
from tests.servers.redis import RedisServer, redis_server
from tests.stores.redis_stores import new_prefix, open_redis_store


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A server whose settings tests may change."""
    with redis_server(aof=True) as server:
        yield server


@pytest.fixture
def client(server: RedisServer) -> Iterator[Any]:
    with redis.Redis.from_url(server.url) as client:
        yield client
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 0)
        client.config_set("appendonly", "yes")


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# ---- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("redis://db.example", "redis://db.example:6379/0 (cnstra)"),
        ("redis://:secret@db.example:6380/2", "redis://db.example:6380/2 (cnstra)"),
        ("rediss://me:secret@db.example/1?cnstra_prefix=jobs:eu", "rediss://db.example:6379/1 (jobs:eu)"),
        ("redis://db.example?db=3&socket_keepalive=yes", "redis://db.example:6379/3 (cnstra)"),
    ],
)
def test_a_server_is_named_by_its_url_without_the_password(url: str, label: str) -> None:
    store = open_store(url)

    assert isinstance(store, RedisStore)
    assert store.label == f"the Redis store {label}"


def test_a_socket_has_an_address_too() -> None:
    assert RedisStore("unix:///run/redis.sock?db=1").label == "the Redis store unix:///run/redis.sock/1 (cnstra)"


@pytest.mark.parametrize(
    "url", ["redis://:secret@host:port", "redis://:secret@[::1", "http://:secret@host", "redis://?db=secret"]
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(StoreError, match="no address of a Redis server") as caught:
        RedisStore(url)

    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_an_option_that_the_driver_does_not_know_is_refused(server: RedisServer) -> None:
    store = RedisStore(f"{server.url}?colour=red")

    with pytest.raises(StoreError, match=r"an option that the driver refuses: .*colour"):
        await store.open()


async def test_options_that_would_change_answers_are_overruled(server: RedisServer) -> None:
    url = f"{server.url}?protocol=3&decode_responses=true&encoding=latin-1&retry_on_timeout=true"

    async with open_redis_store(url) as store:
        state = await admitted(store)
        assert await store.commit([hop(state)]) == [True]
        assert await store.get("", "run") is not None


async def test_a_server_that_is_not_there_is_told_at_once() -> None:
    port = free_port()
    store = RedisStore(f"redis://:secret@127.0.0.1:{port}")

    with pytest.raises(
        StoreError, match=rf"^the Redis store redis://127.0.0.1:{port}/0 \(cnstra\) is out of reach: "
    ) as caught:
        await store.open()

    assert "secret" not in str(caught.value)


async def test_a_wrong_password_is_told_without_repeating_it(server: RedisServer, client: Any) -> None:
    client.config_set("requirepass", "right")
    try:
        for password in ("", ":secret@"):
            store = RedisStore(server.url.replace("127", f"{password}127", 1))
            with pytest.raises(StoreError, match="refuses the user or the password") as caught:
                await store.open()
            assert "secret" not in str(caught.value)
    finally:
        client.execute_command("AUTH", "right")
        client.config_set("requirepass", "")


async def test_a_store_that_is_not_open_says_so() -> None:
    store = RedisStore("redis://localhost")

    calls: list[Awaitable[object]] = [store.get("", "run"), store.changed("", 1), store.stats("")]
    for call in calls:
        with pytest.raises(StoreError, match=r"is not open: await its open\(\) first"):
            await call
    with pytest.raises(StoreError, match="is not open"):
        store.beat("worker", 60)
    assert store.commit_now([]) is None


# ---- servers that lose runs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "maxmemory"),
    [("allkeys-lru", 0), ("allkeys-random", 1 << 30), ("volatile-ttl", 1 << 30), ("volatile-lru", 1 << 30)],
)
async def test_a_server_that_drops_keys_is_refused(
    server: RedisServer, client: Any, policy: str, maxmemory: int
) -> None:
    client.config_set("maxmemory-policy", policy)
    client.config_set("maxmemory", maxmemory)

    with pytest.raises(StoreError, match=rf"maxmemory-policy {policy}\), and runs with them: set .* noeviction"):
        await RedisStore(server.url).open()


@pytest.mark.parametrize(("policy", "maxmemory"), [("noeviction", 1 << 30), ("volatile-lru", 0)])
async def test_one_that_drops_nothing_is_fine(server: RedisServer, client: Any, policy: str, maxmemory: int) -> None:
    client.config_set("maxmemory-policy", policy)
    client.config_set("maxmemory", maxmemory)

    async with open_redis_store(server.url) as store:
        await admitted(store)


async def test_without_an_append_only_file_a_warning_is_logged_once(
    server: RedisServer, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client.config_set("appendonly", "no")
    store = RedisStore(server.url, prefix=new_prefix())

    for _ in range(2):
        await store.open()
        await store.close()

    [warning] = warnings_of(caplog)
    assert warning.startswith(f"{store.label}: the append-only file is off, so a restart of the server loses runs")


async def test_with_one_nothing_is_logged(server: RedisServer, client: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with open_redis_store(server.url):
        assert warnings_of(caplog) == []


async def test_a_server_that_does_not_tell_is_warned_of(
    server: RedisServer, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client.execute_command("ACL", "SETUSER", "shy", "on", ">pw", "~*", "&*", "+@all", "-info")

    async with open_redis_store(server.url.replace("127", "shy:pw@127", 1)) as store:
        await admitted(store)
        assert (await store.stats("")).size is None

    [warning] = warnings_of(caplog)
    assert "does not tell how it keeps its data" in warning


async def test_a_user_that_may_not_listen_finds_out_later(server: RedisServer, client: Any) -> None:
    client.execute_command("ACL", "SETUSER", "deaf", "on", ">pw", "~*", "resetchannels", "+@all")

    async with open_redis_store(server.url.replace("127", "deaf:pw@127", 1)) as store:
        state = await admitted(store)
        assert await store.put_back(state.key, state.run.fence)  # which tells others, if it may
        assert await store.changed("", 0) in (True, False)


async def test_a_full_server_takes_nothing_and_keeps_everything(server: RedisServer, client: Any) -> None:
    async with open_redis_store(server.url) as store:
        state = await admitted(store)
        client.config_set("maxmemory", 1)

        with pytest.raises(StoreError, match=r"memory is full \(maxmemory\), and nothing of this write was kept"):
            await store.commit([hop(state)])
        with pytest.raises(StoreError, match="memory is full"):
            await admitted(store, new_run("other"))

        client.config_set("maxmemory", 0)
        assert await store.get("", "run") == state.run
        assert await store.commit([hop(state)]) == [True]


# ---- schema ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "problem"),
    [("2", "has schema version 2, .* knows 1: upgrade"), ("x", "does something else use this prefix")],
)
async def test_a_schema_that_is_not_known_is_refused(
    server: RedisServer, client: Any, version: str, problem: str
) -> None:
    prefix = new_prefix()
    client.set(f"{{{prefix}}}:schema", version)

    with pytest.raises(StoreError, match=problem):
        await RedisStore(server.url, prefix=prefix).open()


async def test_the_schema_is_written_down(server: RedisServer, client: Any) -> None:
    prefix = new_prefix()

    async with open_redis_store(server.url, prefix=prefix):
        assert client.get(f"{{{prefix}}}:schema") == b"1"


def test_python_and_the_scripts_agree_on_the_fields() -> None:
    text = (
        Path(sys.modules[RedisStore.__module__].__file__ or "").with_name("scripts").joinpath("fields.lua").read_text()
    )

    [table] = re.findall(r"local FIELDS = \{(.*?)\}", text, re.DOTALL)

    assert tuple(re.findall(r"'(\w+)'", table)) == FIELDS
