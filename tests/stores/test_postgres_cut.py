from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence

import pytest

from cnstra.errors import StoreError
from cnstra.persist.commands import CommandResult, NewCommand
from cnstra.persist.records import NewRun, RunRecord, RunState
from cnstra.stores import PostgresStore
from cnstra.testing.building import FAILED, admitted, after, hop, new_run, run_to_its_end, task, worker
from tests.servers.proxy import Proxy, proxy_to
from tests.stores.postgres_stores import open_postgres_store, until_run


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[Proxy]:
    async with proxy_to(postgres_url) as proxy:
        yield proxy


@pytest.fixture
async def store(proxy: Proxy, postgres_schema: str) -> AsyncIterator[PostgresStore]:
    """A store whose connections all go through the proxy."""
    async with open_postgres_store(proxy.url, postgres_schema, timeout=5) as store:
        yield store


@pytest.fixture
async def direct(postgres_url: str, postgres_schema: str, store: PostgresStore) -> AsyncIterator[PostgresStore]:
    """The same store by another way."""
    async with open_postgres_store(postgres_url, postgres_schema) as direct:
        yield direct


async def warm_up(store: PostgresStore) -> RunState:
    """Return a run of which one hop is committed, so that the statement of the next one is prepared."""
    state = await admitted(store)
    delta = hop(state)
    assert await store.commit([delta]) == [True]
    return after(state, delta)


async def test_a_commit_whose_answer_is_lost_is_applied_once(
    store: PostgresStore, direct: PostgresStore, proxy: Proxy
) -> None:
    delta = hop(await warm_up(store))
    proxy.loses_answers = True
    committing = asyncio.ensure_future(store.commit([delta]))
    await until_run(direct, lambda run: run.hop_count == 2)

    proxy.cut()
    with pytest.raises(StoreError, match="may be done or not"):
        await committing
    proxy.heal()

    assert await store.commit([delta]) == [True]
    run = await store.get("", "run")
    assert run is not None
    assert (run.hop_count, run.outstanding) == (2, 1)
    assert len(await store.tasks("", "run")) == 2


async def test_a_commit_that_never_arrives_can_be_made_again(store: PostgresStore, proxy: Proxy) -> None:
    delta = hop(await warm_up(store))
    proxy.loses_requests = True
    committing = asyncio.ensure_future(store.commit([delta]))
    await asyncio.sleep(0)

    proxy.cut()
    with pytest.raises(StoreError):
        await committing
    proxy.heal()

    assert await store.commit([delta]) == [True]
    run = await store.get("", "run")
    assert run is not None
    assert run.hop_count == 2


async def test_commits_behind_one_that_is_cut_fail_too_and_can_be_made_again(
    store: PostgresStore, proxy: Proxy
) -> None:
    states = [await admitted(store, new_run(f"run-{n}")) for n in range(3)]
    await store.commit([hop(await admitted(store))])
    proxy.loses_requests = True
    commits = [asyncio.ensure_future(store.commit([hop(state)])) for state in states]
    await asyncio.sleep(0)

    proxy.cut()
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    proxy.heal()

    assert [type(outcome) for outcome in outcomes] == [StoreError] * 3
    assert [await store.commit([hop(state)]) for state in states] == [[True]] * 3


async def test_an_idle_store_notices_no_cut(store: PostgresStore, proxy: Proxy) -> None:
    state = await warm_up(store)

    proxy.cut()
    await proxy.wait_idle()

    assert await store.commit([hop(state)]) == [True]
    assert await store.get("", "run") is not None


async def fail_at_the_commit(proxy: Proxy, direct: PostgresStore, work: Awaitable[object]) -> RunRecord:
    """Begin *work* that takes a run, and break the connection when the server has committed it; return the run."""
    proxy.fatal_request = b"COMMIT"
    working = asyncio.ensure_future(work)
    run = await until_run(direct, lambda run: run.owner == "other")
    proxy.cut()
    with pytest.raises(StoreError, match="may be done or not"):
        await working
    proxy.heal()
    return run


async def test_a_run_of_a_claim_whose_answer_is_lost_is_let_go(
    store: PostgresStore, direct: PostgresStore, proxy: Proxy
) -> None:
    await store.add_worker(worker("other"), lease=60)
    await admitted(store, worker_id=None)

    run = await fail_at_the_commit(proxy, direct, store.claim("", "other", dead=(), limit=1))

    assert run.attempt_number == 1  # it belongs to a living worker that does not know of it
    [state] = await store.claim("", "other", dead=(), limit=1)
    assert (state.tasks, state.run.attempt_number, state.run.recoveries) == ((task(0),), 1, 0)


