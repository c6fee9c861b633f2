"""A worker on a queue of BullMQ: jobs that end well, that fail, that are dead, and that are delivered twice."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import bullmq
import pytest

from cnstra.durable import Keep
from cnstra.errors import Fenced, GraphError
from cnstra.persist.ports import Store
from cnstra.stores import MemoryStore
from cnstra.workers import RetryPolicy, StimulationJob, stimulation_job
from cnstra.workers.bullmq import Backoff, RateLimit, create_worker, enqueue
from cnstra.workers.bullmq.client import make_worker
from cnstra.workers.bullmq.progress import SAVE_PROGRESS, LockedProgress
from tests.durable.graphs import Context, Item, Switch, line, line_that_waits, pass_on
from tests.servers.redis import redis_server, redis_url
from tests.workers.bullmq_board import Board, new_board, until

SOON = Backoff(0.01, "fixed")
BY_HAND: dict[str, Any] = {"lock_duration": 30.0, "stalled_interval": 60.0}
"""Options of workers that do not see by themselves that a job was delivered again."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_url() as url:
        yield url


@pytest.fixture
async def board(url: str) -> AsyncIterator[Board]:
    async with new_board(url) as board:
        yield board


@pytest.fixture(params=["a store", "the job's own progress"])
def kept_by(request: pytest.FixtureRequest) -> Store | None:
    """Return what remembers what jobs have done, besides the jobs themselves."""
    return MemoryStore() if request.param == "a store" else None


# ---- ends ----------------------------------------------------------------------------------------------------------


async def test_a_job_runs_and_is_completed(board: Board, kept_by: Store | None) -> None:
    graph = line(pass_on, pass_on, pass_on)
    async with board.worker(graph, kept_by):
        job_id = await board.add(7)
        await board.until("completed")

    assert job_id == "a"
    assert graph.ran == ["n0:7", "n1:7", "n2:7"]


