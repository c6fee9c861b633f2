from __future__ import annotations

import re
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from cnstra.persist.limits import Limit, Limits
from cnstra.persist.records import RunFilter
from cnstra.stores import SqliteStore
from cnstra.stores.sqlite import batch, claims, commands, commits, ending, limiting, listing, removal, schedule
from cnstra.stores.sqlite.rows import span
from cnstra.stores.sqlite.statements import ManyRows
from cnstra.testing.building import admitted, hop, new_run, worker

FILTERS = {
    "all runs": RunFilter(),
    "one kind of run": RunFilter(entry="card_created"),
    "the runs of a week": RunFilter(created_after=1.0, created_before=2.0),
    "the runs with an error": RunFilter(error="boom"),
    "all at once": RunFilter(entry="card_created", created_after=1.0, error="boom"),
}
QUERIES = {
    "the owners of open runs": claims.OWNERS,
    "the free runs of one owner": claims.FREE_RUNS,
    "the runs that are due now": schedule.NOW_DUE,
    "when the next run is due": schedule.NEXT_DUE,
    "the runs of a key that wait": limiting.KEYED,
    "the runs of a key that run": limiting.RUNNING,
    "the requested aborts of an owner": ending.ASKED,
    "how many runs there are": listing.COUNTS,
    "the oldest run of a status": listing.OLDEST,
    **{f"a page of {name}": listing.query_of(where)[0] for name, where in FILTERS.items()},
    "the longest ended runs": removal.ENDED,
    "the latest ended runs": removal.LATEST,
}
STATEMENTS = {
    f"{name} of {rows}": (statement, rows)
    for module in (batch, commits, limiting)
    for name, statement in vars(module).items()
    if isinstance(statement, ManyRows)
    for rows in (1, 64)
}


def plan(connection: sqlite3.Connection, text: str) -> list[str]:
    values = dict.fromkeys(re.findall(r":(\w+)", text), 1) or [1] * text.count("?")
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", values).fetchall()]


@pytest.mark.parametrize("text", QUERIES.values(), ids=QUERIES)
async def test_a_query_walks_an_index_in_its_order(sqlite_store: SqliteStore, text: str) -> None:
    steps = await sqlite_store._reader.run(lambda connection: plan(connection, text))

    assert any("INDEX cnstra_runs_" in step for step in steps)
    assert not [step for step in steps if "SCAN cnstra" in step or "TEMP B-TREE" in step]


@pytest.mark.parametrize("text", [limiting.FREE_KEYS, limiting.PACED, limiting.NEXT_READY])
async def test_a_look_at_the_keys_walks_an_index_in_its_order(sqlite_store: SqliteStore, text: str) -> None:
    steps = await sqlite_store._reader.run(lambda connection: plan(connection, text))

    assert any("INDEX cnstra_keys_" in step for step in steps)
    assert not [step for step in steps if "SCAN cnstra" in step or "TEMP B-TREE" in step]


@pytest.mark.parametrize("text", [commands.FREE, commands.LISTED, *commands.ABOUT, commands.ENDED])
async def test_a_look_at_the_commands_walks_an_index_in_its_order(sqlite_store: SqliteStore, text: str) -> None:
    steps = await sqlite_store._reader.run(lambda connection: plan(connection, text))

    assert any("INDEX cnstra_commands_" in step for step in steps)
    assert not [step for step in steps if "SCAN cnstra" in step or "TEMP B-TREE" in step]


async def test_what_can_be_taken_is_not_looked_for_among_what_has_ended(sqlite_store: SqliteStore) -> None:
    steps = await sqlite_store._reader.run(lambda connection: plan(connection, commands.FREE))

    assert any("INDEX cnstra_commands_open (scope=? AND rowid>?)" in step for step in steps)


@pytest.mark.parametrize("where", FILTERS.values(), ids=FILTERS)
async def test_runs_are_found_by_the_beginning_of_their_id_in_the_index_of_the_ids(
    sqlite_store: SqliteStore, where: RunFilter
) -> None:
    query, _ = listing.query_of_prefix(replace(where, id_prefix="import-", statuses=["failed"]))

    steps = await sqlite_store._reader.run(lambda connection: plan(connection, query))

    [step] = [step for step in steps if step.startswith("SEARCH r ")]
    assert "(scope=? AND stimulation_id>? AND stimulation_id<?)" in step


@pytest.mark.parametrize(("statement", "rows"), STATEMENTS.values(), ids=STATEMENTS)
async def test_a_commit_finds_its_rows_by_key(sqlite_store: SqliteStore, statement: ManyRows, rows: int) -> None:
    text = statement.texts[rows]

    steps = await sqlite_store._reader.run(lambda connection: plan(connection, text))

    assert not [step for step in steps if "SCAN cnstra" in step or "TEMP B-TREE" in step]


FILL = """
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
    INSERT INTO cnstra_runs (scope, stimulation_id, status, owner, attempt_number, recoveries, entry_count, entry_name,
        volume, created_at, ended_at, options, rank, due_at, scheduled, abort_requested)
    SELECT '', kind.name || (n + :count), kind.status, kind.owner, kind.owner IS NOT NULL, 0, 1, 'card_created', 'full',
        1000.0 + n, kind.ended_at, x'7B7D', n % 3, kind.due_at + n, kind.due_at IS NOT NULL, NULL
    FROM numbers, (
        SELECT 'waiting-' AS name, 'pending' AS status, NULL AS owner, NULL AS ended_at, NULL AS due_at
        UNION ALL SELECT 'later-', 'pending', NULL, NULL, 9e9
        UNION ALL SELECT 'done-', 'completed', NULL, 2000.0, NULL
        UNION ALL SELECT 'lost-', 'running', 'dead', NULL, NULL
        UNION ALL SELECT 'busy-', 'running', 'busy', NULL, NULL
    ) AS kind
"""
PROGRESS = """
    INSERT INTO cnstra_progress (key, fence, sequence, next_task, next_signal, hop_count, outstanding, updated_at)
    SELECT key, 0, 0, 0, 0, 0, 0, 0.0 FROM cnstra_runs WHERE true ON CONFLICT DO NOTHING
"""


