"""Stores of the package, and runners on them.

CNSTRA_DURABLE_STORES names the stores that these tests run on: ``memory sqlite`` unless it is set, or ``postgres`` and
``valkey`` too, which need a server and take longer.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from redis import Redis

from cnstra.durable import committer
from cnstra.persist.ports import Store
from cnstra.stores import MemoryStore, SqliteStore
from cnstra.stores.postgres import PostgresStore
from cnstra.stores.redis import RedisStore
from tests.servers.redis import redis_url

Reopen = Callable[[], Store]


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    with redis_url("valkey") as url:
        yield url


@pytest.fixture
def redis_prefix(valkey_url: str) -> Iterator[str]:
    """Yield the beginning of keys for one test."""
    prefix = f"cnstra-test-{uuid4().hex}"
    yield prefix
    with Redis.from_url(valkey_url) as client:
        for key in client.scan_iter(f"{{{prefix}*"):
            client.unlink(key)


@pytest.fixture(params=os.environ.get("CNSTRA_DURABLE_STORES", "memory sqlite").split())
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Reopen:
    """Open the same runs each time it is called, as another process would."""
    if request.param == "postgres":
        url, schema = (request.getfixturevalue(name) for name in ("postgres_url", "postgres_schema"))
        return lambda: PostgresStore(url, schema=schema)
    if request.param == "valkey":
        url, prefix = (request.getfixturevalue(name) for name in ("valkey_url", "redis_prefix"))
        return lambda: RedisStore(url, prefix=prefix)
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "runs.db", synchronous="OFF")
    memory = MemoryStore()
    return lambda: memory


@pytest.fixture
def store(stores: Reopen) -> Store:
    return stores()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commits that fail be tried again at once."""
    monkeypatch.setattr(committer, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(committer, "_MAX_PAUSE", 0.001)