async def test_jobs_that_wait_come_with_the_answer_for_the_one_before(
    board: Board, kept_by: Store | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, asked_for = bullmq.Worker.getNextJob, []

    async def take_and_tell(worker: Any, token: str) -> Any:
        job = await take(worker, token)
        asked_for.extend([] if job is None else [job.id])
        return job

    monkeypatch.setattr(bullmq.Worker, "getNextJob", take_and_tell)
    graph = line(pass_on)
    names = [await board.add(number, f"job-{number}") for number in range(5)]
    async with board.worker(graph, kept_by, concurrency=1):
        await board.until("completed", *names)

    assert asked_for == ["job-0"]
    assert graph.ran == [f"n0:{number}" for number in range(5)]


async def test_a_failed_job_goes_on_where_it_failed(board: Board, kept_by: Store | None) -> None:
    switch = Switch()
    graph = line(pass_on, switch, pass_on)
    async with board.worker(graph, kept_by):
        await board.add(attempts=3, backoff=SOON)
        await until(lambda: len(graph.ran) >= 2)
        switch.on = False
        await board.until("completed")

    assert [one for one in graph.ran if one != "n1:1"] == ["n0:1", "n2:1"]
    assert (await board.fields())["failedReason"].startswith("Boom: item 1 (in neuron n1 on c1")


async def test_a_job_that_has_failed_too_often_is_dead_with_its_reason_and_trace(
    board: Board, kept_by: Store | None
) -> None:
    graph = line(pass_on, Switch())
    async with board.worker(graph, kept_by):
        await board.add(attempts=2, backoff=SOON)
        await board.until("failed")
    fields = await board.fields()

    assert graph.ran == ["n0:1", "n1:1", "n1:1"]
    assert "Boom: item 1 (in neuron n1 on c1" in fields["failedReason"]
    assert "raise Boom" in fields["stacktrace"]
    assert (fields["ats"], fields["atm"]) == ("2", "2")


async def test_a_start_whose_worker_died_counts_as_one_that_failed(board: Board, kept_by: Store | None) -> None:
    graph = line(Switch())
    await board.add(attempts=2)
    await board.client.hset(board.key("a"), "stc", 1)  # what BullMQ counts when it takes a job from a dead worker
    async with board.worker(graph, kept_by):
        await board.until("failed")

    assert graph.ran == ["n0:1"]


async def test_a_failed_job_that_somebody_retries_goes_on_where_it_failed(board: Board, kept_by: Store | None) -> None:
    switch = Switch()
    graph = line(pass_on, switch, pass_on)
    async with board.worker(graph, kept_by):
        await board.add(attempts=1)
        await board.until("failed")
        switch.on = False
        await board.jobs.retryJobs()
        await board.until("completed")

    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1"]


async def test_a_job_without_attempts_is_dead_after_one_failure(board: Board, kept_by: Store | None) -> None:
    graph = line(Switch())
    async with board.worker(graph, kept_by):
        await board.add_raw({"collateralName": "c0", "payload": {"n": 1}})
        await board.until("failed")

    assert graph.ran == ["n0:1"]


async def test_a_policy_of_the_worker_goes_before_the_options_of_jobs(board: Board, kept_by: Store | None) -> None:
    graph = line(Switch())
    async with board.worker(graph, kept_by, policy=RetryPolicy(max_attempts=3, first_delay=0.01)):
        await board.add(attempts=1)
        await board.until("failed")

    assert graph.ran == ["n0:1"] * 3


async def test_a_back_off_that_only_the_producer_knows_is_told_of(
    board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    switch = Switch()
    graph = line(switch)
    data = {"collateralName": "c0", "payload": {"n": 1}}
    async with board.worker(graph, policy=None):
        await board.add_raw(data, attempts=2, backoff={"type": "mine"})
        await until(lambda: graph.ran)
        switch.on = False
        await board.until("completed")

    assert "job a has a back-off that only its producer knows" in caplog.text


async def test_jobs_that_are_done_are_kept_as_wanted(board: Board, kept_by: Store | None) -> None:
    graph = line(pass_on)
    async with board.worker(graph, kept_by, keep_completed=Keep(count=1), concurrency=1):
        for number in range(3):
            await board.add_raw({"collateralName": "c0", "payload": {"n": number}}, f"job-{number}")
        await until(lambda: len(graph.ran) == 3)
    gone = [await board.state(f"job-{number}") for number in range(3)]

    assert gone == [None, None, "completed"]


# ---- dead jobs -----------------------------------------------------------------------------------------------------


GOOD = {"collateralName": "c0", "payload": {"n": 1}}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({**GOOD, "collateralName": "nobody"}, "'nobody'"),
        ({**GOOD, "payload": {"n": "many"}}, "$.n"),
        ({**GOOD, "formatVersion": "2.0"}, "deploy the newer code"),
        ({**GOOD, "payload": {"n": 1, "bulk": "x" * 20_000_000}}, "bytes are more than max_job_bytes"),
        ({}, "'collateralName' is missing"),
        ([1, 2], "a job is an object"),
        ("text", "a job is an object"),
        (None, "a job is an object"),
    ],
    ids=["unknown", "mistyped", "newer", "20 MB", "empty", "list", "text", "null"],
)
async def test_what_is_no_job_of_this_worker_is_dead_at_once(
    board: Board, kept_by: Store | None, data: Any, told: str
) -> None:
    graph = line(pass_on)
    async with board.worker(graph, kept_by, lock_duration=30.0):
        await board.add_raw(data, "bad", attempts=5)
        await board.add(2, "good")
        await board.until("failed", "bad")
        await board.until("completed", "good")
    fields = await board.fields("bad")

    assert told in fields["failedReason"]
    assert fields["ats"] == "1"
    assert graph.ran == ["n0:2"]


