"""The whole contract on a cluster: a server that refuses a script whose keys are in different slots."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from cnstra.stores.redis import RedisStore
from cnstra.testing import StoreContract
from tests.servers.redis import RedisServer, redis_server
from tests.stores.redis_stores import new_prefix


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisServer]:
    with redis_server(cluster=True) as server:
        yield server


@pytest.fixture
async def store(cluster: RedisServer) -> AsyncIterator[RedisStore]:
    store = RedisStore(cluster.url, prefix=new_prefix())
    await store.open()
    yield store
    await store.close()


class TestACluster(StoreContract):
    """On one node that has every slot."""
