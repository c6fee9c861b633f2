import asyncio
import logging
from random import Random

import pytest

from cnstra import DurableRunner, StoreError
from cnstra.durable import tidying
from cnstra.durable.commands import new_command
from cnstra.durable.retention import Retention
from cnstra.durable.tidying import Tidying
from cnstra.persist.commands import CommandResult
from cnstra.persist.records import WorkerRecord
from cnstra.stores import MemoryStore
from tests.durable.graphs import line, pass_on


async def test_it_tidies_at_once_and_then_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "_EVERY", 0.001)
    enough = asyncio.Event()
    times = 0

    async def bury() -> None:
        nonlocal times
        times += 1
        if times == 3:
            enough.set()

    chore = Tidying(MemoryStore(), "", retention=Retention(None), bury=bury, random=Random(1))
    keeping = asyncio.ensure_future(chore.keep())
    await enough.wait()
    keeping.cancel()
    await asyncio.wait([keeping])

    assert times >= 3


async def test_what_fails_is_tried_again_the_next_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tidying, "_EVERY", 0.001)
    works = asyncio.Event()
    failed = 0

    async def bury() -> None:
        nonlocal failed
        if failed < 2:
            failed += 1
            raise StoreError("no connection")
        works.set()

    chore = Tidying(MemoryStore(), "", retention=Retention(None), bury=bury, random=Random(1))
    keeping = asyncio.ensure_future(chore.keep())
    await works.wait()
    keeping.cancel()
    await asyncio.wait([keeping])

    [record] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.message == "cannot tidy up the store: no connection"


async def test_a_worker_that_is_long_gone_is_forgotten_when_another_one_opens() -> None:
    now = 1_000_000.0
    store = MemoryStore(clock=lambda: now)
    await store.add_worker(WorkerRecord("old", "another host", 1), 10.0)
    now += 1_000.0
    await store.add_worker(WorkerRecord("late", "another host", 2), 10.0)
    now += 3_000.0
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        while len(rows := await runner.workers()) == 3:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)

    assert {row.worker_id for row in rows} == {"late", runner.worker_id}


@pytest.mark.parametrize("keeps", [False, True])
async def test_commands_that_ended_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch, *, keeps: bool) -> None:
    monkeypatch.setattr(tidying, "_EVERY", 0.001)
    now, store, rounds = 1_000.0, MemoryStore(clock=lambda: now), asyncio.Semaphore(0)
    for key in ("ended", "waiting"):
        await store.order(new_command("", "retry", "a", key=key, actor="ann", arguments={}))
    await store.take_command("", "worker", kinds=["retry"], dead=())
    await store.end_command("", 1, 1, CommandResult("done", "it was"))
    now += tidying.COMMANDS_KEPT + 1.0

    async def bury() -> None:
        rounds.release()

    retention = Retention(None)
    chore = Tidying(store, "", retention=retention, bury=bury, random=Random(1), keeps_commands=keeps)
    keeping = asyncio.ensure_future(chore.keep())
    await rounds.acquire()
    await rounds.acquire()
    keeping.cancel()
    await asyncio.wait([keeping])

    assert [command.key for command in await store.commands("")] == (["waiting", "ended"] if keeps else ["waiting"])
