from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from cnstra.errors import StoreError
from cnstra.persist.commands import NewCommand
from cnstra.persist.records import RunFilter
from cnstra.stores import SqliteStore
from cnstra.testing.building import BOOM, admitted, failure, new_run


async def spoil(store: SqliteStore, statement: str) -> None:
    await store._writer.run(lambda connection: connection.execute(statement).fetchall())


@pytest.fixture
async def pair(sqlite_store: SqliteStore) -> SqliteStore:
    """A store with a run ``bad``, which tests spoil, and after it a run ``good``."""
    bad = failure(await admitted(sqlite_store, new_run("bad")))
    bad.ended = None
    await sqlite_store.commit([bad])
    await admitted(sqlite_store, new_run("good"))
    return sqlite_store


async def test_an_unknown_status_concerns_that_run_only(pair: SqliteStore) -> None:
    await spoil(pair, "UPDATE cnstra_runs SET status = 'paused' WHERE stimulation_id = 'bad'")

    with pytest.raises(
        StoreError, match=r"runs\.db: run 'bad' has the status 'paused', which this version does not know"
    ):
        await pair.get("", "bad")

    assert [state.run.stimulation_id for state in await pair.claim("", "other", dead=(), limit=1)] == ["good"]
    assert [run.stimulation_id for run in await pair.list("")] == ["good"]
    assert await pair.take("", "bad", "other", statuses=["failed"], dead=()) is None
    assert await pair.delete("", "bad", dead=())


