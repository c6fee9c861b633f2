"""With ``appendfsync always`` nothing that was confirmed is missing, whenever the server is killed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from cnstra.errors import StoreError
from cnstra.persist.delta import Delta
from cnstra.stores.redis import RedisStore
from cnstra.testing.building import admitted, after, enqueued, hop, new_run
from tests.servers.redis import RedisServer, redis_server
from tests.stores.redis_stores import open_redis_store

RUNS = 8


@pytest.fixture(params=["valkey", "redis"])
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with redis_server(request.param, aof=True) as server:
        yield server


class Load:
    """Runs that commit hop after hop until the server is gone.

    A server that is only slow is asked again.

    Attributes:
        confirmed: How many commits of each run were.
        under_way: The last one of each, of which nobody was told.
        is_heavy: Set when as many as *enough* were confirmed, and one of each run.
        is_over: Set before the server is killed.
    """

    def __init__(self, store: RedisStore, enough: int) -> None:
        self.confirmed: Counter[str] = Counter()
        self.under_way: dict[str, Delta] = {}
        self.is_heavy = asyncio.Event()
        self.is_over = False
        self._enough = enough
        self._store = store

    async def run(self, run_id: str) -> None:
        state = await admitted(self._store, new_run(run_id))
        while True:
            delta = self.under_way[run_id] = hop(state)
            while True:
                try:
                    assert await self._store.commit([delta]) == [True]
                    break
                except StoreError:
                    if self.is_over:
                        return
            self.confirmed[run_id] += 1
            if self.confirmed.total() >= self._enough and len(self.confirmed) == RUNS:
                self.is_heavy.set()
            state = after(state, delta)


@pytest.mark.parametrize("confirmed", [1, 150, 400])
async def test_no_confirmed_commit_is_missing_after_a_kill_under_load(server: RedisServer, confirmed: int) -> None:
    store = RedisStore(server.url, timeout=5.0)
    await store.open()
    load = Load(store, confirmed)
    running = [asyncio.ensure_future(load.run(f"run-{n}")) for n in range(RUNS)]
    await load.is_heavy.wait()

    load.is_over = True
    await asyncio.to_thread(server.kill)
    await asyncio.gather(*running)
    await asyncio.to_thread(server.start)

    for run_id, delta in load.under_way.items():
        run = await store.get("", run_id)
        assert run is not None
        assert run.hop_count - load.confirmed[run_id] in (0, 1)  # the last one may be there: nobody was told
        assert await store.commit([delta]) == [True]
        assert len(await store.tasks("", run_id)) == load.confirmed[run_id] + 1
    await store.close()


async def test_what_was_claimed_waits_or_has_ended_is_found_again(server: RedisServer) -> None:
    async with open_redis_store(server.url, prefix="kept") as store:
        for n in range(6):
            await enqueued(store, f"run-{n}", due_at=None if n < 5 else 9e9)
        states = await store.claim("", "worker", dead=(), limit=3)
        await store.commit([hop(states[0])])
        await store.request_abort("", "run-1", "too slow")
        before, numbers = await store.list(""), await store.stats("")

        await asyncio.to_thread(server.restart)

        assert await store.list("") == before
        assert (await store.stats("")).runs == numbers.runs
        assert await store.abort_requests("", "worker") == [("run-1", "too slow")]
        assert [one.run.stimulation_id for one in await store.claim("", "other", dead=(), limit=9)] == [
            "run-0",
            "run-2",
            "run-3",
            "run-4",
        ]
        assert (await store.next_due("") or 0) > 1e9
