"""A worker on RabbitMQ and on NATS: jobs that end well, that fail, that are dead, and that are delivered twice."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from cnstra import DurableRunner
from cnstra.errors import GraphError
from cnstra.stores import MemoryStore, SqliteStore
from cnstra.workers import RetryPolicy, StimulationJob
from cnstra.workers.faststream import create_worker, enqueue, enqueue_job
from cnstra.workers.faststream.nats import JobSubject
from cnstra.workers.faststream.rabbit import JobQueue
from tests.durable.graphs import Context, Item, Switch, line, pass_on
from tests.servers.processes import free_port
from tests.workers.faststream.boards import Board, job, statuses, until, until_completed, worker
from tests.workers.faststream.conftest import BOARDS, board_of, server_of

SOON = RetryPolicy(first_delay=0.1, jitter=0.0)


# ---- ends ----------------------------------------------------------------------------------------------------------


async def test_a_job_runs_and_is_acknowledged(board: Board) -> None:
    graph, store = line(pass_on, pass_on, pass_on), MemoryStore()
    producer = board.place.connect(board.url)
    job_id = await enqueue(producer, graph.registry, graph.signal(7), to=board.place, stimulation_id="a")
    async with worker(board, graph, store):
        await until_completed(store, "a")
    await producer.stop()

    assert job_id == "a"
    assert graph.ran == ["n0:7", "n1:7", "n2:7"]
    assert await board.left() == 0


async def test_jobs_that_are_put_at_once_share_one_connection(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    producer = board.place.connect(board.url)
    connect, connections = producer._connect, []

    async def count() -> object:
        connections.append(await connect())
        return connections[-1]

    monkeypatch.setattr(producer, "_connect", count)
    await asyncio.gather(*(enqueue_job(producer, StimulationJob("c0"), to=board.place) for _ in range(20)))
    await producer.stop()

    assert len(connections) == 1
    assert await board.left() == 20


async def test_a_failed_job_comes_back_after_its_delay_and_goes_on_where_it_failed(board: Board) -> None:
    switch = Switch()
    graph, store = line(pass_on, switch, pass_on), MemoryStore()
    await board.put(job())
    async with worker(board, graph, store, policy=SOON):
        await until(lambda: len(graph.ran) >= 3)
        switch.on = False
        await until_completed(store)

    assert [one for one in graph.ran if one != "n1:1"] == ["n0:1", "n2:1"]
    assert await board.left() == 0


async def test_a_job_that_has_failed_too_often_is_with_the_dead_letters_and_its_reason(board: Board) -> None:
    graph = line(pass_on, Switch())
    await board.put(job())
    async with worker(board, graph, MemoryStore(), policy=RetryPolicy(max_attempts=2, first_delay=0.01)):
        await until(board.count_dead)
    reason, body = (await board.dead())["a"]

    assert graph.ran == ["n0:1", "n1:1", "n1:1"]
    assert "Boom: item 1 (in neuron n1 on c1" in reason
    assert body == job()
    assert await board.left() == 0


async def test_a_dead_job_that_somebody_puts_back_goes_on_where_it_failed(board: Board) -> None:
    switch = Switch()
    graph, store = line(pass_on, switch, pass_on), MemoryStore()
    await board.put(job())
    async with worker(board, graph, store, policy=RetryPolicy(max_attempts=1)):
        await until(board.count_dead)
        switch.on = False
        await board.put((await board.dead())["a"][1])
        await until_completed(store)

    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1"]


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
        (None, "a job is an object"),
        ("{nonsense", "not JSON"),
    ],
    ids=["unknown", "mistyped", "newer", "20 MB", "empty", "list", "null", "no JSON"],
)
async def test_what_is_no_job_of_this_worker_is_dead_at_once(board: Board, data: Any, told: str) -> None:
    graph, store = line(pass_on), MemoryStore()
    body = (data if isinstance(data, str) else json.dumps(data)).encode()
    await board.put(body, job(2), job_ids=["bad", "good"])
    async with worker(board, graph, store):
        await until(board.count_dead)
        await until_completed(store, "good")
    reason, kept = (await board.dead())["bad"]

    assert told in reason
    assert kept == body
    assert graph.ran == ["n0:2"]
    assert await board.left() == 0


async def test_a_reason_that_no_header_could_have_is_told_as_far_as_it_goes(board: Board) -> None:
    body = json.dumps({**GOOD, "collateralName": "näme\r\n" + "x" * 5000}).encode()
    await board.put(body)
    async with worker(board, line(pass_on), MemoryStore()):
        await until(board.count_dead)

    assert 100 < len((await board.dead())["a"][0]) <= 1000


# ---- one owner -----------------------------------------------------------------------------------------------------


async def test_a_job_that_two_workers_have_at_once_has_one_effective_owner(
    board: Board, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    release = asyncio.Event()

    async def hold(item: Item, ctx: Context) -> Item:
        await release.wait()
        return item

    caplog.set_level(logging.DEBUG, logger="cnstra")
    first, second = line(pass_on, hold, pass_on), line(pass_on, hold, pass_on)
    stores = [SqliteStore(tmp_path / "runs.db", synchronous="OFF") for _ in range(2)]
    await board.put(job())
    async with worker(board, first, stores[0], concurrency=1):
        await until(lambda: first.ran == ["n0:1", "n1:1"])
        async with worker(board, second, stores[1], concurrency=1):
            await board.put(job())
            await until(lambda: "job a goes back to the broker" in caplog.text)
            release.set()
            await until_completed(stores[1])
            await until(lambda: "repeated=True" in caplog.text)

    assert sorted(first.ran + second.ran) == ["n0:1", "n1:1", "n2:1"]


async def test_a_job_that_is_given_back_again_and_again_has_used_no_try(board: Board) -> None:
    async def hold(item: Item, ctx: Context) -> Item:
        await asyncio.Event().wait()
        return item

    stopped, other, store = line(pass_on, hold), line(pass_on, pass_on), MemoryStore()
    once = RetryPolicy(max_attempts=1)
    await board.put(job())
    for number in (1, 2, 3):
        async with worker(board, stopped, store, policy=once):
            await until(lambda: stopped.ran.count("n1:1") == number)  # noqa: B023 - awaited here
    async with worker(board, other, store, policy=once):
        await until_completed(store)

    assert other.ran == ["n1:1"]
    assert await board.left() == 0


# ---- stopping, and a broker that is not there ----------------------------------------------------------------------


async def test_jobs_that_were_taken_and_not_begun_are_given_back(board: Board) -> None:
    async def hold(item: Item, ctx: Context) -> None:
        await asyncio.Event().wait()

    busy, other, store = line(hold), line(pass_on), MemoryStore()
    names = [f"job-{number}" for number in range(6)]
    await board.put(*[job(number) for number in range(6)], job_ids=names)
    async with worker(board, busy, store, concurrency=2):
        await until(lambda: len(busy.ran) == 2)
    async with worker(board, other, store):
        await until_completed(store, *names)

    assert sorted(other.ran) == [f"n0:{number}" for number in range(6)]
    assert await board.left() == 0


@pytest.mark.parametrize("place", [JobSubject("q.jobs", stream="q"), JobQueue("q")], ids=["nats", "rabbitmq"])
async def test_a_worker_whose_broker_is_not_there_waits_and_stops_at_once(
    place: Any, caplog: pytest.LogCaptureFixture
) -> None:
    scheme = "nats" if isinstance(place, JobSubject) else "amqp"
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, MemoryStore(), max_active_runs=0)
    work = create_worker(place, runner, broker=f"{scheme}://127.0.0.1:{free_port()}")
    task = asyncio.create_task(work.serve())
    await asyncio.sleep(0.3)
    waits = not task.done()
    await work.source.stop()
    await task

    assert waits


@pytest.mark.parametrize("broker", BOARDS)
async def test_a_worker_whose_broker_has_gone_away_stops_in_good_order(broker: str) -> None:
    graph, store = line(pass_on), MemoryStore()
    with server_of(broker) as server:
        async with board_of(broker, server.url) as board:
            await board.put(job())
            async with worker(board, graph, store):
                await until_completed(store)
                server.kill()

    assert graph.ran == ["n0:1"]


def test_options_that_make_no_sense_are_refused() -> None:
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, MemoryStore())

    with pytest.raises(GraphError, match="concurrency"):
        create_worker(JobQueue("q"), runner, broker="amqp://localhost", concurrency=0)
    with pytest.raises(GraphError, match="no wildcards"):
        JobSubject("jobs.*", stream="jobs")
    with pytest.raises(GraphError, match="ack_wait"):
        JobSubject("jobs", stream="jobs", ack_wait=0.0)
    with pytest.raises(GraphError, match="kind"):
        JobQueue("jobs", kind="stream")  # type: ignore[arg-type]
    with pytest.raises(GraphError, match="needs a name"):
        JobQueue("")


# ---- producing -----------------------------------------------------------------------------------------------------


async def test_a_job_without_an_id_gets_one_from_its_producer(board: Board) -> None:
    graph, store = line(pass_on), MemoryStore()
    producer = board.place.connect(board.url)
    first = await enqueue(producer, graph.registry, graph.signal(1), to=board.place)
    second = await enqueue_job(producer, StimulationJob("c0", {"n": 2}), to=board.place)
    async with worker(board, graph, store):
        await until_completed(store, first, second)
    await producer.stop()

    assert set(await statuses(store)) == {first, second}


async def test_what_is_said_of_a_run_travels_with_its_job(board: Board) -> None:
    told: list[Any] = []

    def look(item: Item, ctx: Context) -> None:
        told.append(ctx.metadata)

    graph, store = line(look), MemoryStore()
    producer = board.place.connect(board.url)
    await enqueue(producer, graph.registry, graph.signal(), to=board.place, stimulation_id="a", metadata={"by": "me"})
    async with worker(board, graph, store):
        await until_completed(store)
    await producer.stop()

    assert told == [{"by": "me"}]