@pytest.mark.parametrize("text", ["{", "5", '["a"]', "[" * 100_000])
async def test_an_error_that_cannot_be_read_concerns_that_run_only(
    pair: SqliteStore, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    await spoil(pair, f"UPDATE cnstra_frontier SET failure = '{text}' WHERE failure IS NOT NULL")

    with pytest.raises(StoreError, match="an error of run 'bad' cannot be read back"):
        await pair.frontier("", "bad")
    with caplog.at_level(logging.ERROR, logger="cnstra.stores"):
        states = await pair.claim("", "other", dead=(), limit=1)

    assert [state.run.stimulation_id for state in states] == ["good"]
    assert "an error of run 'bad' cannot be read back" in caplog.text
    run = await pair.get("", "bad")
    assert run is not None
    assert (run.owner, run.attempt_number, run.fence) == ("worker", 1, 1)
    assert [attempt.status for attempt in await pair.attempts("", "bad")] == ["running"]


async def test_a_run_that_cannot_be_read_is_left_out_of_the_list(
    pair: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    await spoil(pair, "UPDATE cnstra_attempts SET error = 'x' WHERE key = 1")

    page = await pair.list("")

    assert [run.stimulation_id for run in page] == ["good"]
    assert "left out of the list" in caplog.text


@pytest.mark.parametrize("text", ["{", "[" * 100_000])
async def test_a_requested_abort_that_cannot_be_read_concerns_that_run_only(
    pair: SqliteStore, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    for run_id in ("bad", "good"):
        await pair.request_abort("", run_id, "too slow")
    await spoil(pair, f"UPDATE cnstra_runs SET abort_requested = '{text}' WHERE stimulation_id = 'bad'")

    with pytest.raises(StoreError, match="the requested abort of run 'bad' cannot be read back"):
        await pair.get("", "bad")
    assert await pair.abort_requests("", "worker") == [("good", "too slow")]
    assert await pair.claim("", "other", dead=(), limit=9) == []

    good = await pair.get("", "good")
    assert good is not None
    assert good.status == "aborted"
    assert caplog.text.count("the requested abort of run 'bad' cannot be read back") == 2
    assert await pair.take("", "bad", "other", statuses=["running"], dead=())


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": 1}', "5"])
async def test_contexts_of_a_hop_that_cannot_be_read_are_told(pair: SqliteStore, text: str) -> None:
    await spoil(pair, f"UPDATE cnstra_history SET contexts = '{text}' WHERE key = 1")

    with pytest.raises(StoreError, match="a context of run 'bad' cannot be read back"):
        await pair.tasks("", "bad")
    assert await pair.tasks("", "good") == []


@pytest.mark.parametrize("text", ["{", "5", "[[0]]", "[[1,2,3,4]]"])
async def test_outputs_that_cannot_be_read_are_told(pair: SqliteStore, text: str) -> None:
    await spoil(pair, f"UPDATE cnstra_history SET outputs = CAST('{text}' AS BLOB) WHERE key = 1")

    with pytest.raises(StoreError, match="outputs of run 'bad' cannot be read back"):
        await pair.tasks("", "bad")


@pytest.mark.parametrize("text", ["{", "5", "[[1]]", '[["x", 1, 2, 3]]', "[" * 100_000])
async def test_logs_that_cannot_be_read_are_told(pair: SqliteStore, text: str) -> None:
    await spoil(pair, f"UPDATE cnstra_history SET logs = '{text}' WHERE key = 1")

    with pytest.raises(StoreError, match="a log of run 'bad' cannot be read back"):
        await pair.tasks("", "bad")


@pytest.mark.parametrize("change", ["actor = '{'", "outcome = '['", "kind = 'paint'", "seen = ''"])
async def test_a_command_that_cannot_be_read_is_in_nobodys_way(
    pair: SqliteStore, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    for key in ("bad", "good"):
        await pair.order(NewCommand("", key, "retry", "run", b"{}", "ann", "1-failed"))
    await spoil(pair, f"UPDATE cnstra_commands SET {change} WHERE number = 1")

    taken = await pair.take_command("", "worker", kinds=["retry"], dead=())

    assert taken is not None
    assert taken.key == "good"
    assert [row.key for row in await pair.commands("")] == ["good"]
    assert "a command is left alone: the command 1 " in caplog.text
    with pytest.raises(StoreError, match="the command 1 "):
        await pair.command("", "bad")


@pytest.mark.parametrize("text", ["{", "5", '["boom"]', '[["boom"], 5, ""]'])
async def test_a_run_whose_error_cannot_be_read_is_in_no_list_of_errors(pair: SqliteStore, text: str) -> None:
    await spoil(pair, f"UPDATE cnstra_runs SET error = '{text}' WHERE stimulation_id = 'bad'")
    await pair.settle("", "good", "failed", dead=(), error=BOOM)

    page = await pair.list("", where=RunFilter(error="boom \udcff"))

    assert [run.stimulation_id for run in page] == ["good"]


async def test_a_run_that_cannot_be_read_cannot_be_looked_at(pair: SqliteStore) -> None:
    await spoil(pair, "UPDATE cnstra_frontier SET failure = '{' WHERE failure IS NOT NULL")

    with pytest.raises(StoreError, match=r"runs\.db: an error of run 'bad' cannot be read back"):
        await pair.peek("", "bad")
    assert await pair.peek("", "good") is not None


async def test_a_status_that_is_unknown_is_in_no_number(pair: SqliteStore) -> None:
    await spoil(pair, "UPDATE cnstra_runs SET status = 'paused' WHERE stimulation_id = 'bad'")

    assert (await pair.stats("")).runs == {"pending": 0, "running": 1, "completed": 0, "failed": 0, "aborted": 0}


async def test_a_run_without_progress_is_left_alone(pair: SqliteStore) -> None:
    await spoil(pair, "DELETE FROM cnstra_progress WHERE key = 1")

    assert [state.run.stimulation_id for state in await pair.claim("", "other", dead=(), limit=1)] == ["good"]
    assert await pair.get("", "bad") is None
    with pytest.raises(StoreError, match="the run with the key 1 has no progress; delete it"):
        await pair.peek("", "bad")
    assert [run.stimulation_id for run in await pair.list("")] == ["good"]


Read = Callable[[SqliteStore], object]


@pytest.mark.parametrize(
    ("column", "method"),
    [
        ("cnstra_attempts SET status", "attempts"),
        ("cnstra_history SET status", "tasks"),
        ("cnstra_runs SET volume", "get"),
    ],
)
async def test_other_unknown_words_are_told_too(pair: SqliteStore, column: str, method: str) -> None:
    await spoil(pair, f"UPDATE {column} = 'new word'")

    with pytest.raises(StoreError, match="'new word', which this version does not know"):
        await getattr(pair, method)("", "bad")