@pytest.mark.parametrize("field", ["data", "opts", "progress"])
async def test_a_job_that_is_not_even_json_is_dead_at_once(board: Board, field: str) -> None:
    await board.add(1, "bad")
    await board.client.hset(board.key("bad"), field, "{nonsense")
    async with board.worker(line(pass_on)):
        await board.add(2, "good")
        await board.until("failed", "bad")
        await board.until("completed", "good")

    assert "the job cannot be read" in (await board.fields("bad"))["failedReason"]


async def test_a_job_that_comes_with_an_answer_and_is_not_even_json_is_dead_at_once(board: Board) -> None:
    graph = line(pass_on)
    for number, name in enumerate(("first", "bad", "last")):
        await board.add(number, name)
    await board.client.hset(board.key("bad"), "data", "{nonsense")
    async with board.worker(graph, concurrency=1, lock_duration=30.0):
        await board.until("completed", "first", "last")
        await board.until("failed", "bad")

    assert "the job cannot be read" in (await board.fields("bad"))["failedReason"]
    assert graph.ran == ["n0:0", "n0:2"]


async def test_a_job_that_is_to_fail_fails(board: Board) -> None:
    graph = line(pass_on)
    await board.add()
    await board.client.hset(board.key("a"), "defa", "a child has failed")
    async with board.worker(graph):
        await board.until("failed")

    assert (await board.fields())["failedReason"] == "a child has failed"
    assert graph.ran == []


# ---- what is passed through ----------------------------------------------------------------------------------------


async def test_a_job_id_and_a_deduplication_id_are_used_once(board: Board) -> None:
    graph = line(pass_on)
    for number in (1, 2):
        await board.add(number, "same")
    first = await board.add(3, None, deduplication_id="d")
    second = await board.add(4, None, deduplication_id="d")
    async with board.worker(graph):
        await board.until("completed", "same", first)

    assert first == second
    assert sorted(graph.ran) == ["n0:1", "n0:3"]


async def test_a_job_has_the_id_that_its_run_is_to_have(board: Board) -> None:
    graph = line(pass_on)
    job = stimulation_job(graph.registry, graph.signal(), stimulation_id="order-7")

    assert await enqueue(board.jobs, job) == "order-7"
    with pytest.raises(GraphError, match="has a colon"):
        await enqueue(board.jobs, StimulationJob("c0", stimulation_id="order:7"))


async def test_jobs_come_by_priority(board: Board) -> None:
    graph = line(pass_on)
    for number, priority in ((1, 30), (2, 10), (3, 20), (4, 0)):
        await board.add(number, f"job-{number}", priority=priority)
    await board.add(5, "job-5", lifo=True)
    async with board.worker(graph, concurrency=1):
        await board.until("completed", "job-1")

    assert graph.ran == ["n0:5", "n0:4", "n0:2", "n0:3", "n0:1"]


async def test_a_delayed_job_waits(board: Board) -> None:
    async with board.worker(line(pass_on)):
        await board.add(delay=0.2)
        await board.until("completed")
    fields = await board.fields()

    assert int(fields["processedOn"]) - int(fields["timestamp"]) >= 200


async def test_no_more_jobs_are_started_than_the_rate_limit_allows(board: Board) -> None:
    for number in range(3):
        await board.add(number, f"job-{number}")
    async with board.worker(line(pass_on), rate_limit=RateLimit(1, every=0.15)):
        await board.until("completed", "job-0", "job-1", "job-2")
    starts = [int((await board.fields(f"job-{number}"))["processedOn"]) for number in range(3)]

    assert starts[1] - starts[0] >= 100
    assert starts[2] - starts[1] >= 100


async def test_a_number_that_bullmq_gives_is_no_id_of_a_stored_run(board: Board) -> None:
    store = MemoryStore()
    graph = line(pass_on)
    async with board.worker(graph, store):
        await board.jobs.add("whatever", GOOD, {})
        await board.until("completed", "1")
        (run,) = await store.list("")
        timestamp = (await board.fields("1"))["timestamp"]

    assert run.stimulation_id == f"{board.queue}-1-{timestamp}"


