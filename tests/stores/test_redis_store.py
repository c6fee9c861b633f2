from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from cnstra.errors import StoreError
from cnstra.stores.redis import RedisStore, watching
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.prompt import PromptServer
from cnstra.stores.redis.script import Script
from cnstra.testing.building import admitted, empty_delta, enqueued, hop, new_run, task, worker
from tests.servers.proxy import proxy_to
from tests.stores.redis_stores import new_prefix, open_redis_store

Meanwhile = Callable[[str, Callable[[], Awaitable[object]]], None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Have something done, once, before a script of that name is called."""

    def arrange(name: str, deed: Callable[[], Awaitable[object]]) -> None:
        call, left = Link.call, [deed]

        async def calling(self: Link, script: Script, *arguments: Any) -> Any:
            if script.name == name and left:
                await left.pop()()
            return await call(self, script, *arguments)

        monkeypatch.setattr(Link, "call", calling)

    return arrange


@pytest.fixture
async def store(redis_store: RedisStore) -> RedisStore:
    """A store with a worker that lives, ``alive``, and a run of one that does not."""
    await redis_store.add_worker(worker("alive"), lease=60)
    await admitted(redis_store, new_run("run"))
    return redis_store


# ---- what cannot be stored -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"priority": 1 << 52}, "the priority 4503599627370496 is out of range"),
        ({"priority": -(1 << 60)}, r"is out of range: it can be -2\*\*51 to 2\*\*51"),
        ({"due_at": math.nan}, "due_at is nan"),
        ({"due_at": math.inf}, "due_at is inf: give seconds since the epoch"),
        ({"clone_of": "\udcff"}, "cannot keep that: .*surrogates not allowed"),
    ],
)
async def test_a_run_that_cannot_be_stored_is_refused_whole(
    redis_store: RedisStore, change: dict[str, Any], problem: str
) -> None:
    with pytest.raises(StoreError, match=problem):
        await redis_store.admit(replace(new_run(), **change), "worker")

    assert await redis_store.get("", "run") is None


async def test_extreme_priorities_are_kept_and_in_order(redis_store: RedisStore) -> None:
    priorities = [0, 1 << 51, -(1 << 51), (1 << 51) - 1, -1]
    for priority in priorities:
        await enqueued(redis_store, f"run {priority}", priority=priority)

    states = await redis_store.claim("", "worker", dead=(), limit=9)

    assert [state.run.priority for state in states] == sorted(priorities, reverse=True)


async def test_a_delta_that_cannot_be_stored_harms_no_other(store: RedisStore) -> None:
    states = [await admitted(store, new_run(run_id)) for run_id in ("one", "two")]
    deltas = [hop(state) for state in states]
    deltas[1].tasks = {1: task(1)._replace(neuron_name="\udcff")}

    with pytest.raises(StoreError, match=r"cannot keep that: .*surrogates not allowed"):
        await store.commit(deltas)

    assert await store.commit(deltas[:1]) == [True]


# ---- handles of other stores -----------------------------------------------------------------------------------------


async def test_a_handle_of_another_store_is_refused(store: RedisStore) -> None:
    delta = empty_delta(await admitted(store, new_run("one")))
    foreign = empty_delta(await admitted(store, new_run("two")))
    foreign.key = 7

    assert await store.commit([foreign, delta]) == [False, True]
    assert not await store.put_back(7, 1)


# ---- others are faster -----------------------------------------------------------------------------------------------


async def test_a_run_that_another_takes_first_is_not_taken(store: RedisStore, meanwhile: Meanwhile) -> None:
    meanwhile("take", lambda: store.take("", "run", "alive", statuses=["running"], dead=()))

    assert await store.take("", "run", "other", statuses=["running"], dead=()) is None

    run = await store.get("", "run")
    assert run is not None
    assert (run.owner, run.fence) == ("alive", 2)


async def test_a_run_that_another_takes_first_is_not_claimed(store: RedisStore, meanwhile: Meanwhile) -> None:
    meanwhile("claim", lambda: store.take("", "run", "alive", statuses=["running"], dead=()))

    assert await store.claim("", "other", dead=(), limit=9) == []


async def test_a_run_that_another_takes_first_is_not_settled(store: RedisStore, meanwhile: Meanwhile) -> None:
    meanwhile("settle", lambda: store.take("", "run", "alive", statuses=["running"], dead=()))

    assert not await store.settle("", "run", "aborted", dead=())


async def test_a_run_that_another_takes_first_is_not_deleted(store: RedisStore, meanwhile: Meanwhile) -> None:
    meanwhile("delete", lambda: store.take("", "run", "alive", statuses=["running"], dead=()))

    assert not await store.delete("", "run", dead=())


async def test_a_run_that_is_retried_meanwhile_is_not_purged(store: RedisStore, meanwhile: Meanwhile) -> None:
    await store.settle("", "run", "failed", dead=())
    meanwhile("purge", lambda: store.take("", "run", "alive", statuses=["failed"], dead=()))

    assert await store.purge("", statuses=["failed"], older_than=-1) == 0

    run = await store.get("", "run")
    assert run is not None
    assert run.status == "running"


async def test_what_its_former_owner_commits_meanwhile_is_in_the_claim(store: RedisStore, meanwhile: Meanwhile) -> None:
    zombie = await admitted(store, new_run("two"))
    meanwhile("claim", lambda: store.commit([hop(zombie)]))

    states = await store.claim("", "other", dead=(), limit=9)

    assert [(state.sequence, state.tasks) for state in states] == [(0, (task(0),)), (1, (task(1, of=1),))]
    assert await store.commit([hop(state) for state in states]) == [True, True]


async def test_an_abort_that_is_requested_meanwhile_is_seen(store: RedisStore, meanwhile: Meanwhile) -> None:
    await enqueued(store, "two")
    meanwhile("claim", lambda: store.request_abort("", "two", "too late"))

    states = await store.claim("", "other", dead=(), limit=9)

    assert [state.run.stimulation_id for state in states] == ["run"]
    run = await store.get("", "two")
    assert run is not None
    assert run.status == "aborted"


# ---- waiting in the thread -------------------------------------------------------------------------------------------


async def test_deltas_of_several_scopes_are_not_prompt(store: RedisStore) -> None:
    deltas = [empty_delta(await admitted(store, new_run("one", scope=scope))) for scope in ("a", "b")]

    assert store.commit_now(deltas) is None

    assert await store.commit(deltas) == [True, True]


async def test_a_server_that_is_not_fast_is_tried_now_and_then(store: RedisStore) -> None:
    prompt = store._prompt
    assert isinstance(prompt, PromptServer)
    prompt._mean = 1.0

    tries = [prompt.is_fast for _ in range(192)]

    assert sum(tries) == 3


async def test_one_fast_answer_is_enough_to_trust_it_again(store: RedisStore) -> None:
    delta = hop(await admitted(store, new_run("one")))
    prompt = store._prompt
    assert isinstance(prompt, PromptServer)
    prompt._mean, prompt._skipped = 1.0, 63

    assert store.commit_now([delta]) == [True]

    assert prompt._mean < 1.0


async def test_a_wide_fan_out_is_not_prompt(store: RedisStore) -> None:
    delta = hop(await admitted(store, new_run("one")))
    delta.tasks = {n: task(n) for n in range(1, 100)}

    assert store.commit_now([delta]) is None
    assert await store.commit([delta]) == [True]


# ---- messages --------------------------------------------------------------------------------------------------------


async def test_a_listener_that_hears_nothing_asks_and_goes_on(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_QUIET", 0.02)
    prefix = new_prefix()
    async with open_redis_store(valkey_url, prefix=prefix) as store:
        quiet = not await store.changed("", 0.3)

        assert quiet  # it has asked several times, and the server was there


async def test_a_listener_that_gets_no_answer_connects_again(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_QUIET", 0.02)
    async with proxy_to(valkey_url) as proxy, open_redis_store(proxy.url) as store:
        proxy.loses_answers = True

        assert await store.changed("", 60)

        proxy.heal()
        while not await store.changed("", 1):  # told when it listens again
            pass
