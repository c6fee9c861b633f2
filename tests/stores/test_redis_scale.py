from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest
import redis

from cnstra.persist.commands import CommandKind, CommandResult, NewCommand
from cnstra.persist.records import NewRun, RunFilter, RunState
from cnstra.stores.redis import RedisStore
from cnstra.testing.building import (
    COMPLETED,
    FAILED,
    FINAL,
    admitted,
    after,
    empty_delta,
    enqueued,
    hop,
    new_run,
    settled,
    signal,
    task,
    worker,
)
from tests.servers.redis import RedisServer, redis_server
from tests.stores.redis_stores import new_prefix, open_redis_store

FAR = 9e9  # seconds since the epoch


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A server that nobody else uses, so that it can be asked what it has done."""
    with redis_server() as server:
        yield server


@pytest.fixture
def client(server: RedisServer) -> Iterator[Any]:
    with redis.Redis.from_url(server.url) as client:
        yield client


def calls(client: Any) -> int:
    """Return how many commands were executed, in scripts and outside of them, but for this question."""
    told = client.info("commandstats")
    return sum(one["calls"] for name, one in told.items() if not name.startswith(("cmdstat_info", "cmdstat_config")))


async def fill(store: RedisStore, count: int) -> None:
    """Store so many runs that wait, that are not due yet, and that are over."""
    waiting = [enqueued(store, f"waiting-{n}") for n in range(count)]
    scheduled = [enqueued(store, f"scheduled-{n}", due_at=FAR + n) for n in range(count)]
    await asyncio.gather(*waiting, *scheduled)
    over = await asyncio.gather(*(admitted(store, new_run(f"over-{n}")) for n in range(count)))
    await store.commit([hop(state, ended=COMPLETED) for state in over])


async def order_many(store: RedisStore, count: int) -> None:
    """Store so many commands that wait, and that have ended."""
    await asyncio.gather(*(store.order(command(f"ended-{n}", "abort")) for n in range(count)))
    for n in range(count):
        await store.take_command("", "worker", kinds=["abort"], dead=())
        await store.end_command("", n + 1, 1, CommandResult("done", "it is over"))
    for kind in ("clone", "retry"):
        await asyncio.gather(*(store.order(command(f"{kind}-{n}", kind)) for n in range(count)))


def command(key: str, kind: CommandKind) -> NewCommand:
    return NewCommand("", key, kind, f"run-{key}", b"{}", "ann")


WORK: dict[str, Callable[[RedisStore], Awaitable[object]]] = {
    "claim": lambda store: store.claim("", "worker", dead=(), limit=10),
    "list": lambda store: store.list("", limit=10),
    "list of a status": lambda store: store.list("", where=RunFilter(statuses=["completed"]), limit=10),
    "stats": lambda store: store.stats(""),
    "next due": lambda store: store.next_due(""),
    "abort requests": lambda store: store.abort_requests("", "worker"),
    "get": lambda store: store.get("", "waiting-3"),
    "purge": lambda store: store.purge("", statuses=FINAL, older_than=-1, limit=10),
}


async def test_no_work_grows_with_the_number_of_runs(server: RedisServer, client: Any) -> None:
    done: list[dict[str, int]] = []
    for count in (40, 600):
        async with open_redis_store(server.url) as store:
            await fill(store, count)
            done.append({})
            for name, work in WORK.items():
                await work(store)  # the scripts are known after this
                before = calls(client)
                await work(store)
                done[-1][name] = calls(client) - before

    assert done[0] == done[1]


COMMANDS: dict[str, Callable[[RedisStore], Awaitable[object]]] = {
    "order": lambda store: store.order(command(str(uuid4()), "retry")),
    "take": lambda store: store.take_command("", "worker", kinds=["retry"], dead=()),
    "look in vain": lambda store: store.take_command("", "other", kinds=["fork"], dead=()),
    "find": lambda store: store.command("", "ended-3"),
    "list": lambda store: store.commands("", limit=10),
    "list of a run": lambda store: store.commands("", stimulation_id="run-ended-3"),
    "purge": lambda store: store.purge_commands("", older_than=-1, limit=10),
}


async def test_no_work_grows_with_the_number_of_commands(server: RedisServer, client: Any) -> None:
    done: list[dict[str, int]] = []
    for count in (30, 200):
        async with open_redis_store(server.url) as store:
            await store.add_worker(worker(), lease=60)
            await order_many(store, count)
            done.append({})
            for name, work in COMMANDS.items():
                await work(store)
                await work(store)  # the scripts are known after this, also the one that asks which workers live
                before = calls(client)
                await work(store)
                done[-1][name] = calls(client) - before

    assert done[0] == done[1]


async def test_many_commands_are_listed_and_purged_whole(redis_store: RedisStore) -> None:
    await order_many(redis_store, 250)

    assert [one.number for one in await redis_store.commands("", limit=720)] == [*range(750, 30, -1)]
    assert await redis_store.purge_commands("", older_than=-1, limit=230) == 230
    assert [one.key for one in await redis_store.commands("", before=252)] == [
        "clone-0", *(f"ended-{n}" for n in range(249, 229, -1)),
    ]  # fmt: skip


async def test_a_hop_does_no_more_beside_many_outstanding_tasks(server: RedisServer, client: Any) -> None:
    done: list[int] = []
    async with open_redis_store(server.url) as store:
        for count in (1, 2_000):
            state = await admitted(store, new_run(f"run-{count}", tasks=count))
            first = hop(state)
            await store.commit([first])
            before = calls(client)
            await store.commit([hop(after(state, first))])
            done.append(calls(client) - before)

    assert done[0] == done[1]


# ---- more than one script takes --------------------------------------------------------------------------------------


async def test_many_deltas_of_one_run_are_applied_in_order(redis_store: RedisStore) -> None:
    state = await admitted(redis_store)
    deltas = []
    for _ in range(400):
        deltas.append(hop(state))
        state = after(state, deltas[-1])

    assert await redis_store.commit(deltas) == [True] * 400

    assert [row.task.ordinal for row in await redis_store.frontier("", "run")] == [400]
    assert [one.settled.ordinal for one in await redis_store.tasks("", "run")] == list(range(400))


async def test_deltas_of_many_scopes_keep_their_places(redis_store: RedisStore) -> None:
    states = [await admitted(redis_store, new_run(f"run-{n}", scope=f"scope-{n % 3}")) for n in range(30)]
    await redis_store.take("scope-1", "run-4", "other", statuses=["running"], dead=["worker"])

    applied = await redis_store.commit([hop(state) for state in states])

    assert applied == [n != 4 for n in range(30)]


async def test_a_long_history_and_a_wide_frontier_are_read_whole(redis_store: RedisStore) -> None:
    state = await admitted(redis_store)
    delta = empty_delta(state)
    delta.signals = {n: signal(n, producer=n - 1) for n in range(1, 2_501)}
    delta.tasks = {n: task(n, of=n) for n in range(1, 2_501)}
    delta.history = [settled(task(n, of=n)) for n in range(2_500)]
    delta.next_task = delta.next_signal = 2_501
    delta.contexts = {f"neuron-{n}": b"%d" % n for n in range(1_200)}
    await redis_store.commit([delta])

    history = await redis_store.tasks("", "run")
    [taken] = await redis_store.claim("", "other", dead=(), limit=1)

    assert [one.settled.ordinal for one in history] == list(range(2_500))
    assert [one.input for one in history[:2]] == [signal(0), signal(1, producer=0)]
    assert [row.ordinal for row in taken.tasks] == list(range(2_501))
    assert taken.signals[2_500] == signal(2_500, producer=2_499)
    assert len(taken.signals) == 2_501
    assert taken.contexts["neuron-1199"] == b"1199"


async def test_many_failed_tasks_are_read_and_forgiven(redis_store: RedisStore) -> None:
    state = await admitted(redis_store, new_run(tasks=1_500))
    delta = empty_delta(state, ended=FAILED)
    error = FAILED.error
    assert error is not None
    delta.failures = dict.fromkeys(range(1_500), error)
    await redis_store.commit([delta])

    failed = await redis_store.frontier("", "run")
    taken = await redis_store.take("", "run", "other", statuses=["failed"], dead=())

    assert {one.task.failure for one in failed} == {error}
    assert taken is not None
    assert {row.failure for row in taken.tasks} == {None}
    assert {one.task.failure for one in await redis_store.frontier("", "run")} == {None}


async def test_many_entry_signals_are_kept(redis_store: RedisStore) -> None:
    entry = [signal(n) for n in range(2_300)]
    new = NewRun("", "run", b"{}", entry, [task(n, of=n) for n in range(2_300)])

    state = await admitted(redis_store, new)

    assert state.run.entry == tuple(entry)
    assert await redis_store.peek("", "run") == state


async def test_many_runs_that_become_due_at_once_are_claimed_by_priority(server: RedisServer, client: Any) -> None:
    prefix = new_prefix()
    async with open_redis_store(server.url, prefix=prefix) as store:
        runs = [enqueued(store, f"run-{n}", due_at=FAR + n, priority=n) for n in range(2_300)]
        await asyncio.gather(*runs)
        due = f"{{{prefix}:}}:due"
        client.zunionstore(due, {due: 0})  # all of them are due now

        states = await store.claim("", "worker", dead=(), limit=3)

    assert [state.run.priority for state in states] == [2_299, 2_298, 2_297]


async def test_a_claim_of_very_many_takes_them_all(redis_store: RedisStore) -> None:
    await redis_store.add_worker(worker(), lease=60)
    await asyncio.gather(*(enqueued(redis_store, f"run-{n}") for n in range(170)))

    states = await redis_store.claim("", "worker", dead=(), limit=1_000)

    assert len({state.run.stimulation_id for state in states}) == 170
    assert [state.key for state in states] == sorted(state.key for state in states)


async def test_a_filter_finds_few_among_many(redis_store: RedisStore) -> None:
    await asyncio.gather(*(enqueued(redis_store, f"run-{n}") for n in range(500)))
    entry = [signal(0)._replace(collateral_name="rare")]
    for n in (1, 2, 3):
        await admitted(redis_store, NewRun("", f"rare-{n}", b"{}", entry, [task(0)]))
    await asyncio.gather(*(enqueued(redis_store, f"later-{n}") for n in range(500)))

    first = await redis_store.list("", where=RunFilter(entry="rare"), limit=2)
    rest = await redis_store.list("", where=RunFilter(entry="rare"), limit=2, cursor=first.cursor)

    assert [run.stimulation_id for run in (*first, *rest)] == ["rare-3", "rare-2", "rare-1"]
    assert rest.cursor is None


async def test_claimers_in_many_stores_share_the_runs(server: RedisServer) -> None:
    prefix = new_prefix()
    stores = [RedisStore(server.url, prefix=prefix) for _ in range(4)]
    for n, store in enumerate(stores):
        await store.open()
        await store.add_worker(worker(f"worker-{n}"), lease=60)
    await asyncio.gather(*(enqueued(stores[0], f"run-{n}") for n in range(200)))

    async def claim_all(number: int) -> Sequence[RunState]:
        claimed: list[RunState] = []
        while states := await stores[number].claim("", f"worker-{number}", dead=(), limit=7):
            claimed += states
        return claimed

    claims = await asyncio.gather(*(claim_all(number) for number in range(4)))
    for store in stores:
        await store.close()

    claimed = [state.run.stimulation_id for states in claims for state in states]
    assert sorted(claimed) == sorted(f"run-{n}" for n in range(200))
