from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from cnstra.stores import SqliteStore
from cnstra.testing.building import frontier

COMMIT = """
import asyncio, sys
from cnstra.stores import SqliteStore
from cnstra.testing.building import admitted, after, hop, new_run
async def main():
    store = SqliteStore(sys.argv[1], synchronous="OFF")
    await store.open()
    states = await store.claim("", "worker", dead=["worker"], limit=9)
    states = states or [await admitted(store, new_run(f"run-{n}")) for n in range(3)]
    print("ready", flush=True)
    while True:
        deltas = [hop(state) for state in states]
        assert await store.commit(deltas) == [True] * 3
        states = [after(state, delta) for state, delta in zip(states, deltas)]
asyncio.run(main())
"""


async def check_that_only_whole_hops_are_there(path: Path) -> int:
    store = SqliteStore(path)
    await store.open()
    hops = set()
    for n in range(3):
        run = await store.get("", f"run-{n}")
        assert run is not None
        history = await store.tasks("", f"run-{n}")
        assert [one.settled.ordinal for one in history] == list(range(run.hop_count))
        assert [[row.ordinal for row in one.outputs] for one in history] == [[n + 1] for n in range(run.hop_count)]
        assert [row.ordinal for row in await frontier(store, f"run-{n}")] == [run.hop_count]
        hops.add(run.hop_count)
    assert len(hops) == 1  # the three were always committed together
    await store.close()
    return hops.pop()


def test_a_killed_process_leaves_whole_hops_only(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    instants = random.Random(7)  # any will do; the instant of a kill is as random as the machine anyway
    hops = 0

    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", COMMIT, str(path)], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            time.sleep(instants.uniform(0.0, 0.1))
            child.kill()
        before, hops = hops, asyncio.run(check_that_only_whole_hops_are_there(path))
        assert hops >= before

    assert hops > 0


TRANSACT = """
import asyncio, sys
from cnstra.stores import SqliteStore
from cnstra.testing.building import admitted, after, hop
async def main():
    store = SqliteStore(sys.argv[1], synchronous="OFF")
    await store.open()
    [state] = await store.claim("", "worker", dead=["worker"], limit=1) or [await admitted(store)]
    print("ready", flush=True)
    while True:
        delta = hop(state)
        async with store.transaction() as transaction:
            transaction.connection.execute("UPDATE account SET balance = balance + 1")
            assert await transaction.commit([delta]) == [True]
        state = after(state, delta)
asyncio.run(main())
"""


async def balance_and_hops(path: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(path)) as connection:
        (balance,) = connection.execute("SELECT balance FROM account").fetchone()
    store = SqliteStore(path)
    await store.open()
    run = await store.get("", "run")
    await store.close()
    return balance, 0 if run is None else run.hop_count


def test_a_killed_process_leaves_statements_together_with_their_hop(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE account (balance INTEGER NOT NULL)")
        connection.execute("INSERT INTO account VALUES (0)")
    instants = random.Random(11)
    hops = 0

    for _ in range(8):
        with subprocess.Popen([sys.executable, "-c", TRANSACT, str(path)], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            time.sleep(instants.uniform(0.0, 0.05))
            child.kill()
        balance, hops = asyncio.run(balance_and_hops(path))
        assert balance == hops

    assert hops > 0
