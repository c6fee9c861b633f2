from __future__ import annotations

import asyncio

import pytest

from cnstra.persist.commands import CommandResult, NewCommand
from cnstra.persist.records import RunFilter
from cnstra.stores import MemoryStore
from cnstra.testing.building import FAILED, FINAL, admitted, failure, hop, new_run, run_to_its_end, worker


async def ids(store: MemoryStore) -> list[str]:
    return [run.stimulation_id for run in await store.list("")]


async def test_a_full_store_forgets_the_longest_ended() -> None:
    store = MemoryStore(max_runs=2)

    for run_id in ("a", "b", "c", "d"):
        await run_to_its_end(store, run_id)

    assert await ids(store) == ["d", "c"]
    assert await store.get("", "a") is None


async def test_the_longest_ended_is_not_always_the_oldest() -> None:
    store = MemoryStore(max_runs=2)
    old = await admitted(store, new_run("old"))
    await run_to_its_end(store, "young")
    await store.commit([failure(old)])

    await admitted(store, new_run("third"))

    assert await ids(store) == ["third", "old"]


async def test_a_run_that_is_not_over_is_never_forgotten() -> None:
    store = MemoryStore(max_runs=1)

    for n in range(4):
        await admitted(store, new_run(f"run-{n}"), worker_id=None if n % 2 else "worker")

    assert len(await ids(store)) == 4


async def test_a_run_that_is_retried_is_not_forgotten() -> None:
    store = MemoryStore(max_runs=1)
    state = await admitted(store, new_run("broken"))
    await store.commit([failure(state)])

    await store.take("", "broken", "worker", statuses=["failed"], dead=())
    await run_to_its_end(store, "other")

    assert await ids(store) == ["broken"]


@pytest.mark.parametrize("end", [None, FAILED])
async def test_delete_on_complete_forgets_a_run_when_it_is_over(end: object) -> None:
    store = MemoryStore(delete_on_complete=True)
    state = await admitted(store)
    assert await ids(store) == ["run"]

    assert await store.commit([failure(state) if end else hop(state, ended=FAILED)]) == [True]

    assert await ids(store) == []
    assert await store.attempts("", "run") == []
    assert await store.tasks("", "run") == []


async def test_a_run_that_has_been_over_for_long_is_forgotten() -> None:
    store = MemoryStore(ttl=0.0)
    await run_to_its_end(store, "old")

    await admitted(store, new_run("new"))

    assert await ids(store) == ["new"]


async def test_within_the_bounds_nothing_is_forgotten() -> None:
    store = MemoryStore()

    for n in range(50):
        await run_to_its_end(store, f"run-{n}")

    assert len(await ids(store)) == 50


async def test_two_runners_in_threads_of_their_own_may_share_it() -> None:
    store = MemoryStore()
    await store.add_worker(worker(), lease=60)

    def admit_some(name: str) -> None:
        async def some() -> None:
            for n in range(200):
                await run_to_its_end(store, f"{name}-{n}")
                assert store.beat("worker", 60)

        asyncio.run(some())

    await asyncio.gather(*(asyncio.to_thread(admit_some, name) for name in "abc"))

    page = await store.list("", where=RunFilter(statuses=FINAL), limit=1000)
    assert len(page) == 600


async def test_what_it_holds_outlives_a_close() -> None:
    store = MemoryStore()
    await run_to_its_end(store, "run")

    await store.close()

    assert await ids(store) == ["run"]


async def test_a_command_that_ended_when_the_clock_began_is_purged() -> None:
    now = [0.0]
    store = MemoryStore(clock=lambda: now[0])
    await store.order(NewCommand("", "key", "retry", "run", b"{}", "ann"))
    taken = await store.take_command("", "worker", kinds=["retry"], dead=())
    assert taken is not None
    await store.end_command("", taken.number, taken.takes, CommandResult("done", "it waits"))

    now[0] = 100.0

    assert await store.purge_commands("", older_than=60) == 1
