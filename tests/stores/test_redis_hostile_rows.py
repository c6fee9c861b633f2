"""What somebody else may have done to the keys of a store."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeAlias

import msgspec
import pytest
import redis

from cnstra.errors import StoreError
from cnstra.persist.commands import NewCommand
from cnstra.persist.records import RunFilter
from cnstra.stores.redis import RedisStore
from cnstra.stores.redis.link import Link
from cnstra.stores.redis.packing import pack
from cnstra.stores.redis.script import Script
from cnstra.testing.building import FINAL, admitted, enqueued, failure, hop, new_run, run_to_its_end, worker
from tests.stores.redis_stores import new_prefix, open_redis_store

Command: TypeAlias = tuple[str | bytes, ...]
Spoil: TypeAlias = Callable[..., object]


@pytest.fixture
def prefix() -> str:
    return new_prefix()


@pytest.fixture
def spoil(valkey_url: str, prefix: str) -> Iterator[Spoil]:
    """Run commands on keys of the default scope."""
    with redis.Redis.from_url(valkey_url) as client:
        command: Any = client.execute_command
        yield lambda *commands: [command(one[0], f"{{{prefix}:}}:{one[1]!s}", *one[2:]) for one in commands]


@pytest.fixture
async def pair(valkey_url: str, prefix: str) -> AsyncIterator[RedisStore]:
    """A store with a run ``bad``, which tests spoil, and after it a run ``good``."""
    async with open_redis_store(valkey_url, prefix=prefix) as store:
        bad = failure(await admitted(store, new_run("bad")))
        bad.ended = None
        await store.commit([bad])
        await admitted(store, new_run("good"))
        yield store


SPOILED: dict[str, tuple[list[Command], str]] = {
    "an unknown status": (
        [("HSET", "run:bad", "status", "paused")],
        "its status is 'paused', which this version does not know",
    ),
    "no fence": ([("HDEL", "run:bad", "fence")], "its fence is missing"),
    "a fence that is no number": ([("HSET", "run:bad", "fence", "many")], "fence is b'many', which is no integer"),
    "a time that is none": ([("HSET", "run:bad", "updated", "noon")], "b'noon' is no number"),
    "options that end early": ([("HSET", "run:bad", "about", b"\x95")], "options cannot be read back"),
    "options of another form": (
        [("HSET", "run:bad", "about", b"\x95\x01\x01\x01\x01\x01")],
        "options cannot be read back",
    ),
    "options without an end": ([("HSET", "run:bad", "about", b"\x91" * 100_000)], "options cannot be read back"),
    "an owner that is no text": ([("HSET", "run:bad", "owner", b"\xff")], "owner is b'\\xff', which is no text"),
    "an error that is none": ([("HSET", "run:bad", "error", "boom")], "an error cannot be read back"),
    "no entry signal": ([("DEL", "signals:bad")], "its entry signal 0 is missing"),
    "an entry signal that is none": ([("HSET", "signals:bad", "0", b"\x80")], "signal 0 cannot be read back"),
    "a run of another kind": ([("DEL", "run:bad"), ("SET", "run:bad", "x")], "WRONGTYPE"),
    "signals of another kind": ([("DEL", "signals:bad"), ("SET", "signals:bad", "x")], "WRONGTYPE"),
}
WHOLE: dict[str, tuple[list[Command], str]] = {
    "a task that is none": ([("HSET", "run:bad", "#0", b"\x01")], "task 0 cannot be read back"),
    "a task without a number": (
        [("HSET", "run:bad", "#first", b"\x01")],
        "number of a task is b'first', which is no integer",
    ),
    "a failure that is none": ([("HSET", "failures:bad", "0", "boom")], "an error cannot be read back"),
    "failures of another kind": ([("DEL", "failures:bad"), ("SET", "failures:bad", "x")], "WRONGTYPE"),
    "a context of no neuron": ([("HSET", "run:bad", b"=\xff", "1")], "name of a neuron is b'\\xff', which is no text"),
    "a count that is none": ([("HSET", "run:bad", "+card", "x")], "which is no integer"),
}
DONE: dict[str, tuple[Command, str]] = {
    "an attempt of a kind": (("HSET", "attempts:bad", "1:status", "odd"), "attempts"),
    "an attempt without number": (("HSET", "attempts:bad", "x:status", "lost"), "attempts"),
    "an attempt of nobody": (("HDEL", "attempts:bad", "1:worker"), "attempts"),
    "an entry of the history": (("RPUSH", "history:bad", b"\x90"), "tasks"),
    "a signal": (("HSET", "signals:bad", "7", b"\x90"), "tasks"),
    "a signal without number": (("HSET", "signals:bad", "x", b"\x90"), "tasks"),
}


@pytest.mark.parametrize("name", SPOILED)
async def test_what_cannot_be_read_concerns_that_run_only(
    pair: RedisStore, spoil: Spoil, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    commands, problem = SPOILED[name]
    spoil(*commands)

    with pytest.raises(StoreError, match=r"run 'bad' cannot be read: .*; delete or repair the run") as caught:
        await pair.get("", "bad")
    with caplog.at_level(logging.ERROR, logger="cnstra.stores"):
        states = await pair.claim("", "other", dead=(), limit=1)
        page = await pair.list("")

    assert problem in str(caught.value)
    assert [state.run.stimulation_id for state in states] == ["good"]
    assert [run.stimulation_id for run in page] == ["good"]
    assert "a stored run is left alone: " in caplog.text
    assert "a stored run is left out of the list: " in caplog.text


@pytest.mark.parametrize("name", WHOLE)
async def test_a_frontier_that_cannot_be_read_is_left_alone(pair: RedisStore, spoil: Spoil, name: str) -> None:
    commands, problem = WHOLE[name]
    spoil(*commands)
    before = await pair.get("", "bad")

    for read in (pair.peek("", "bad"), pair.take("", "bad", "other", statuses=["running"], dead=())):
        with pytest.raises(StoreError, match="run 'bad' cannot be read") as caught:
            await read
        assert problem in str(caught.value)

    assert [state.run.stimulation_id for state in await pair.claim("", "other", dead=(), limit=1)] == ["good"]
    assert await pair.get("", "bad") == before


@pytest.mark.parametrize("name", [*SPOILED, *WHOLE])
async def test_whatever_cannot_be_read_can_be_deleted(pair: RedisStore, spoil: Spoil, name: str) -> None:
    spoil(*(SPOILED | WHOLE)[name][0])

    assert await pair.delete("", "bad", dead=())

    assert [run.stimulation_id for run in await pair.list("")] == ["good"]
    assert (await pair.stats("")).runs["running"] == 1
    await admitted(pair, new_run("bad"))
    assert await pair.tasks("", "bad") == []


@pytest.mark.parametrize("name", DONE)
async def test_what_was_done_and_cannot_be_read_is_told(pair: RedisStore, spoil: Spoil, name: str) -> None:
    command, method = DONE[name]
    spoil(command)

    with pytest.raises(StoreError, match="run 'bad' cannot be read"):
        await getattr(pair, method)("", "bad")


async def test_a_run_without_its_id_can_be_deleted(pair: RedisStore, spoil: Spoil) -> None:
    spoil(("HDEL", "run:bad", "id"))

    assert await pair.get("", "bad") is None
    assert await pair.take("", "bad", "other", statuses=["running"], dead=()) is None
    assert not await pair.settle("", "bad", "aborted", dead=())
    assert await pair.delete("", "bad", dead=())

    assert (await pair.stats("")).runs["running"] == 1


async def test_an_input_that_cannot_be_read_is_told(pair: RedisStore, spoil: Spoil) -> None:
    state = await admitted(pair, new_run("third"))
    await pair.commit([hop(state)])
    spoil(("HSET", "signals:third", "1", b"\x90"))

    with pytest.raises(StoreError, match="run 'third' cannot be read: signal 1 cannot be read back"):
        await pair.frontier("", "third")


async def test_a_commit_into_a_key_of_another_kind_harms_only_itself(pair: RedisStore, spoil: Spoil) -> None:
    states = [await admitted(pair, new_run(run_id)) for run_id in ("one", "two", "three")]
    spoil(("SET", "history:two", "x"))

    with pytest.raises(StoreError, match=r"run 'two' takes no commit: .*WRONGTYPE"):
        await pair.commit([hop(state) for state in states])

    assert [len(await pair.tasks("", run_id)) for run_id in ("one", "three")] == [1, 1]
    run = await pair.get("", "two")
    assert run is not None
    assert run.hop_count == 0


async def test_what_is_left_of_a_deleted_run_is_not_found(pair: RedisStore, spoil: Spoil) -> None:
    spoil(("DEL", "run:bad"))

    assert [state.run.stimulation_id for state in await pair.claim("", "other", dead=(), limit=9)] == ["good"]
    assert await pair.get("", "bad") is None
    assert [run.stimulation_id for run in await pair.list("")] == ["good"]
    await admitted(pair, new_run("bad"))
    assert len(await pair.tasks("", "bad")) == 0
    assert await pair.attempts("", "bad") != []


async def test_a_place_that_is_left_of_an_earlier_run_gives_no_right_to_the_next_one(
    pair: RedisStore, spoil: Spoil
) -> None:
    spoil(("HDEL", "run:bad", "number"))
    await pair.delete("", "bad", dead=())
    await pair.add_worker(worker("alive"), lease=60)
    await admitted(pair, new_run("bad"), worker_id="alive")

    assert [state.run.stimulation_id for state in await pair.claim("", "other", dead=(), limit=9)] == ["good"]
    assert (await pair.stats("")).runs["running"] == 2


async def test_a_place_in_the_index_that_makes_no_sense_is_passed_over(pair: RedisStore, spoil: Spoil) -> None:
    spoil(*(("ZADD", "open", "0", member) for member in ("nonsense", "-", "-short", "5:w", "999999:x", b"\xff\x00")))

    states = await pair.claim("", "other", dead=(), limit=9)

    assert [state.run.stimulation_id for state in states] == ["bad", "good"]


async def test_a_purge_that_meets_what_was_changed_by_hand_comes_to_an_end(pair: RedisStore, spoil: Spoil) -> None:
    for run_id in ("a", "b", "c"):
        await run_to_its_end(pair, run_id)
    spoil(("HSET", "run:a", "status", "running"), ("DEL", "run:b"))

    assert await pair.purge("", statuses=FINAL, older_than=-1) == 1
    assert await pair.purge("", statuses=FINAL, older_than=-1) == 0


async def test_an_error_that_cannot_be_read_matches_no_text(pair: RedisStore, spoil: Spoil) -> None:
    spoil(("HSET", "run:bad", "error", "x"))

    assert len(await pair.list("", where=RunFilter(error="x"))) == 0


async def test_a_worker_that_cannot_be_read_is_left_out(
    pair: RedisStore, valkey_url: str, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        client.hset(f"{{{prefix}}}:workers", "odd", "x")

    assert await pair.workers() == []
    assert "worker b'odd' is left out" in caplog.text


async def test_a_run_that_becomes_unreadable_while_it_is_taken_is_given_back(
    pair: RedisStore, spoil: Spoil, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enqueued(pair, "third")
    call = Link.call

    async def spoiling(self: Link, script: Script, *arguments: Any) -> Any:
        if script.name == "claim":  # its former owner commits between the reading and the taking
            spoil(("HSET", "run:third", "sequence", "5"), ("HSET", "run:third", "#0", b"\x01"))
        return await call(self, script, *arguments)

    monkeypatch.setattr(Link, "call", spoiling)
    states = await pair.claim("", "other", dead=(), limit=9)

    assert [state.run.stimulation_id for state in states] == ["bad", "good"]
    run = await pair.get("", "third")
    assert run is not None
    assert (run.status, run.attempt_number, run.fence) == ("pending", 0, 1)


# ---- commands --------------------------------------------------------------------------------------------------------

BAD_COMMANDS: dict[str, tuple[Command, str]] = {
    "no actor": (("HDEL", "commands", "1:actor"), "its actor is missing"),
    "a key that is no text": (("HSET", "commands", "1:key", b"\xff"), "which is no text"),
    "no arguments": (("HDEL", "commands", "1:arguments"), "its object of arguments is missing"),
    "an unknown status": (("HSET", "commands", "1:status", "paused"), "its status is 'paused'"),
    "an unknown kind": (("HSET", "commands", "1:kind", "explode"), "its kind is 'explode'"),
    "a time that is none": (("HSET", "commands", "1:ordered", "noon"), "b'noon' is no number"),
    "takes that are no number": (("HSET", "commands", "1:takes", "often"), "takes is b'often'"),
}


@pytest.mark.parametrize("name", BAD_COMMANDS)
async def test_a_command_that_cannot_be_read_is_told_and_left_out(
    pair: RedisStore, spoil: Spoil, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    spoiling, problem = BAD_COMMANDS[name]
    await pair.order(_new_command("bad"))
    await pair.order(_new_command("good"))
    spoil(spoiling)

    with pytest.raises(StoreError, match="command 1 cannot be read") as caught:
        await pair.command("", "bad")

    assert problem in str(caught.value)
    assert [one.key for one in await pair.commands("")] == ["good"]
    assert "a stored command is left out of the list: " in caplog.text


async def test_a_command_that_cannot_be_read_holds_no_other_up(pair: RedisStore, spoil: Spoil) -> None:
    await pair.add_worker(worker(), lease=60)
    await pair.order(_new_command("bad"))
    await pair.order(_new_command("good"))
    spoil(("HDEL", "commands", "1:arguments"))

    with pytest.raises(StoreError, match="command 1 cannot be read: its object of arguments is missing"):
        await pair.take_command("", "worker", kinds=["retry"], dead=())
    taken = await pair.take_command("", "worker", kinds=["retry"], dead=())

    assert taken is not None
    assert taken.key == "good"


async def test_a_place_that_is_left_of_a_command_is_passed_over(pair: RedisStore, spoil: Spoil) -> None:
    await pair.order(_new_command("gone"))
    await pair.order(_new_command("good"))
    spoil(("HDEL", "commands", "1:key"), ("ZADD", "commands:waiting", "0", "retry:", "0", "retry:-", "0", "retry:0x"))

    taken = await pair.take_command("", "worker", kinds=["retry", "clone"], dead=())

    assert taken is not None
    assert taken.key == "good"


def _new_command(key: str) -> NewCommand:
    return NewCommand("", key, "retry", "run", b"{}", "ann")


async def test_a_history_of_an_older_version_is_read(pair: RedisStore, spoil: Spoil) -> None:
    row = (3, 1, "card", "paid", 0, None, "done", None, 1.5, 0.25, {"card": b"1"})  # before tasks had logs
    spoil(("DEL", "history:bad"), ("RPUSH", "history:bad", pack(row)))

    [one] = await pair.tasks("", "bad")

    assert one.settled.task == (3, "card", "paid", 0, None, None)
    assert (one.settled.contexts, one.settled.logs) == ({"card": b"1"}, ())


async def test_a_history_without_logs_can_be_read_by_an_older_version(pair: RedisStore, spoil: Any) -> None:
    await pair.commit([hop(await admitted(pair, new_run("run")))])

    [[row]] = spoil(("LRANGE", "history:run", "0", "-1"))

    assert len(msgspec.msgpack.decode(row)) == 11


async def test_a_line_of_a_log_that_is_no_text_is_told(pair: RedisStore, spoil: Spoil) -> None:
    row = (3, 1, "card", "paid", 0, None, "done", None, 1.5, 0.25, None, [(1.0, b"INFO", b"shop", b"\xff")])
    spoil(("RPUSH", "history:bad", pack(row)))

    with pytest.raises(StoreError, match=r"run 'bad' cannot be read: a line of a log is b'\\xff', which is no text"):
        await pair.tasks("", "bad")
