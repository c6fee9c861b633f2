from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnstra.errors import StoreError
from cnstra.persist.commands import CommandResult, NewCommand
from cnstra.persist.records import RunFilter
from cnstra.stores.redis import RedisStore
from cnstra.stores.redis.keys import MAX_NUMBER, Keyspace, handle_of, parse_handle, to_bytes
from cnstra.testing.building import FINAL, admitted, enqueued, failure, hop, new_run, run_to_its_end, signal, worker
from tests.stores.redis_stores import keys_of, new_prefix, open_redis_store, slot_of

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # what is no valid Unicode as well
HOSTILE = [
    "a}b{c:*",
    "{",
    "}",
    "{}",
    "a:b",
    "*",
    "[a-z]?",
    "run:x",
    "signals:run",
    "\x00\r\n$5\r\n",
    "1:x",
    "-",
    "\udcff",
    "%7D",
    "läufe/💥 ",
    "'; redis.call('FLUSHALL') --",
    "x" * 5000,
]


@given(scope=ANY_TEXT, number=st.integers(1, MAX_NUMBER))
def test_a_handle_says_scope_and_number(scope: str, number: int) -> None:
    assert parse_handle(handle_of(scope, number)) == (scope, number)


@pytest.mark.parametrize("key", [0, 1, -1, 7 << 48, -(1 << 80)])
def test_a_handle_of_another_store_is_none(key: int) -> None:
    assert parse_handle(key) is None


@given(one=st.tuples(ANY_TEXT, ANY_TEXT), other=st.tuples(ANY_TEXT, ANY_TEXT))
def test_two_runs_share_no_key(one: tuple[str, str], other: tuple[str, str]) -> None:
    spaces = [Keyspace("cnstra", scope) for scope, _ in (one, other)]
    runs = [{*space.of_run(to_bytes(run_id))} for space, (_, run_id) in zip(spaces, (one, other), strict=True)]

    assert runs[0].isdisjoint(runs[1]) == (one != other)
    for space in spaces:
        indexes = {*space.indexes, *space.commands, space.counter, space.marks}
        assert len(indexes) == 24
        assert indexes.isdisjoint(runs[0] | runs[1])


@given(scope=ANY_TEXT, run_id=ANY_TEXT)
def test_every_key_of_a_scope_is_in_one_slot(scope: str, run_id: str) -> None:
    space = Keyspace("cnstra", scope)

    keys = [*space.indexes, *space.commands, space.counter, *space.of_run(to_bytes(run_id))]

    assert len({slot_of(key) for key in keys}) == 1


def test_prefixes_and_scopes_do_not_run_into_each_other() -> None:
    assert not {*Keyspace("a:b", "c").indexes} & {*Keyspace("a", "b:c").indexes}
    assert not {*Keyspace("a", "}:x").indexes} & {*Keyspace("a", "%7D:x").indexes}


@pytest.mark.parametrize("prefix", ["", "a{b", "a}"])
def test_a_prefix_that_is_no_hash_tag_is_refused(prefix: str) -> None:
    with pytest.raises(StoreError, match="give one without braces"):
        RedisStore("redis://localhost", prefix=prefix)


