"""A worker on a queue of Procrastinate: jobs that end well, that fail, that are dead, and that others have added."""

import asyncio
from typing import Any

import procrastinate
import pytest

from cnstra.stores import MemoryStore
from cnstra.workers import JOB_NAME, RetryPolicy, StimulationJob, stimulation_job
from cnstra.workers.procrastinate import enqueue
from tests.durable.graphs import Context, Item, Switch, line, line_that_waits, pass_on
from tests.workers.procrastinate.board import NEVER, Board, until

# ---- ends ----------------------------------------------------------------------------------------------------------


async def test_a_job_runs_and_succeeds(board: Board) -> None:
    graph = line(pass_on, pass_on, pass_on)
    async with board.worker(graph):
        run_id = await board.add(7)
        await board.until("succeeded")

    assert run_id == "a"
    assert graph.ran == ["n0:7", "n1:7", "n2:7"]
    assert await board.events() == ["deferred", "started", "succeeded"]


async def test_a_job_without_an_id_is_given_one(board: Board) -> None:
    store = MemoryStore()
    graph = line(pass_on)
    async with board.worker(graph, store):
        run_id = await enqueue(board.queue, stimulation_job(graph.registry, graph.signal(1)))
        assert run_id is not None
        await board.until("succeeded", run_id)
        (run,) = await store.list("")

    assert run.stimulation_id == run_id


async def test_a_job_that_waited_before_there_was_a_worker_runs(board: Board) -> None:
    graph = line(pass_on)
    for number in range(30):
        await board.add(number, f"job-{number}")
    async with board.worker(graph, concurrency=3):
        await board.until("succeeded", *[f"job-{number}" for number in range(30)])

    assert sorted(graph.ran) == sorted(f"n0:{number}" for number in range(30))


async def test_a_failed_job_goes_on_where_it_failed_as_soon_as_that_is_due(board: Board) -> None:
    switch = Switch()
    graph = line(pass_on, switch, pass_on)
    async with board.worker(graph):  # which looks by itself every 1000 seconds
        await board.add()
        await until(lambda: len(graph.ran) >= 2)
        switch.on = False
        await board.until("succeeded")

    assert [one for one in graph.ran if one != "n1:1"] == ["n0:1", "n2:1"]
    assert (await board.job())["reason"] is None


async def test_a_job_that_has_failed_too_often_is_dead_with_its_reason(board: Board) -> None:
    graph = line(pass_on, Switch())
    async with board.worker(graph):
        await board.add()
        await board.until("failed")
    job = await board.job()

    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n1:1"]
    assert "Boom: item 1 (in neuron n1 on c1" in job["reason"]
    assert job["attempts"] == 3


async def test_a_failed_job_that_somebody_retries_goes_on_where_it_failed(board: Board) -> None:
    switch = Switch()
    graph = line(pass_on, switch, pass_on)
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=board.url))
    async with board.worker(graph, policy=RetryPolicy(max_attempts=1)), app.open_async():
        await board.add()
        await board.until("failed")
        switch.on = False
        now = (await board.ask("SELECT now()"))[0]["now"]
        await app.job_manager.retry_job_by_id_async(await board.number(), retry_at=now)
        await board.tell()
        await board.until("succeeded")

    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1"]


async def test_the_reason_of_a_failure_can_hold_any_text(board: Board) -> None:
    def fail(item: Item, ctx: Context) -> None:
        raise ValueError("\0 and \udc80" + "x" * 10_000)

    async with board.worker(line(fail), policy=RetryPolicy(max_attempts=1)):
        await board.add()
        await board.until("failed")

    assert " and ?xxx" in (await board.job())["reason"]


@pytest.mark.parametrize(("delete_jobs", "left"), [("never", 2), ("successful", 1), ("always", 0)])
async def test_jobs_that_are_over_are_deleted_as_wanted(board: Board, delete_jobs: str, left: int) -> None:
    graph = line(pass_on)
    async with board.worker(graph, delete_jobs=delete_jobs):
        await board.add()
        await board.add_raw({})
        await until(lambda: graph.ran)
        await until(lambda: are_over(board))

    assert len(await board.jobs()) == left


async def are_over(board: Board) -> bool:
    return not {"todo", "doing"} & set(await board.counts())


