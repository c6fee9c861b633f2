"""Two accounts in the user's own tables, and handlers that move money between them inside their hop's transaction."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import psycopg

from cnstra import CNS, Axon, CNSPersistOptionsRegistry, DurableRunner, Signal, collateral, neuron
from cnstra.core.context import HandlerContext
from tests.fire.backends import Backend
from tests.fire.crew import Crew
from tests.fire.workforce import Workforce
from tests.fire.working import HEARTBEAT, LEASE, surroundings

__all__ = ["Robbery", "keep_paying", "rob"]

BEGINNING: Final = 1_000_000

_ACCOUNTS: Final = "CREATE TABLE {bank}accounts (name TEXT PRIMARY KEY, balance BIGINT NOT NULL)"
_TRANSFERS: Final = "CREATE TABLE {bank}transfers (activation_id TEXT PRIMARY KEY, amount BIGINT NOT NULL)"
_MOVES: Final = (
    "UPDATE {bank}accounts SET balance = balance - {mark} WHERE name = 'left'",
    "UPDATE {bank}accounts SET balance = balance + {mark} WHERE name = 'right'",
)
_NOTE: Final = "INSERT INTO {bank}transfers VALUES ({mark}, {mark})"


@dataclass(frozen=True, slots=True)
class Transfer:
    """Move *amount* from left to right (to left, if it is negative), and then so many more."""

    amount: int
    more: int = 0


class Desk(Axon):
    paid = collateral(Transfer)
    asked = collateral(Transfer)


class Audit(NamedTuple):
    """What is in the bank."""

    left: int
    right: int
    transfers: int
    moved: int


def _paying(url: str) -> tuple[CNS[Any], CNSPersistOptionsRegistry, Desk]:
    """Return a graph that pays, in turns with a hop that has no transaction; the statements are those of *url*."""
    desk = Desk()
    teller = neuron({"paid": desk.paid}, name="teller")
    clerk = neuron({"asked": desk.asked}, name="clerk")
    moves, note = [_sql(url, move) for move in _MOVES], _sql(url, _NOTE)

    @teller.dendrite(desk.asked, transactional=True)
    async def pay(payload: Transfer, axon: Any, ctx: HandlerContext[Any, Any]) -> Signal[Transfer]:
        for move in moves:
            await _execute(ctx.connection, move, (payload.amount,))
            await asyncio.sleep(random.uniform(0, 0.003))
        await _execute(ctx.connection, note, (ctx.activation_id, payload.amount))
        return desk.paid.create_signal(payload)

    @clerk.dendrite(desk.paid)
    def go_on(payload: Transfer) -> Signal[Transfer] | None:
        if not payload.more:
            return None
        return desk.asked.create_signal(Transfer(random.randint(-500, 500), payload.more - 1))

    registry = CNSPersistOptionsRegistry().register("teller", teller).register("clerk", clerk)
    return CNS([teller, clerk]), registry, desk


async def _execute(connection: Any, statement: str, values: Sequence[object]) -> None:
    result = connection.execute(statement, values)
    if hasattr(result, "__await__"):
        await result


async def keep_paying(url: str, *, careless: bool, **options: Any) -> None:
    """Pay whatever is asked for, until somebody puts an end to it."""
    cns, registry, _ = _paying(url)
    given: dict[str, Any] = {
        "lease": LEASE,
        "heartbeat": HEARTBEAT,
        "poll": 0.3,
        "max_recoveries": None,
        "max_active_runs": 4,
    }
    around = surroundings(careless=careless)
    async with DurableRunner(cns, registry, url, _surroundings=around, **given, **options):
        await asyncio.Event().wait()


class Robbery(NamedTuple):
    """What came of it."""

    kills: int
    seconds: float


async def rob(backend: Backend, crew: Crew, *, transfers: int, seed: int, runs: int = 10) -> Robbery:
    """Have money moved, so many times in so many runs, by tellers that are killed, and see that none is missing.

    Raises:
        AssertionError: If some is, or a transfer is missing, or was done twice.
    """
    dice = random.Random(seed)
    _open_bank(backend.url)
    cns, registry, desk = _paying(backend.url)
    ids = [f"payments-{number}" for number in range(runs)]
    kills, started = 0, time.monotonic()
    async with DurableRunner(cns, registry, backend.url, max_active_runs=0) as owner:
        for run_id in ids:
            await owner.enqueue(desk.asked.create_signal(Transfer(1, transfers // runs - 1)), stimulation_id=run_id)
        tellers = Workforce(crew, "tests.fire.money:keep_paying", backend, 2)
        while (await owner.stats()).runs["completed"] < runs:
            await asyncio.sleep(dice.uniform(0.05, 0.3))
            tellers.kill(dice.randrange(2))
            kills += 1
        seconds = time.monotonic() - started
        await tellers.send_home()
        paid = [task for run_id in ids for task in await owner.tasks(run_id) if task.neuron_name == "teller"]
    found = _audit(backend.url)
    assert found.left + found.right == BEGINNING
    assert found.right == found.moved
    assert found.transfers == transfers == len(paid)
    return Robbery(kills, seconds)


def _open_bank(url: str) -> None:
    """Make the user's tables: in the very file of a SQLite store, in a schema of their own in Postgres."""
    statements = [_ACCOUNTS, _TRANSFERS, f"INSERT INTO {{bank}}accounts VALUES ('left', {BEGINNING}), ('right', 0)"]
    with closing(_connect(url)) as connection:
        if not _is_sqlite(url):
            connection.execute("CREATE SCHEMA bank")
        for statement in statements:
            connection.execute(_sql(url, statement))


def _audit(url: str) -> Audit:
    """Return what is in the bank."""
    query = (
        "SELECT (SELECT balance FROM {bank}accounts WHERE name = 'left'),"
        " (SELECT balance FROM {bank}accounts WHERE name = 'right'), count(*), coalesce(sum(amount), 0)"
        " FROM {bank}transfers"
    )
    with closing(_connect(url)) as connection:
        return Audit(*map(int, connection.execute(_sql(url, query)).fetchone()))


def _is_sqlite(url: str) -> bool:
    return url.startswith("sqlite")


def _sql(url: str, statement: str) -> str:
    if _is_sqlite(url):
        return statement.format(bank="", mark="?")
    return statement.format(bank="bank.", mark="%s")


def _connect(url: str) -> Any:
    if _is_sqlite(url):
        return sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    return psycopg.connect(url, autocommit=True)
