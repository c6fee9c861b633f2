from __future__ import annotations

import re
import sqlite3

import pytest

from cnstra.persist.records import RunFilter
from cnstra.stores import SqliteStore
from cnstra.stores.sqlite import batch, claims, commits, ending, listing, removal, schedule
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
    "the requested aborts of an owner": ending.ASKED,
    "how many runs there are": listing.COUNTS,
    "the oldest run of a status": listing.OLDEST,
    **{f"a page of {name}": listing.query_of(where)[0] for name, where in FILTERS.items()},
    "the longest ended runs": removal.ENDED,
    "the latest ended runs": removal.LATEST,
}
STATEMENTS = {
    f"{name} of {rows}": (statement, rows)
    for module in (batch, commits)
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


@pytest.mark.parametrize(("statement", "rows"), STATEMENTS.values(), ids=STATEMENTS)
async def test_a_commit_finds_its_rows_by_key(sqlite_store: SqliteStore, statement: ManyRows, rows: int) -> None:
    text = statement.texts[rows]

    steps = await sqlite_store._reader.run(lambda connection: plan(connection, text))

    assert not [step for step in steps if "SCAN cnstra" in step or "TEMP B-TREE" in step]


async def instructions_of_a_claim(store: SqliteStore) -> int:
    ticks: list[None] = []
    await store._writer.run(lambda connection: connection.set_progress_handler(lambda: ticks.append(None), 10))
    assert len(await store.claim("", "other", dead=["dead"], limit=3)) == 3
    await store._writer.run(lambda connection: connection.set_progress_handler(None, 10))
    return len(ticks)


async def test_a_claim_reads_what_it_takes_and_no_more(sqlite_store: SqliteStore) -> None:
    await sqlite_store.add_worker(worker("other"), lease=60)
    await sqlite_store.add_worker(worker("busy"), lease=60)
    for n in range(10):
        await admitted(sqlite_store, new_run(f"first-{n}"), worker_id=[None, "dead", "busy"][n % 3])
    among_few = await instructions_of_a_claim(sqlite_store)
    for n in range(300):
        await admitted(sqlite_store, new_run(f"run-{n}"), worker_id=[None, "dead", "busy"][n % 3])

    assert await instructions_of_a_claim(sqlite_store) <= 2 * among_few


async def test_a_commit_does_not_touch_the_indexes_of_the_runs(sqlite_store: SqliteStore) -> None:
    state = await admitted(sqlite_store)
    delta = hop(state)
    statements: list[str] = []
    await sqlite_store._writer.run(lambda connection: connection.set_trace_callback(statements.append))

    await sqlite_store.commit([delta])

    assert len(statements) == 8  # BEGIN, one for progress, signals, frontier, history and the frontier again, COMMIT
    assert not [text for text in statements if "cnstra_runs" in text]
