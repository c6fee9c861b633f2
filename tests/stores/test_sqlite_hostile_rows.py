from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from cnstra.errors import StoreError
from cnstra.stores import SqliteStore
from cnstra.testing.building import admitted, failure, new_run


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


async def test_a_run_without_progress_is_left_alone(pair: SqliteStore) -> None:
    await spoil(pair, "DELETE FROM cnstra_progress WHERE key = 1")

    assert [state.run.stimulation_id for state in await pair.claim("", "other", dead=(), limit=1)] == ["good"]
    assert await pair.get("", "bad") is None
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