async def test_numbers_and_texts_that_jsonb_would_change_arrive_as_they_were(board: Board) -> None:
    seen: list[Any] = []
    graph = line(lambda item, ctx: seen.append(ctx.metadata))
    metadata = {"large": 1e300, "huge": 1e22, "zero": -0.0, "text": "a\0b", "1": 1, "2": 1.0}
    job = stimulation_job(graph.registry, graph.signal(1), stimulation_id="a", metadata=metadata)
    async with board.worker(graph):
        await enqueue(board.queue, job)
        await board.until("succeeded")

    assert [repr(one) for one in seen] == [repr(metadata)]


# ---- dead jobs -----------------------------------------------------------------------------------------------------

GOOD = {"collateralName": "c0", "payload": {"n": 1}}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"job": {**GOOD, "collateralName": "nobody"}}, "'nobody'"),
        ({"job": {**GOOD, "payload": {"n": "many"}}}, "$.n"),
        ({"job": {**GOOD, "formatVersion": "2.0"}}, "deploy the newer code"),
        ({"job": {**GOOD, "payload": {"n": 1, "bulk": "x" * 20_000_000}}}, "bytes are more than max_job_bytes"),
        ({"job": "x" * 20_000_000}, "bytes are more than max_job_bytes"),
        ({"job": {}}, "'collateralName' is missing"),
        ({"job": [1, 2]}, "a job is an object"),
        ({"job": "text"}, "not JSON"),
        ({"job": None}, "a job is an object"),
        ({}, "no stimulation job"),
        ({"job": GOOD, "schedule": 7}, "no stimulation job"),
        ({"job": "text", "schedule": "s", "timestamp": 7}, "not JSON"),
    ],
    ids=[
        "unknown",
        "mistyped",
        "newer",
        "20MB",
        "20MB-text",
        "empty",
        "list",
        "text",
        "null",
        "no-job",
        "odd-schedule",
        "scheduled-text",
    ],
)
async def test_what_is_no_job_of_this_worker_is_dead_at_once(board: Board, arguments: Any, told: str) -> None:
    graph = line(pass_on)
    async with board.worker(graph):
        bad = await board.add_raw(arguments)
        await board.add(2, "good")
        await board.until("failed", bad)
        await board.until("succeeded", "good")
    job = await board.job(bad)

    assert told in job["reason"]
    assert job["attempts"] == 1
    assert graph.ran == ["n0:2"]


@pytest.mark.parametrize("arguments", ["text", [1], None, 7], ids=str)
async def test_arguments_that_are_no_object_are_dead_at_once(board: Board, arguments: Any) -> None:
    async with board.worker(line(pass_on)):
        bad = await board.add_raw(arguments)
        await board.until("failed", bad)

    assert (await board.job(bad))["attempts"] == 1


async def test_what_is_nested_too_deeply_to_be_read_is_dead_at_once(board: Board) -> None:
    deep = "[" * 3000 + "]" * 3000
    add = "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES (%s, %s, %s) RETURNING id"
    async with board.worker(line(pass_on)):
        (bad,) = await board.ask(add, board.name, JOB_NAME, f'{{"job": {{"collateralName": "c0", "payload": {deep}}}}}')
        await board.until("failed", bad["id"])

    assert (await board.job(bad["id"]))["attempts"] == 1


async def test_a_job_of_another_task_is_dead_and_says_why(board: Board) -> None:
    async with board.worker(line(pass_on)):
        other = await board.add_raw({"to": "ann"}, "send_mail")
        await board.until("failed", other)

    assert "knows the task 'send_mail'" in (await board.job(other))["reason"]


# ---- what is passed through ----------------------------------------------------------------------------------------


async def test_jobs_come_by_priority(board: Board) -> None:
    graph = line(pass_on)
    for number, priority in ((1, -5), (2, 10), (3, 0), (4, 20)):
        await board.add(number, f"job-{number}", priority=priority)
    async with board.worker(graph, concurrency=1):
        await board.until("succeeded", "job-1")

    assert graph.ran == ["n0:4", "n0:2", "n0:3", "n0:1"]


