"""Commands that two processes take from one store at once, of which one is killed over one of them."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from cnstra.persist.commands import CommandRecord, NewCommand
from cnstra.persist.ports import Store
from cnstra.stores import open_store

MANY = 200
DIES_OVER = 5

TAKE = """
import asyncio, sys
from cnstra.persist.commands import CommandResult
from cnstra.stores import open_store
from cnstra.testing.building import worker

async def main(url, name, dies_over):
    store = open_store(url)
    await store.open()
    await store.add_worker(worker(name), 600)
    print("ready", flush=True)
    count = 0
    while True:
        taken = await store.take_command("", name, kinds=["retry"], dead=())
        if taken is None:
            await store.changed("", 0.1)
            continue
        count += 1
        if count == dies_over:
            print(taken.number, flush=True)
            await asyncio.Event().wait()
        assert await store.end_command("", taken.number, taken.takes, CommandResult("done", name))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'runs.db'}"
    server, schema = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_schema")
    return f"{server}{'&' if '?' in server else '?'}cnstra_schema={schema}"


@asynccontextmanager
async def taker(url: str, name: str, dies_over: int = 0) -> AsyncIterator[Process]:
    """Run a process that takes and ends commands; it stops with the command of this place, once it has taken that."""
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", TAKE, url, name, str(dies_over), stdout=PIPE)
    try:
        assert await line_of(child) == "ready"
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def line_of(child: Process) -> str:
    assert child.stdout is not None
    return (await child.stdout.readline()).decode().strip()


async def until_all_have_ended(store: Store, survivor: Process) -> list[CommandRecord]:
    while True:
        rows = await store.commands("", limit=1_000_000)
        if all(row.ended_at is not None for row in rows):
            return list(rows)
        assert survivor.returncode is None
        await asyncio.sleep(0.02)


async def test_each_command_is_taken_once_unless_its_process_is_killed(url: str) -> None:
    async with AsyncExitStack() as stack:
        store = open_store(url)
        await store.open()
        stack.push_async_callback(store.close)
        victim = await stack.enter_async_context(taker(url, "victim", DIES_OVER))
        survivor = await stack.enter_async_context(taker(url, "survivor"))
        told = asyncio.create_task(line_of(victim))

        ordered = 0
        while ordered < MANY or not told.done():
            await store.order(NewCommand("", f"key {ordered}", "retry", "run", b"{}", "ann"))
            ordered += 1
        held = int(await told)
        victim.kill()
        await store.remove_worker("victim")  # as its lease would, once it ends
        rows = await until_all_have_ended(store, survivor)

        assert len(rows) == ordered
        assert [(row.number, row.takes) for row in rows if row.takes != 1] == [(held, 2)]
        assert [row.outcome for row in rows].count("victim") == DIES_OVER - 1
        assert all(row.outcome == row.taken_by for row in rows)