async def test_a_run_that_was_taken_without_an_answer_is_let_go(
    store: PostgresStore, direct: PostgresStore, proxy: Proxy
) -> None:
    await store.add_worker(worker("other"), lease=60)
    await run_to_its_end(store, "run", ended=FAILED)

    await fail_at_the_commit(proxy, direct, store.take("", "run", "other", statuses=["failed"], dead=()))

    [state] = await store.claim("", "other", dead=(), limit=1)
    assert state.run.attempt_number == 2


async def until_taken(store: PostgresStore, key: str) -> None:
    while True:
        row = await store.command("", key)
        if row is not None and row.status == "taken":
            return
        await asyncio.sleep(0.005)


async def test_a_command_that_was_taken_without_an_answer_is_put_back(
    store: PostgresStore, direct: PostgresStore, proxy: Proxy
) -> None:
    await store.add_worker(worker("other"), lease=60)
    await store.order(NewCommand("", "key", "retry", "run", b"{}", "ann"))
    proxy.fatal_request = b"COMMIT"
    taking = asyncio.ensure_future(store.take_command("", "other", kinds=["retry"], dead=()))
    await until_taken(direct, "key")
    proxy.cut()
    with pytest.raises(StoreError):
        await taking
    proxy.heal()

    again = await store.take_command("", "other", kinds=["retry"], dead=())
    assert again is not None
    assert (again.key, again.takes) == ("key", 2)
    assert await store.end_command("", again.number, 2, CommandResult("done", "it waits for a worker"))


async def lose_an_admission(
    store: PostgresStore, direct: PostgresStore, proxy: Proxy, *runs: NewRun
) -> Sequence[asyncio.Future[RunState | None]]:
    """Ask for runs, and lose the answer to the statement that stores them all."""
    await admitted(store, new_run("before"), worker_id="other")
    proxy.loses_answers = True
    admitting = [asyncio.ensure_future(store.admit(run, "other")) for run in runs]
    await until_run(direct, lambda run: run.owner == "other")
    return admitting


async def test_runs_whose_admission_was_not_answered_are_found_again(
    store: PostgresStore, direct: PostgresStore, proxy: Proxy
) -> None:
    runs = [new_run(), new_run("next"), new_run("before")]
    admitting = await lose_an_admission(store, direct, proxy, *runs)
    proxy.cut()
    proxy.heal()

    states = await asyncio.gather(*admitting)

    assert [state and state.run.stimulation_id for state in states] == ["run", "next", None]
    for state in states[:2]:
        assert state is not None
        assert await store.get("", state.run.stimulation_id) == state.run
        assert await store.commit([hop(state)]) == [True]


async def test_a_run_that_was_admitted_without_an_answer_is_let_go(
    store: PostgresStore, direct: PostgresStore, proxy: Proxy
) -> None:
    await store.add_worker(worker("other"), lease=60)
    [admitting] = await lose_an_admission(store, direct, proxy, new_run())
    proxy.is_refusing = True
    proxy.cut()
    with pytest.raises(StoreError, match="the server cannot be reached"):
        await admitting
    proxy.heal()

    [state] = await store.claim("", "other", dead=(), limit=1)
    assert (state.run.stimulation_id, state.run.attempt_number) == ("run", 1)


async def test_who_is_cancelled_while_his_run_is_admitted_lets_go_of_it(
    store: PostgresStore, direct: PostgresStore, proxy: Proxy
) -> None:
    await store.add_worker(worker("other"), lease=60)
    [admitting] = await lose_an_admission(store, direct, proxy, new_run())
    admitting.cancel()
    proxy.cut()
    proxy.heal()
    await admitted(store, new_run("last"), worker_id="other")

    [state] = await store.claim("", "other", dead=(), limit=9)

    assert (state.run.stimulation_id, state.run.attempt_number) == ("run", 1)


async def test_a_cancelled_claim_lets_go_of_what_it_took(
    store: PostgresStore, direct: PostgresStore, proxy: Proxy
) -> None:
    await store.add_worker(worker("other"), lease=60)
    await admitted(store, worker_id=None)
    proxy.fatal_request = b"COMMIT"
    claiming = asyncio.ensure_future(store.claim("", "other", dead=(), limit=1))
    await until_run(direct, lambda run: run.owner == "other")

    proxy.is_refusing = True  # or the driver would wait for an answer when it asks the server to cancel
    claiming.cancel()
    proxy.cut()
    with pytest.raises((asyncio.CancelledError, StoreError)):
        await claiming
    proxy.heal()

    assert len(await store.claim("", "other", dead=(), limit=1)) == 1
