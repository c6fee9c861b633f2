"""What only NATS has: a limit for messages, streams that are there already, and consumers that somebody deletes."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from nats.js.errors import NotFoundError

from cnstra import DurableRunner
from cnstra.errors import GraphError, PayloadError
from cnstra.stores import MemoryStore
from cnstra.workers import StimulationJob
from cnstra.workers.faststream import create_worker, enqueue_job, nats_line
from cnstra.workers.faststream.nats import JobSubject
from cnstra.workers.faststream.nats_line import JOB_ID, REASON
from cnstra.workers.faststream.ports import LineLost
from tests.durable.graphs import Context, Item, line, pass_on
from tests.servers.nats import nats_server
from tests.workers.faststream.boards import NatsBoard, job, nats_board, statuses, until, until_completed, worker


async def test_a_job_that_is_more_than_the_server_takes_is_refused_when_it_is_made() -> None:
    place = JobSubject("q.jobs", stream="q")
    with nats_server() as server:
        producer = place.connect(server.url)
        with pytest.raises(PayloadError, match=r"20,000,0.. bytes are more than this server takes.*max_payload"):
            await enqueue_job(producer, StimulationJob("c0", {"n": 1, "bulk": "x" * 20_000_000}), to=place)
        await producer.stop()


async def test_a_dead_job_that_leaves_no_room_for_the_reason_is_kept_without_it() -> None:
    with nats_server(max_payload=2000) as server:
        async with nats_board(server.url) as board:
            body = b"x" * 1940
            await board.put(body)
            async with worker(board, line(pass_on), MemoryStore()):
                await until(board.count_dead)
            letters = await board.dead()

    assert letters == {"a": ("", body)}


async def test_a_worker_whose_client_has_given_up_ends(nats_place: NatsBoard) -> None:
    graph = line(pass_on)
    broker = nats_place.place.connect(nats_place.url)
    runner = DurableRunner(graph.cns, graph.registry, MemoryStore(), max_active_runs=0)
    task = asyncio.create_task(create_worker(nats_place.place, runner, broker=broker).serve())
    await until(lambda: is_consumed(nats_place))
    await (await broker.connect()).close()

    with pytest.raises(LineLost, match="given up its connection"):
        await task


async def is_consumed(board: NatsBoard) -> bool:
    try:
        return bool((await board.jetstream.consumer_info(board.place.stream, "cnstra")).num_waiting)
    except NotFoundError:
        return False


async def test_a_job_that_is_put_there_twice_within_two_minutes_is_there_once(nats_place: NatsBoard) -> None:
    producer = nats_place.place.connect(nats_place.url)
    for _ in range(2):
        await enqueue_job(producer, StimulationJob("c0", {"n": 1}, stimulation_id="a"), to=nats_place.place)
    await producer.stop()

    assert await nats_place.left() == 1


async def test_a_job_without_an_id_has_that_of_its_place_in_the_stream_each_time(nats_place: NatsBoard) -> None:
    async def hold(item: Item, ctx: Context) -> None:
        await asyncio.Event().wait()

    first, second, store = line(hold), line(pass_on), MemoryStore()
    await nats_place.put(job(), job_ids=[None])
    async with worker(nats_place, first, store):
        await until(lambda: first.ran)
    async with worker(nats_place, second, store):
        await until(lambda: second.ran)
    [(job_id, status)] = (await statuses(store)).items()

    assert job_id.startswith(f"{nats_place.place.stream}-1-")
    assert status == "completed"


async def test_a_stream_that_is_there_is_taken_as_it_is(nats_place: NatsBoard) -> None:
    name = f"q{uuid4().hex[:8]}"
    await nats_place.jetstream.add_stream(name=name, subjects=[f"{name}.>"], description="theirs")
    nats_place.place = JobSubject(f"{name}.jobs", stream=name)
    store = MemoryStore()
    await nats_place.put(job(), b"{}", job_ids=["good", "bad"])
    async with worker(nats_place, line(pass_on), store):
        await until_completed(store, "good")
        await until(lambda: last_dead(nats_place))
    info = await nats_place.jetstream.stream_info(name)
    letter = await last_dead(nats_place)

    assert info.config.description == "theirs"
    assert (letter.headers[JOB_ID], "'collateralName' is missing" in letter.headers[REASON]) == ("bad", True)


async def last_dead(board: NatsBoard) -> Any:
    try:
        return await board.jetstream.get_last_msg(board.place.stream, board.place.dead_letters)
    except NotFoundError:
        return None


async def test_a_stream_that_does_not_have_the_subject_is_refused(nats_place: NatsBoard) -> None:
    name = f"q{uuid4().hex[:8]}"
    await nats_place.jetstream.add_stream(name=name, subjects=[f"{name}.other"])
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, MemoryStore(), max_active_runs=0)
    work = create_worker(JobSubject(f"{name}.jobs", stream=name), runner, broker=nats_place.url)

    with pytest.raises(GraphError, match="does not have the subject"):
        await work.serve()


async def test_a_consumer_that_does_not_fit_the_stream_is_refused(nats_place: NatsBoard) -> None:
    await nats_place.put(job_ids=[])
    await nats_place.jetstream.add_consumer(nats_place.place.stream, durable_name="theirs", ack_policy="explicit")
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, MemoryStore(), max_active_runs=0)

    with pytest.raises(GraphError, match="cannot have the consumer 'cnstra'"):
        await create_worker(nats_place.place, runner, broker=nats_place.url).serve()


async def test_a_consumer_that_somebody_deletes_is_made_again(nats_place: NatsBoard) -> None:
    store, stream = MemoryStore(), nats_place.place.stream
    await nats_place.put(job(1), job_ids=["first"])
    async with worker(nats_place, line(pass_on), store):
        await until_completed(store, "first")
        await nats_place.jetstream.delete_consumer(stream, "cnstra")
        await nats_place.put(job(2), job_ids=["second"])
        await until_completed(store, "second")

    assert await nats_place.left() == 0


async def test_a_stream_for_dead_letters_that_somebody_deletes_is_made_again(
    nats_place: NatsBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_line, "_LATER", 0.1)
    store = MemoryStore()
    await nats_place.put(job(1), job_ids=["good"])
    async with worker(nats_place, line(pass_on), store):
        await until_completed(store, "good")
        await nats_place.jetstream.delete_stream(f"{nats_place.place.stream}-dead")
        await nats_place.jetstream.publish(nats_place.place.subject, b"{}", headers={JOB_ID: "bad"})
        await until(nats_place.count_dead)

    assert list(await nats_place.dead()) == ["bad"]