async def test_jobs_with_one_lock_run_one_after_the_other(board: Board) -> None:
    graph, release = line_that_waits()
    await board.add(1, "first", lock=f"{board.name}-x")
    await board.add(2, "second", lock=f"{board.name}-x")
    await board.add(3, "other", lock=f"{board.name}-y")
    async with board.worker(graph):
        await until(lambda: len(graph.ran) == 2)
        waits = (await board.job("second"))["status"]
        release.set()
        await board.until("succeeded", "first", "second", "other")

    assert waits == "todo"
    assert graph.ran == ["n0:1", "n0:3", "n0:2"]


async def test_a_queueing_lock_keeps_a_second_job_out_while_the_first_waits(board: Board) -> None:
    graph = line(pass_on)
    lock = f"{board.name}-sync"
    added = [await board.add(number, f"job-{number}", queueing_lock=lock) for number in (1, 2)]
    async with board.worker(graph):
        await board.until("succeeded", "job-1")
        added.append(await board.add(3, "job-3", queueing_lock=lock))
        await board.until("succeeded", "job-3")

    assert added == ["job-1", None, "job-3"]
    assert graph.ran == ["n0:1", "n0:3"]


async def test_a_failed_job_is_retried_though_another_with_its_queueing_lock_waits(board: Board) -> None:
    switch, reached, release = Switch(), asyncio.Event(), asyncio.Event()

    async def hold(item: Item, ctx: Context) -> Item:
        reached.set()
        await release.wait()
        return item

    graph = line(hold, switch)
    lock = f"{board.name}-sync"
    async with board.worker(graph, concurrency=1, policy=RetryPolicy(first_delay=0.01)):
        await board.add(1, "job-1", queueing_lock=lock)
        await reached.wait()
        await board.add(2, "job-2", queueing_lock=lock)
        release.set()
        await until(lambda: "n1:1" in graph.ran)
        switch.on = False
        await board.until("succeeded", "job-1", "job-2")

    assert {"n1:1", "n1:2"} <= set(graph.ran)


async def test_a_job_waits_for_its_time_and_is_taken_up_when_that_has_come(board: Board) -> None:
    async with board.worker(line(pass_on)):  # which looks by itself every 1000 seconds
        await board.add(1, "in", schedule_in=0.3)
        now = (await board.ask("SELECT now()"))[0]["now"]
        await board.add(2, "at", schedule_at=now.timestamp() + 0.4)
        await board.add(3, "never", schedule_in=NEVER)
        await board.until("succeeded", "in", "at")
        job = await board.job("in")
        (started,) = await board.ask(
            "SELECT at FROM procrastinate_events WHERE job_id = %s AND type = 'started'", job["id"]
        )

    assert started["at"] >= job["scheduled_at"]
    assert (await board.job("never"))["status"] == "todo"


async def test_jobs_that_were_added_by_procrastinates_own_api_or_by_hand_run(board: Board) -> None:
    store = MemoryStore()
    graph = line(pass_on)
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=board.url))
    deferring = app.configure_task(JOB_NAME, queue=board.name)
    async with board.worker(graph, store), app.open_async():
        as_text = await deferring.defer_async(job=StimulationJob("c0", {"n": 1}).to_json())
        as_data = await deferring.defer_async(job={"collateralName": "c0", "payload": {"n": 2}})
        by_hand = await board.add_raw({"job": {"collateralName": "c0", "payload": {"n": 3}}})
        await board.until("succeeded", as_text, as_data, by_hand)
        runs = {run.stimulation_id.rpartition("-")[0] for run in await store.list("")}

    assert sorted(graph.ran) == ["n0:1", "n0:2", "n0:3"]
    assert runs == {f"{board.name}-{number}" for number in (as_text, as_data, by_hand)}


async def test_a_job_that_procrastinate_is_asked_to_abort_is_aborted_with_its_run(board: Board) -> None:
    store = MemoryStore()
    reached = asyncio.Event()

    async def hold(item: Item, ctx: Context) -> Item:
        reached.set()
        await until(lambda: ctx.abort_signal.aborted)
        return item

    graph = line(hold, pass_on)
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=board.url))
    async with board.worker(graph, store), app.open_async():
        await board.add()
        await reached.wait()
        await app.job_manager.cancel_job_by_id_async(await board.number(), abort=True)
        await board.until("aborted")
        (run,) = await store.list("")

    assert graph.ran == ["n0:1"]
    assert run.status == "aborted"
