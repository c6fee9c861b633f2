from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from cnstra.errors import StoreError
from cnstra.persist.commands import NewCommand
from cnstra.stores import PostgresStore
from cnstra.testing.building import admitted, failure, new_run
from tests.stores.postgres_stores import open_postgres_store, query

Spoil = Callable[[str], Awaitable[object]]


@pytest.fixture
def spoil(postgres_url: str, postgres_schema: str) -> Spoil:
    async def run(statement: str) -> None:
        await query(postgres_url, postgres_schema, statement)

    return run


@pytest.fixture
async def pair(postgres_url: str, postgres_schema: str) -> AsyncIterator[PostgresStore]:
    """A store with a run ``bad``, which tests spoil, and after it a run ``good``."""
    async with open_postgres_store(postgres_url, postgres_schema) as store:
        bad = failure(await admitted(store, new_run("bad")))
        bad.ended = None
        await store.commit([bad])
        await admitted(store, new_run("good"))
        yield store


async def claimed(store: PostgresStore) -> list[str]:
    return [state.run.stimulation_id for state in await store.claim("", "other", dead=(), limit=1)]


async def test_an_unknown_status_concerns_that_run_only(pair: PostgresStore, spoil: Spoil) -> None:
    await spoil("UPDATE runs SET status = 'paused' WHERE stimulation_id = 'bad'")

    with pytest.raises(StoreError, match="run 'bad' has the status 'paused', which this version does not know"):
        await pair.get("", "bad")

    assert await claimed(pair) == ["good"]
    assert [run.stimulation_id for run in await pair.list("")] == ["good"]
    assert (await pair.stats("")).runs["running"] == 1
    assert await pair.take("", "bad", "other", statuses=["failed"], dead=()) is None
    assert await pair.delete("", "bad", dead=())


async def test_an_error_that_cannot_be_read_concerns_that_run_only(
    pair: PostgresStore, spoil: Spoil, caplog: pytest.LogCaptureFixture
) -> None:
    await spoil("UPDATE frontier SET failure = 'one part' WHERE failure IS NOT NULL")

    with pytest.raises(StoreError, match="an error of run 'bad' cannot be read back"):
        await pair.frontier("", "bad")
    with pytest.raises(StoreError, match="an error of run 'bad' cannot be read back"):
        await pair.peek("", "bad")
    with caplog.at_level(logging.ERROR, logger="cnstra.stores"):
        assert await claimed(pair) == ["good"]

    assert "an error of run 'bad' cannot be read back" in caplog.text
    run = await pair.get("", "bad")
    assert run is not None
    assert (run.owner, run.attempt_number, run.fence) == ("worker", 1, 1)
    assert [attempt.status for attempt in await pair.attempts("", "bad")] == ["running"]


async def test_taking_a_run_that_cannot_be_read_changes_nothing(pair: PostgresStore, spoil: Spoil) -> None:
    await spoil("UPDATE runs SET volume = 'loud' WHERE stimulation_id = 'bad'")

    with pytest.raises(StoreError, match="run 'bad' has the volume 'loud'"):
        await pair.take("", "bad", "other", statuses=["running"], dead=())

    assert [attempt.status for attempt in await pair.attempts("", "bad")] == ["running"]


async def test_a_run_that_cannot_be_read_is_left_out_of_the_list(
    pair: PostgresStore, spoil: Spoil, caplog: pytest.LogCaptureFixture
) -> None:
    await spoil("UPDATE attempts SET error = 'x' WHERE run = 1")

    assert [run.stimulation_id for run in await pair.list("")] == ["good"]
    assert "left out of the list" in caplog.text


async def test_a_run_without_progress_is_left_alone(pair: PostgresStore, spoil: Spoil) -> None:
    await spoil("DELETE FROM progress WHERE run = 1")

    assert await claimed(pair) == ["good"]
    assert await pair.get("", "bad") is None
    assert [run.stimulation_id for run in await pair.list("")] == ["good"]
    with pytest.raises(StoreError, match="has no progress; delete it"):
        await pair.peek("", "bad")
    assert await pair.delete("", "bad", dead=["other"])


@pytest.mark.parametrize(
    ("column", "method"),
    [("attempts SET status", "attempts"), ("history SET status", "tasks"), ("runs SET volume", "get")],
)
async def test_other_unknown_words_are_told_too(pair: PostgresStore, spoil: Spoil, column: str, method: str) -> None:
    await spoil(f"UPDATE {column} = 'new word'")

    with pytest.raises(StoreError, match="'new word', which this version does not know"):
        await getattr(pair, method)("", "bad")


@pytest.mark.parametrize("logs", ["{", "5", "[[1]]", '[["x", 1, 2, 3]]', "[" * 100_000])
async def test_logs_that_cannot_be_read_are_told(pair: PostgresStore, spoil: Spoil, logs: str) -> None:
    await spoil(f"UPDATE history SET logs = '{logs}'")

    with pytest.raises(StoreError, match="a log of run 'bad' cannot be read back"):
        await pair.tasks("", "bad")


async def test_a_command_that_cannot_be_read_is_in_nobodys_way(
    pair: PostgresStore, spoil: Spoil, caplog: pytest.LogCaptureFixture
) -> None:
    for key in ("bad", "good"):
        await pair.order(NewCommand("", key, "retry", "run", b"{}", "ann", "1-failed"))
    await spoil("UPDATE commands SET kind = 'paint' WHERE number = 1")

    taken = await pair.take_command("", "worker", kinds=["retry"], dead=())

    assert taken is not None
    assert taken.key == "good"
    assert [row.key for row in await pair.commands("")] == ["good"]
    assert "a command is left out of the list: the command 1 " in caplog.text
    with pytest.raises(StoreError, match="the command 1 "):
        await pair.command("", "bad")


@pytest.mark.parametrize("contexts", ["{", "[1]", '{"a": 1}', "[" * 9999])
async def test_contexts_of_a_hop_that_cannot_be_read_are_told(pair: PostgresStore, spoil: Spoil, contexts: str) -> None:
    await spoil(f"UPDATE history SET contexts = '{contexts}'")

    with pytest.raises(StoreError, match="a context of run 'bad' cannot be read back"):
        await pair.tasks("", "bad")
    assert await pair.get("", "bad") is not None
