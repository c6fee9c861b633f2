import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from cnstra import DurableRunner, StoreError
from cnstra.durable import committer
from cnstra.stores import SqliteStore
from tests.durable.graphs import Body, Context, Item, line, pass_on
from tests.durable.waiting import until

ROOT = Path(__file__).parents[2]
FULL_DISK = """
import asyncio, resource, signal, sys
from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, StoreError, collateral, neuron

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
text = collateral(str, name="text")
grow = neuron({"text": text}, name="grow")
calls = 0

@grow.dendrite(text)
def handle(payload, axon):
    global calls
    calls += 1
    if len(payload) >= 600_000:
        return None
    return axon.text.create_signal(payload + "x" * 10_000)

async def main():
    registry = CNSPersistOptionsRegistry().register("grow", grow)
    async with DurableRunner(CNS([grow]), registry, sys.argv[1]) as runner:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))  # no file may be larger than that
        try:
            await (await runner.stimulate(text.create_signal(""), stimulation_id="a"))
        except StoreError as error:
            print(error)
        failed_at = calls
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))  # somebody has made room
        await (await runner.retry("a"))
        info = await runner.get("a")
        print(info.status, info.hop_count, 0 < failed_at < 61, calls)

asyncio.run(main())
"""


def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_room(tmp_path: Path) -> None:
    database = tmp_path / "runs.db"
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, f"sqlite:///{database}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    error, summary = result.stdout.splitlines()
    assert "the disk" in error
    assert str(database) in error
    assert summary == "completed 61 True 62"
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def locking(database: Path) -> tuple[Body, sqlite3.Connection]:
    """Return a body that has another program lock the database, and that program's connection."""
    other = sqlite3.connect(database, isolation_level=None, check_same_thread=False)

    def lock(item: Item, ctx: Context) -> Item:
        if ctx.attempt_number == 1:
            other.execute("BEGIN IMMEDIATE")
        return item

    return lock, other


async def test_a_locked_database_is_named_and_the_run_goes_on_when_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(committer, "_MAX_PAUSE", 0.001)
    store = SqliteStore(tmp_path / "runs.db", busy_timeout=0.01)
    lock, other = locking(tmp_path / "runs.db")
    graph = line(pass_on, lock, pass_on)

    with closing(other):
        async with DurableRunner(graph.cns, graph.registry, store) as runner:
            run = await runner.stimulate(graph.signal(1), stimulation_id="a")
            with pytest.raises(StoreError, match="locked by another process"):
                await run
            other.execute("ROLLBACK")
            await (await runner.retry("a"))
            info = await runner.get("a")

    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1"]
    assert info is not None
    assert info.status == "completed"


async def test_a_database_that_is_locked_for_a_while_holds_the_run_up_only(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "runs.db", busy_timeout=0.01)
    lock, other = locking(tmp_path / "runs.db")
    graph = line(pass_on, lock, pass_on)

    with closing(other):
        async with DurableRunner(graph.cns, graph.registry, store) as runner:
            run = await runner.stimulate(graph.signal(1), stimulation_id="a")
            await until(lambda: len(graph.ran) == 2)
            await asyncio.sleep(0.05)
            other.execute("ROLLBACK")
            await run

    assert graph.ran == ["n0:1", "n1:1", "n2:1"]


async def test_a_database_that_is_locked_refuses_an_admission_and_stores_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "runs.db", busy_timeout=0.01)
    graph = line(pass_on)

    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        with closing(sqlite3.connect(tmp_path / "runs.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="locked by another process"):
                await runner.stimulate(graph.signal(1), stimulation_id="a")
            other.execute("ROLLBACK")
        assert await runner.get("a") is None
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))

    assert graph.ran == ["n0:1"]


def test_a_file_that_may_not_grow_beyond_a_number_of_pages_is_reported_as_full(tmp_path: Path) -> None:
    """A quota without help of the system: the database itself refuses to grow."""

    async def fill() -> None:
        store = SqliteStore(tmp_path / "runs.db")
        graph = line(lambda item, ctx: [Item(n) for n in range(20_000)], pass_on)
        async with DurableRunner(graph.cns, graph.registry, store) as runner:
            await store._writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 60").fetchone())
            run = await runner.stimulate(graph.signal(1), stimulation_id="a")
            with pytest.raises(StoreError, match="the disk is full"):
                await run
            await store._writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone())
            await (await runner.retry("a"))
            info = await runner.get("a")
        assert info is not None
        assert (info.status, info.hop_count) == ("completed", 20_001)

    asyncio.run(fill())