async def test_options_of_a_worker_that_make_no_sense_are_refused() -> None:
    graph = line(pass_on)

    for wrong in ({"concurrency": 0}, {"lock_duration": 0.0}, {"stalled_interval": 0.0}, {"loop_watch": -1.0}):
        with pytest.raises(GraphError):
            create_worker("q", cns=graph.cns, registry=graph.registry, **wrong)
    with pytest.raises(GraphError):
        create_worker("q")


# ---- one owner -----------------------------------------------------------------------------------------------------


async def test_progress_is_saved_only_under_the_lock_of_the_job(board: Board) -> None:
    await board.add()
    worker = make_worker(board.queue, board.url, "bull", {"lockDuration": 10_000})
    job = await worker.getNextJob("mine")
    assert job is not None
    progress = LockedProgress(job, "mine", worker.client.register_script(SAVE_PROGRESS), board.key(""))
    await progress.save({"tasks": [1], "context": {}})
    for thief in ("another's", None):
        await board.client.delete(board.key("a", "lock"))
        if thief is not None:
            await board.client.set(board.key("a", "lock"), thief)
        with pytest.raises(Fenced, match="'a'"):
            await progress.save({"tasks": [2], "context": {}})
    events = await board.client.xrange(board.key("events"))
    await worker.close()

    assert await progress.load() == 0
    assert await board.progress() == {"tasks": [1], "context": {}}
    assert [event["data"] for _, event in events if event["event"] == "progress"] == ['{"tasks":[1],"context":{}}']


async def test_a_job_that_two_workers_have_at_once_has_one_effective_owner(board: Board, kept_by: Store | None) -> None:
    release = asyncio.Event()

    async def hold(item: Item, ctx: Context) -> Item:
        await release.wait()
        return item

    first, second = line(pass_on, hold, pass_on), line(pass_on, hold, pass_on)
    async with board.worker(first, kept_by, concurrency=1, **BY_HAND):
        await board.add()
        await until(lambda: first.ran == ["n0:1", "n1:1"])
        async with board.worker(second, kept_by, **BY_HAND):
            await board.deliver_again()
            if kept_by is None:
                await until(lambda: second.ran)
            else:
                await board.until("delayed")
            release.set()
            await board.until("completed")

    ran = first.ran + second.ran
    assert (ran.count("n0:1"), ran.count("n2:1")) == (1, 1)
    assert ran.count("n1:1") == (2 if kept_by is None else 1)


async def test_a_job_that_a_worker_gets_a_second_time_is_not_done_twice(board: Board, kept_by: Store | None) -> None:
    graph, release = line_that_waits()
    async with board.worker(graph, kept_by, **BY_HAND):
        await board.add()
        await until(lambda: graph.ran)
        await board.deliver_again()
        if kept_by is None:
            await until(lambda: len(graph.ran) == 2)
        else:
            await until(lambda: board.has_started(2))
        release.set()
        await board.until("completed")

    assert len(graph.ran) == (2 if kept_by is None else 1)
    assert (await board.fields())["atm"] == "1"


async def test_a_job_done_whose_answer_came_too_late_is_not_done_again(board: Board) -> None:
    store = MemoryStore()
    graph, release = line_that_waits()
    async with board.worker(graph, store, **BY_HAND):
        await board.add()
        await until(lambda: graph.ran)
        await board.client.delete(board.key("a", "lock"))
        release.set()
        await until(lambda: is_completed(store))
        await board.deliver_again()
        await board.until("completed")

    assert graph.ran == ["n0:1"]
    assert (await board.fields())["ats"] == "2"


