"""The stores that the tests run on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cnstra.persist.ports import Store
from cnstra.stores import MemoryStore, SqliteStore
from cnstra.stores.redis import RedisStore
from tests.servers.redis import redis_url
from tests.stores.redis_stores import open_redis_store


@pytest.fixture
async def sqlite_store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    # What is tested is in the file as soon as it is committed; that it survives a power cut is SQLite's promise.
    store = SqliteStore(tmp_path / "runs.db", synchronous="OFF", busy_timeout=0.2)
    await store.open()
    yield store
    await store.close()


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    with redis_url("valkey") as url:
        yield url


@pytest.fixture(scope="session")
def old_redis_url() -> Iterator[str]:
    with redis_url("redis") as url:
        yield url


@pytest.fixture
async def redis_store(valkey_url: str) -> AsyncIterator[RedisStore]:
    async with open_redis_store(valkey_url) as store:
        yield store


@pytest.fixture(params=["memory", "sqlite", "valkey", "old_redis"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param in ("valkey", "old_redis"):
        async with open_redis_store(request.getfixturevalue(f"{request.param}_url")) as redis_store:
            yield redis_store
        return
    store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "runs.db", synchronous="OFF")
    await store.open()
    yield store
    await store.close()
