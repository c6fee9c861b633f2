"""With a hundred thousand runs of each kind in the tables, what is asked often reads what it needs and no more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
from psycopg import sql

from cnstra.persist.delta import Ended
from cnstra.persist.records import RunFilter
from cnstra.stores import PostgresStore
from cnstra.stores.postgres import admission, claims, commands, keys, loading, ownership, reads, removal
from cnstra.stores.postgres.batch import Batch
from cnstra.stores.postgres.statements import PARTS, commit_text
from cnstra.testing.building import BOOM, COMPLETED, admitted, hop, new_run
from tests.servers.postgres import new_schema
from tests.stores.postgres_stores import open_postgres_store, query

MANY = 100_000

FILL = f"""
    INSERT INTO runs (token, scope, stimulation_id, status, owner, attempt_number, entry_count, volume, priority,
                      due_at, is_due, created_at, ended_at, options)
    SELECT n, '', kind || n, status, owner, 1, 1, 'full', 0, due_at, due_at IS NULL, n, ended_at, '{{}}'
    FROM generate_series(1, {MANY}) AS n CROSS JOIN LATERAL (VALUES
        ('waiting', 'pending', NULL, NULL::float, NULL::float),
        ('scheduled', 'pending', NULL, extract(epoch FROM now()) + 1e6 + n, NULL),
        ('done', 'completed', NULL, NULL, n),
        ('held', 'running', 'living ' || n % 50, NULL, NULL)
    ) AS k(kind, status, owner, due_at, ended_at) WHERE n <= CASE kind WHEN 'held' THEN {MANY // 10} ELSE {MANY} END;

    INSERT INTO runs (token, scope, stimulation_id, status, owner, attempt_number, entry_count, volume, priority,
                      is_due, created_at, options, limit_key)
    SELECT n, '', 'keyed' || n, CASE WHEN n % 10 = 0 THEN 'running' ELSE 'pending' END,
           CASE WHEN n % 10 = 0 THEN 'living 1' END, 1, 1, 'full', 0, true, n, '{{}}', 'key ' || n % 3 * (n % 5000)
    FROM generate_series(1, {MANY}) AS n;
    INSERT INTO keys (scope, name, is_ready, ready_at, head)
    SELECT '', 'key ' || n, n % 2 = 0, CASE WHEN n % 4 = 1 THEN n END, n FROM generate_series(0, 9999) AS n;
    INSERT INTO progress SELECT key, 1, 0, 1, 1, 0, 1, 0 FROM runs;
    INSERT INTO attempts (run, attempt_number, started_at, hops_before, status, worker_id)
    SELECT key, 1, 0, 0, CASE status WHEN 'running' THEN status ELSE 'lost' END, 'living' FROM runs;
    INSERT INTO frontier SELECT key, 0, 0, 0, 'neuron', 'collateral' FROM runs WHERE status <> 'completed';
    INSERT INTO signals SELECT key, 0, NULL, 1, 'collateral', '1' FROM runs;
    INSERT INTO contexts SELECT key, 'neuron', '1' FROM runs WHERE status = 'completed';
    INSERT INTO hops SELECT key, 'neuron', 1 FROM runs WHERE status = 'completed';
    INSERT INTO history SELECT key, 1, 0, 0, 0, 0, 0, 1, 0, 'done', 'neuron', 'collateral'
    FROM runs WHERE status = 'completed';
    INSERT INTO commands (scope, key, kind, status, taken_by, ordered_at, ended_at, stimulation_id, made, actor,
                          arguments)
    SELECT '', n, 'retry', CASE WHEN n % 1000 = 0 THEN 'taken' ELSE 'done' END, 'living 1', n,
           CASE WHEN n % 1000 = 0 THEN NULL ELSE n END, 'done' || n % 5000, 'done' || n, 'ann', ''
    FROM generate_series(1, {MANY}) AS n;
    INSERT INTO workers SELECT 'living ' || n, 'host', 1, 0, extract(epoch FROM now()) + 1e6
    FROM generate_series(0, 49) AS n;
"""


@pytest.fixture(scope="module", params=["before the tables are analysed", "after that"])
async def store(request: pytest.FixtureRequest, postgres_url: str) -> AsyncIterator[PostgresStore]:
    with new_schema(postgres_url) as schema:
        async with open_postgres_store(postgres_url, schema) as store:
            await query(postgres_url, schema, FILL)
            if request.param == "after that":
                await query(postgres_url, schema, "ANALYZE")
            yield store


CLAIM = {"scope": "", "dead": ["living 7"], "passed": [1, 2], "window": 200, "limit": 10}
NAMED = {"scope": "", "names": ["key 0", "key 4"]}
KEYS = ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10],)
ENDS = {"scope": "", "statuses": ["completed", "failed"], "keep": 100, "limit": 50, "older_than": 0}
LIST = {"scope": "", "statuses": ["pending", "completed", "failed"], "limit": 51}
IDS = {"prefix": "waiting77", "prefix_end": "waiting78"}
COMMANDS = {"scope": "", "before": 1 << 62, "limit": 50}
PLACE = {"before": 1000.0, "before_key": 1 << 62}
QUERIES: dict[str, tuple[str, Any]] = {
    "which runs are free": (claims.FREE, CLAIM),
    "which runs have become due": (claims.RIPEN, {"scope": "", "limit": 1000}),
    "when the next run is due": (claims.NEXT_DUE, {"scope": ""}),
    "which keys to look at": (keys.READY, CLAIM | {"seen": ["key 2"]}),
    "what runs of some keys": (keys.RUNNING, NAMED | {"most": [5, 5]}),
    "what waits for some keys": (keys.KEYED, CLAIM | NAMED | {"rooms": [5, 5]}),
    "what waits first for some keys": (keys.HEADS, NAMED),
    "runs that are to be noted at their keys": (keys.TOUCH, {"keys": KEYS[0]}),
    "what is to be aborted": (ownership.ABORTS, ("", "living 3")),
    "the longest ended runs": (removal.ENDED, ENDS | {"ended_at": 1000.0, "key": 1 << 62}),
    "the latest ended runs": (removal.BOUNDARY, ENDS),
    "deleting runs": (removal.DELETE, KEYS),
    "a page of a list": (reads.list_query(RunFilter()), LIST),
    "a further page": (reads.list_query(RunFilter(), is_first=False), LIST | PLACE),
    "a list of one week": (reads.list_query(RunFilter(created_before=9.0)), LIST | {"created_before": 9.0}),
    "a list of some ids": (reads.list_query(RunFilter(id_prefix="waiting77")), LIST | IDS),
    "a further page of some ids": (
        reads.list_query(RunFilter(id_prefix="waiting77"), is_first=False),
        LIST | IDS | PLACE,
    ),
    "which commands may be taken": (commands.FREE, {"scope": "", "kinds": ["retry", "abort"], "dead": ["living 7"]}),
    "a page of commands": (commands.LISTED, COMMANDS),
    "the commands about a run": (commands.ABOUT, COMMANDS | {"run_id": "done42"}),
    "the longest ended commands": (commands.ENDED, {"scope": "", "older_than": 0, "limit": 50}),
    "the oldest open run": (reads.OLDEST, {"scope": ""}),
    "runs that may have been admitted": (admission.FIND_ADMITTED, ([1, 2], ["", ""], ["waiting1", "nobody"])),
    "one history": (reads.HISTORY, (1,)),
    "taking runs": (ownership.TAKE_OVER, {"keys": KEYS[0], "worker_id": "other"}),
    "ending runs": (
        ownership.SETTLE,
        {"keys": KEYS[0], "statuses": ["failed"] * 10, "errors": ["a\x1fb\x1fc"] * 10},
    ),
    **{f"the {name} of some runs": (text, KEYS) for name, text in loading.QUERIES.items()},
}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the steps of a plan."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def whole_tables(plan: dict[str, Any]) -> list[str]:
    """Return the tables, other than that of the few workers, of which a plan reads all rows."""
    return [
        node["Relation Name"]
        for node in nodes(plan)
        if "Scan" in node["Node Type"]
        and node.get("Relation Name", "workers") != "workers"
        and "Index Cond" not in node
    ]


def numbered(text: str, values: Any) -> tuple[str, list[Any]]:
    """Return a statement with parameters ``$1``, ..., and their values."""
    if not isinstance(values, dict):
        return text.replace("%s", "$1", 1).replace("%s", "$2", 1), list(values)
    used = [name for name in values if f"%({name})s" in text]
    for number, name in enumerate(used, start=1):
        text = text.replace(f"%({name})s", f"${number}")
    return text, [values[name] for name in used]


async def plan_of(store: PostgresStore, text: str, values: Sequence[object]) -> dict[str, Any]:
    """Run a statement as the store does, with a plan that is made for any values; undo it, and return the plan."""
    async with store._access.statement() as session:
        connection = session.connection
        await connection.execute(b"BEGIN")
        await connection.execute(b"PREPARE asked AS " + session.names.fill(text))
        literals = sql.SQL(", ").join([sql.Literal(value) for value in values])
        try:
            cursor = await connection.execute(
                sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked ({})").format(literals)
            )
            row = await cursor.fetchone()
        finally:
            await connection.execute(b"ROLLBACK")
            await connection.execute(b"DEALLOCATE asked")
    assert row is not None
    return dict(row[0][0]["Plan"])


def pages(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.mark.parametrize(("text", "values"), QUERIES.values(), ids=QUERIES)
async def test_a_query_reads_no_more_than_it_needs(store: PostgresStore, text: str, values: Any) -> None:
    plan = await plan_of(store, *numbered(text, values))

    assert whole_tables(plan) == []
    assert pages(plan) < 1500  # of over 30,000


@pytest.mark.parametrize("is_single", [True, False])
@pytest.mark.parametrize(
    ("ended", "missing"),
    [(COMPLETED, {"tasks", "renewed"}), (Ended("pending", "failed", BOOM, 60.0), {"tasks", "failures"})],
    ids=["that ends", "tried again"],
)
async def test_a_commit_finds_every_row_by_its_key(
    store: PostgresStore, ended: Ended, missing: set[str], *, is_single: bool
) -> None:
    state = await admitted(store, new_run(f"mine {is_single} {ended.status}"))
    delta = hop(state, ended=ended)
    delta.failures, delta.dropped = {5: BOOM}, [6]
    delta.contexts, delta.hops = {"a": b"1"}, {"a": 1}
    batch = Batch([delta])
    assert set(PARTS) - set(batch.names) == missing  # and "tasks" only adds

    rows = [batch._moves, *(batch._rows[name] for name in batch.names)]
    columns = [column[0] if is_single else list(column) for part in rows for column in zip(*part, strict=True)]

    plan = await plan_of(store, commit_text(batch.names, is_single=is_single), [*columns, "channel", "sender"])

    assert whole_tables(plan) == []
    assert pages(plan) < 150