async def test_a_job_that_came_too_late_to_be_ours_is_left_alone(
    board: Board, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    take = bullmq.Worker.getNextJob

    async def take_slowly(worker: Any, token: str) -> Any:
        job = await take(worker, token)
        if job is not None and job.attemptsStarted == 1:
            await asyncio.sleep(0.3)
        return job

    monkeypatch.setattr(bullmq.Worker, "getNextJob", take_slowly)
    graph = line(pass_on)
    async with board.worker(graph, lock_duration=0.2):
        await board.add()
        await board.until("completed")

    assert "job a was lost before it was begun" in caplog.text
    assert graph.ran == ["n0:1"]


async def is_completed(store: Store) -> bool:
    return {run.status for run in await store.list("")} == {"completed"}


# ---- stopping, and a server that goes away -------------------------------------------------------------------------


async def test_a_worker_that_stops_gives_its_job_back_without_using_an_attempt(
    board: Board, kept_by: Store | None
) -> None:
    async def hold(item: Item, ctx: Context) -> Item:
        await asyncio.Event().wait()
        return item

    stopped, other = line(pass_on, hold), line(pass_on, pass_on)
    async with board.worker(stopped, kept_by):
        await board.add(attempts=1)
        await until(lambda: len(stopped.ran) == 2)
    state, fields = await board.state(), await board.fields()
    async with board.worker(other, kept_by):
        await board.until("completed")

    assert state == "delayed"
    assert "atm" not in fields
    assert other.ran == ["n1:1"]


async def test_a_failure_that_is_told_while_the_server_is_away_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    release, switch = asyncio.Event(), Switch()

    async def hold(item: Item, ctx: Context) -> Item:
        await release.wait()
        return switch(item, ctx)

    graph = line(hold)
    caplog.set_level(logging.DEBUG, logger="cnstra")
    with redis_server(aof=True) as server:
        async with new_board(server.url) as board, board.worker(graph, MemoryStore(), lock_duration=30.0):
            await board.add(attempts=3, backoff=SOON)
            await board.client.hset(board.key("a"), "stc", 1)
            await until(lambda: graph.ran)
            server.kill()
            release.set()
            await until(lambda: "the answer for job a is tried again" in caplog.text)
            switch.on = False
            server.start()
            await board.until("completed")

    assert graph.ran == ["n0:1", "n0:1"]


async def test_an_idle_worker_and_one_without_a_server_stop_at_once(
    board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    graph = line(pass_on)
    async with board.worker(graph):
        await asyncio.sleep(0.05)
    nowhere = Board("redis://127.0.0.1:1", "q", None, None)
    async with nowhere.worker(graph):
        await until(lambda: "no jobs can be taken from queue q for now" in caplog.text)

    assert graph.ran == []


async def test_a_server_that_goes_away_and_comes_back_finds_its_workers_waiting(kept_by: Store | None) -> None:
    release = asyncio.Event()

    async def hold(item: Item, ctx: Context) -> Item:
        if item.n == 1:
            await release.wait()
        return item

    graph = line(pass_on, hold, pass_on)
    with redis_server(aof=True) as server:
        async with new_board(server.url) as board, board.worker(graph, kept_by, lock_duration=30.0):
            await board.add(1, "held")
            await until(lambda: "n1:1" in graph.ran)
            server.kill()
            release.set()
            await asyncio.sleep(0.3)
            server.start()
            await board.add(2, "later")
            await board.until("completed", "held", "later")

    assert sorted(graph.ran) == ["n0:1", "n0:2", "n1:1", "n1:2", "n2:1", "n2:2"]


async def test_a_worker_that_cannot_answer_says_so_when_it_stops(caplog: pytest.LogCaptureFixture) -> None:
    graph, release = line_that_waits()
    caplog.set_level(logging.WARNING)
    with redis_server() as server:
        async with new_board(server.url) as board, board.worker(graph, MemoryStore(), lock_duration=0.4):
            await board.add()
            await until(lambda: graph.ran)
            server.kill()
            release.set()
            await until(lambda: "the answer for job a did not get through" in caplog.text)

    assert "the locks of jobs cannot be renewed" in caplog.text