async def test_whatever_a_run_makes_is_in_one_slot(valkey_url: str) -> None:
    prefix = new_prefix()
    async with open_redis_store(valkey_url, prefix=prefix) as store:
        await store.add_worker(worker(), lease=60)
        state = await admitted(store, new_run("a}b{c:*", scope="{x}"))
        delta = failure(state)
        delta.contexts, delta.hops = {"card": b"1"}, {"card": 1}
        await store.commit([delta])

        keys = await keys_of(valkey_url, prefix)

    own = [key for key in keys if not key.startswith(f"{{{prefix}}}:".encode())]
    assert len(own) > 5
    assert len({slot_of(key) for key in own}) == 1


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_name_is_data_and_nothing_else(redis_store: RedisStore, name: str) -> None:
    await run_to_its_end(redis_store, "other", scope=name)
    await redis_store.add_worker(worker(name), lease=60)
    state = await admitted(redis_store, new_run(name, scope=name), worker_id=name)
    delta = hop(state)
    delta.contexts, delta.hops = {"card": b"1"}, {"card": 2}
    assert await redis_store.commit([delta]) == [True]

    assert await redis_store.request_abort(name, name, name)
    assert await redis_store.abort_requests(name, name) == [(name, name)]
    assert await asyncio.to_thread(redis_store.beat, name, 60)
    assert await redis_store.claim(name, "other", dead=(), limit=9) == []
    assert await redis_store.put_back(state.key, state.run.fence)
    assert await redis_store.claim(name, "other", dead=(), limit=9) == []  # it is aborted instead
    run = await redis_store.get(name, name)
    assert run is not None
    assert (run.scope, run.stimulation_id, run.status) == (name, name, "aborted")
    assert run.error is not None
    assert run.error.message == name
    assert [one.stimulation_id for one in await redis_store.list(name, where=RunFilter(error=name))] == [name]
    assert await redis_store.delete(name, name, dead=())
    assert [one.stimulation_id for one in await redis_store.list(name)] == ["other"]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_name_in_a_command_is_data_and_nothing_else(redis_store: RedisStore, name: str) -> None:
    other = await redis_store.order(NewCommand(name, "other", "retry", "other", b"{}", "ann"))
    new = NewCommand(name, name, "clone", name, name.encode("utf-8", "surrogatepass"), name, seen=name)

    ordered = await redis_store.order(new)

    taken = await redis_store.take_command(name, name, kinds=["clone"], dead=[name])
    assert taken == replace(ordered, status="taken", taken_by=name, takes=1)
    assert await redis_store.end_command(name, ordered.number, 1, CommandResult("done", name, made=name))
    [ended] = await redis_store.commands(name, stimulation_id=name)
    assert (ended.key, ended.arguments, ended.outcome, ended.made) == (name, new.arguments, name, name)
    assert await redis_store.purge_commands(name, older_than=-1) == 1
    assert await redis_store.commands(name) == [other]


async def test_a_scope_that_is_a_pattern_purges_nothing_else(redis_store: RedisStore) -> None:
    for scope in ("a", "*", "a*"):
        await run_to_its_end(redis_store, "run", scope=scope)

    assert await redis_store.purge("*", statuses=FINAL, older_than=-1) == 1

    assert [len(await redis_store.list(scope)) for scope in ("a", "*", "a*")] == [1, 0, 1]


async def test_stores_with_different_prefixes_do_not_see_each_other(valkey_url: str) -> None:
    prefix = new_prefix()
    async with (
        open_redis_store(valkey_url, prefix=prefix) as one,
        open_redis_store(valkey_url, prefix=f"{prefix}:") as other,
    ):
        await enqueued(one, "run")
        await one.add_worker(worker(), lease=60)

        assert await other.claim("", "worker", dead=(), limit=9) == []
        assert await other.workers() == []


async def test_a_delta_finds_its_run_in_a_store_that_has_never_seen_it(valkey_url: str) -> None:
    prefix = new_prefix()
    async with open_redis_store(valkey_url, prefix=prefix) as one, open_redis_store(valkey_url, prefix=prefix) as other:
        states = [await admitted(one, new_run("run", scope=scope)) for scope in ("a", "b", "a}{")]

        assert await other.commit([hop(state) for state in states]) == [True] * 3
        assert await other.put_back(states[1].key, states[1].run.fence)


async def test_signals_of_a_run_with_a_name_of_another_kind_of_key_stay_apart(redis_store: RedisStore) -> None:
    await admitted(redis_store, new_run("run:x"))
    await admitted(redis_store, new_run("x"))

    run = await redis_store.get("", "x")

    assert run is not None
    assert run.entry == (signal(0),)