async def fill(store: SqliteStore, count: int) -> None:
    """Put so many runs of each kind into a store."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute(FILL, {"count": count})
        connection.execute(PROGRESS)

    await store.add_worker(worker("busy"), lease=600)
    await store._writer.run(work)


async def instructions(store: SqliteStore, ask: Callable[[SqliteStore], Awaitable[object]]) -> int:
    """Return how many of its instructions, in tens, SQLite executes for what *ask* asks."""
    ticks: list[None] = []
    for thread in (store._writer, store._reader):
        await thread.run(lambda connection: connection.set_progress_handler(lambda: ticks.append(None), 10))
    assert await ask(store)
    for thread in (store._writer, store._reader):
        await thread.run(lambda connection: connection.set_progress_handler(None, 10))
    return len(ticks)


async def claim_three(store: SqliteStore) -> bool:
    return len(await store.claim("", "other", dead=["dead"], limit=3, max_recoveries=5)) == 3


async def test_many_runs_that_become_due_at_once_are_put_up_step_by_step(sqlite_store: SqliteStore) -> None:
    await fill(sqlite_store, 1200)
    await sqlite_store._writer.run(
        lambda connection: connection.execute("UPDATE cnstra_runs SET due_at = 5").fetchall()
    )

    assert await claim_three(sqlite_store)

    query = "SELECT count(*) FROM cnstra_runs WHERE scheduled = 1"
    assert await sqlite_store._reader.run(lambda connection: connection.execute(query).fetchone()) == (0,)


ASKED: dict[str, Callable[[SqliteStore], Awaitable[object]]] = {
    "a claim": claim_three,
    "the next due time": lambda store: store.next_due(""),
    "a page of a list": lambda store: store.list("", limit=3),
    "a page of one kind of run": lambda store: store.list("", where=RunFilter(entry="card_created"), limit=3),
    "a page of some ids": lambda store: store.list("", where=RunFilter(id_prefix="busy-11"), limit=3),
    "requested aborts": lambda store: store.abort_requests("", "busy"),
    "a purge": lambda store: store.purge("", statuses=["completed"], older_than=0.0, limit=3),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
async def test_what_is_asked_for_costs_the_same_among_many_runs(
    sqlite_store: SqliteStore, ask: Callable[[SqliteStore], Awaitable[object]]
) -> None:
    await fill(sqlite_store, 10)
    await sqlite_store.request_abort("", "busy-11", "too slow")
    among_few = await instructions(sqlite_store, ask)
    await fill(sqlite_store, 5_000)

    assert await instructions(sqlite_store, ask) <= 2 * among_few


async def test_a_commit_does_not_touch_the_indexes_of_the_runs(sqlite_store: SqliteStore) -> None:
    state = await admitted(sqlite_store)
    delta = hop(state)
    statements: list[str] = []
    await sqlite_store._writer.run(lambda connection: connection.set_trace_callback(statements.append))

    await sqlite_store.commit([delta])

    assert len(statements) == 8  # BEGIN, one for progress, signals, frontier, history and the frontier again, COMMIT
    assert not [text for text in statements if "cnstra_runs" in text]


@pytest.mark.parametrize("runs", [1, 2, 24])
async def test_tasks_that_are_tried_again_are_found_by_their_run(sqlite_store: SqliteStore, runs: int) -> None:
    query = f"EXPLAIN QUERY PLAN {batch._RENEW_TASKS.texts[runs]}"

    steps = await sqlite_store._writer.run(
        lambda connection: connection.execute(query, [number for n in range(runs) for number in span(n)]).fetchall()
    )

    [step] = [text for *_, text in steps if "cnstra_frontier" in text]
    assert step == "SEARCH cnstra_frontier USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"


async def crowd(store: SqliteStore, count: int) -> None:
    """Let so many more runs wait for one key."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?) "
            "INSERT INTO cnstra_runs (scope, stimulation_id, status, attempt_number, recoveries, entry_count, volume, "
            "created_at, options, scheduled, limit_key) "
            "SELECT '', 'crowd-' || ? || '-' || n, 'pending', 0, 0, 0, 'full', 1000.0, x'7B7D', 2, 'crowded' "
            "FROM numbers",
            (count, count),
        )

    await store._writer.run(work)


async def test_a_key_at_its_limit_costs_the_same_however_many_runs_wait_there(sqlite_store: SqliteStore) -> None:
    limits = Limits({"crowded": Limit(concurrency=1)})
    await sqlite_store.add_worker(worker(), lease=600)
    await admitted(sqlite_store, replace(new_run("first"), limit_key="crowded"), worker_id=None)

    async def claim_two(store: SqliteStore) -> bool:
        for _ in range(2):
            await admitted(store, new_run(str(uuid4())), worker_id=None)
        await admitted(store, replace(new_run(str(uuid4())), limit_key="crowded"), worker_id=None)
        return len(await store.claim("", "worker", dead=(), limit=9, limits=limits)) == 2

    await sqlite_store.claim("", "worker", dead=(), limit=1, limits=limits)
    await crowd(sqlite_store, 10)
    await claim_two(sqlite_store)
    among_few = await instructions(sqlite_store, claim_two)
    await crowd(sqlite_store, 5_000)

    assert await instructions(sqlite_store, claim_two) <= 2 * among_few
