"""The whole contract on a cluster: a server that refuses a script whose keys are in different slots."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from cnstra.stores.redis import RedisStore
from cnstra.stores.redis.servers import Cluster
from cnstra.testing import StoreContract
from cnstra.testing.building import admitted, hop, new_run
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


async def test_it_is_found_to_be_one(store: RedisStore) -> None:
    assert isinstance(store._link.server, Cluster)


async def test_what_it_takes_in_memory_is_that_of_its_nodes(store: RedisStore) -> None:
    assert ((await store.stats("")).size or 0) > 100_000


async def test_deltas_of_scopes_in_different_slots_are_committed_together(store: RedisStore) -> None:
    states = [await admitted(store, new_run(scope=f"scope-{n}")) for n in range(9)]

    assert await store.commit([hop(state) for state in states]) == [True] * 9


class TestACluster(StoreContract):
    """On one node that has every slot."""
