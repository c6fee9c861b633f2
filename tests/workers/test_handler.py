import asyncio
import logging
from typing import Any

import pytest

from cnstra import CNS, DurableRunner, GraphError
from cnstra.persist.ports import Store
from cnstra.workers import Dead, Delivery, Done, JobHandler, JobProgress, Retry
from tests.durable.conftest import Reopen
from tests.durable.graphs import Context, Item, Switch, line, line_that_waits, pass_on
from tests.durable.test_resuming import Stuck
from tests.durable.waiting import until, until_run
from tests.workers.delivering import delivery, handler_of, worker

GIVEN_BACK = Retry(0.0, "this worker stops; the run was given back")


async def breathe(item: Item, ctx: Context) -> Item:
    await asyncio.sleep(0.001)
    return item


# ---- dead letters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"collateralName": "unheard-of"}, "collateral 'unheard-of' is not registered"),
        ({"collateralName": "c0", "payload": {"n": "one"}}, "Expected `int`, got `str`"),
        ({"collateralName": "c0", "payload": {"n": 1}, "payloadVersion": 2}, "written by newer code"),
        ({"collateralName": "c0", "payload": {"n": 1}, "formatVersion": "2.0"}, "written by newer code"),
        ({"collateralName": "c0", "payload": {"n": 1, "bulk": "x" * 20_000_000}}, "more than max_job_bytes=16,777,216"),
        (b"{", "not JSON"),
        ("[]", "a job is an object"),
    ],
    ids=["name", "type", "payload version", "format version", "size", "json", "shape"],
)
async def test_a_hopeless_job_is_dead_at_once_and_the_next_one_is_run(store: Store, data: Any, reason: str) -> None:
    graph = line(pass_on)

    async with worker(graph, store) as (handler, runner):
        outcome = await handler.handle(Delivery("a", data))
        next_one = await handler.handle(delivery(graph, job_id="b"))
        runs = await runner.list()

    assert isinstance(outcome, Dead)
    assert reason in outcome.reason
    assert next_one == Done(1)
    assert [run.stimulation_id for run in runs] == ["b"]


async def test_a_dead_job_is_logged_with_its_id(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    graph = line(pass_on)

    async with worker(graph, store) as (handler, _):
        await handler.handle(Delivery("job-7", "{"))

    assert "job job-7 is dead: job: not JSON" in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_failure_is_logged_with_its_traceback(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    graph = line(Switch())

    async with worker(graph, store) as (handler, _):
        await handler.handle(delivery(graph, job_id="job-7"))

    assert "job job-7 failed, and is tried again in 0.25 s: Boom: item 1 (in neuron n0" in caplog.text
    assert "tests.durable.graphs.Boom: item 1" in caplog.text
    assert "which nobody awaits" not in caplog.text


async def test_what_goes_back_is_no_warning(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    graph, release = line_that_waits()

    async with worker(graph, store) as (first, runner), worker(graph, store) as (second, _):
        task = asyncio.create_task(first.handle(delivery(graph)))
        await until_run(runner, lambda info: info.status == "running")
        await second.handle(delivery(graph))
        release.set()
        await task

    assert [record for record in caplog.records if record.levelno >= logging.WARNING and record.name == "cnstra"] == []


# ---- cancelled deliveries --------------------------------------------------------------------------------------


async def test_cancelling_a_delivery_gives_its_run_back(stores: Reopen) -> None:
    stuck = Stuck()
    graph = line(pass_on, stuck.body(), pass_on)

    async with worker(graph, stores()) as (handler, runner):
        task = asyncio.create_task(handler.handle(delivery(graph)))
        await stuck.reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until_run(runner, lambda info: info.status == "pending")
        stuck.free = True
        done = await handler.handle(delivery(graph))

    assert done == Done(2)
    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1"]


async def test_a_hop_that_settles_in_time_is_kept_when_its_delivery_is_cancelled(stores: Reopen) -> None:
    reached = asyncio.Event()

    async def moment(item: Item, ctx: Context) -> Item:
        reached.set()
        await asyncio.sleep(0.02)
        return item

    graph = line(moment, pass_on)
    runner = DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0)
    handler = handler_of(runner, grace=30.0)
    async with runner:
        task = asyncio.create_task(handler.handle(delivery(graph)))
        await reached.wait()
        task.cancel()
        await asyncio.wait([task])
        info = await until_run(runner, lambda info: info.status == "pending")
        await handler.handle(delivery(graph))

    assert info.hop_count == 1
    assert graph.ran == ["n0:1", "n1:1"]


async def test_a_run_that_another_delivery_waits_for_is_not_given_back(stores: Reopen) -> None:
    graph, release = line_that_waits()

    async with worker(graph, stores()) as (handler, _):
        tasks = [asyncio.create_task(handler.handle(delivery(graph))) for _ in range(2)]
        await until(lambda: handler._waiting.total() == 2)
        tasks[0].cancel()
        await asyncio.wait([tasks[0]])
        release.set()
        outcome = await tasks[1]

    assert tasks[0].cancelled()
    assert outcome == Done(1)


async def test_a_run_goes_on_in_the_store_when_the_broker_takes_its_delivery_away(stores: Reopen) -> None:
    graph, release = line_that_waits()

    async with worker(graph, stores()) as (handler, runner):
        lost = delivery(graph)
        task = asyncio.create_task(handler.handle(lost))
        await until(lambda: handler._waiting.total() == 1)
        handler.drop(lost)
        await asyncio.wait([task])
        release.set()
        info = await until_run(runner, lambda info: info.status == "completed")
        again = await handler.handle(delivery(graph))

    assert task.cancelled()
    assert info.attempt_number == 1
    assert again == Done(1, repeated=True)
    assert graph.ran == ["n0:1"]


async def test_dropping_what_is_not_in_hand_does_nothing(store: Store) -> None:
    graph = line(pass_on)

    async with worker(graph, store) as (handler, _):
        over = delivery(graph)
        outcome = await handler.handle(over)
        handler.drop(over)
        handler.drop(delivery(graph))

    assert outcome == Done(1)


# ---- giving back -----------------------------------------------------------------------------------------------


async def test_a_handler_that_stops_taking_answers_at_once_and_goes_on_with_what_it_has(stores: Reopen) -> None:
    graph, release = line_that_waits()

    async with worker(graph, stores()) as (handler, runner):
        task = asyncio.create_task(handler.handle(delivery(graph)))
        await until_run(runner, lambda info: info.status == "running")
        handler.stop_taking()
        refused = await handler.handle(delivery(graph, job_id="b"))
        in_hand = handler.in_hand
        release.set()
        done = await task
        unknown = await runner.get("b")

    assert refused == Retry(0.0, "this worker takes no more jobs")
    assert (in_hand, handler.in_hand, handler.takes_jobs) == (1, 0, False)
    assert done == Done(1)
    assert unknown is None


async def test_giving_back_answers_every_delivery(stores: Reopen) -> None:
    stuck = Stuck()
    graph = line(stuck.body())

    async with worker(graph, stores()) as (handler, runner):
        tasks = [asyncio.create_task(handler.handle(delivery(graph, n, str(n)))) for n in range(3)]
        await stuck.reached.wait()
        await handler.give_back()
        outcomes = [task.result() for task in tasks]
        runs = await runner.list()

    assert all(outcome in {GIVEN_BACK, Retry(0.0, "this worker takes no more jobs")} for outcome in outcomes)
    assert GIVEN_BACK in outcomes
    assert {run.status for run in runs} == {"pending"}


async def test_a_hurry_cuts_the_grace_time_short(stores: Reopen) -> None:
    stuck = Stuck()
    graph = line(stuck.body())
    runner = DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0)
    handler = handler_of(runner, grace=1000.0)
    hurry = asyncio.Event()

    async with runner:
        task = asyncio.create_task(handler.handle(delivery(graph)))
        await stuck.reached.wait()
        giving = asyncio.create_task(handler.give_back(hurry))
        await asyncio.sleep(0.01)
        before = giving.done()
        hurry.set()
        await giving

    assert not before
    assert task.result() == GIVEN_BACK


async def test_a_delivery_whose_run_starts_while_all_is_given_back_is_given_back(stores: Reopen) -> None:
    stuck = Stuck()
    graph = line(stuck.body())

    async with worker(graph, stores()) as (handler, _):
        task = asyncio.create_task(handler.handle(delivery(graph)))
        await until(lambda: handler.in_hand == 1)
        await handler.give_back()

    assert task.result() == GIVEN_BACK


async def test_a_delivery_that_meets_a_closed_runner_goes_back(stores: Reopen) -> None:
    graph = line(pass_on)

    async with worker(graph, stores()) as (handler, runner):
        task = asyncio.create_task(handler.handle(delivery(graph)))
        handler.stop_taking()
        await runner.close()
        outcome = await task

    assert isinstance(outcome, Retry)
    assert not outcome.is_failure


# ---- progress and signs of life --------------------------------------------------------------------------------


async def test_progress_is_told_hop_by_hop_with_the_delivery_that_it_belongs_to(stores: Reopen) -> None:
    graph = line(breathe, breathe, breathe)
    told: list[tuple[Any, JobProgress]] = []
    runner = DurableRunner(graph.cns, graph.registry, stores())
    handler = handler_of(runner, on_progress=lambda delivery, progress: told.append((delivery.message, progress)))

    async with runner:
        job = delivery(graph)
        await handler.handle(Delivery("a", job.data, message="the broker's own"))

    assert {message for message, _ in told} == {"the broker's own"}
    assert told[-1][1] == JobProgress("a", 1, hop_count=3, outstanding=0)
    assert [progress.hop_count for _, progress in told] == sorted({progress.hop_count for _, progress in told})


async def test_a_resumed_run_tells_its_progress_too(stores: Reopen) -> None:
    switch = Switch()
    graph = line(breathe, switch, breathe)
    told: list[JobProgress] = []

    async def tell(delivery: Delivery, progress: JobProgress) -> None:
        await asyncio.sleep(0)
        told.append(progress)

    runner = DurableRunner(graph.cns, graph.registry, stores())
    handler = handler_of(runner, on_progress=tell)
    async with runner:
        await handler.handle(delivery(graph))
        switch.on = False
        told.clear()
        await handler.handle(delivery(graph))

    assert told[-1] == JobProgress("a", 2, hop_count=2, outstanding=0)


async def test_progress_that_cannot_be_told_harms_nothing(stores: Reopen, caplog: pytest.LogCaptureFixture) -> None:
    graph = line(breathe, breathe)

    def fail(delivery: Delivery, progress: JobProgress) -> None:
        raise OSError("no broker")

    runner = DurableRunner(graph.cns, graph.registry, stores())
    handler = handler_of(runner, on_progress=fail)
    async with runner:
        outcome = await handler.handle(delivery(graph))

    assert outcome == Done(1)
    assert "the progress of job a could not be told" in caplog.text


async def test_runs_of_others_are_not_told_of(stores: Reopen) -> None:
    graph = line(breathe)
    told: list[JobProgress] = []
    runner = DurableRunner(graph.cns, graph.registry, stores())
    handler = handler_of(runner, on_progress=lambda delivery, progress: told.append(progress))

    async with runner:
        delivered = asyncio.create_task(handler.handle(delivery(graph)))
        await (await runner.stimulate(graph.signal(2)))
        await delivered
        heard = graph.cns.response_listeners

    assert {progress.stimulation_id for progress in told} == {"a"}
    assert heard == ()


async def test_the_broker_is_told_that_a_delivery_is_being_worked_on(stores: Reopen) -> None:
    graph, release = line_that_waits()
    told: list[str | None] = []

    async def tell(delivery: Delivery) -> None:
        told.append(delivery.job_id)
        if len(told) == 1:
            raise OSError("no broker")
        release.set()

    runner = DurableRunner(graph.cns, graph.registry, stores())
    handler = handler_of(runner, keep_alive=tell, keep_alive_every=0.001)
    async with runner:
        outcome = await handler.handle(delivery(graph))
        count = len(told)
        await asyncio.sleep(0.02)

    assert outcome == Done(1)
    assert set(told) == {"a"}
    assert len(told) == count >= 2


# ---- how it is made --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{"max_job_bytes": 0}, {"keep_alive_every": 0.0}, {"grace": -1.0}], ids=lambda one: next(iter(one))
)
def test_options_that_make_no_sense_are_refused(options: Any) -> None:
    graph = line(pass_on)

    with pytest.raises(GraphError):
        JobHandler(DurableRunner(graph.cns, graph.registry, "memory://"), **options)


def test_a_handler_has_a_runner_or_a_graph_of_its_own() -> None:
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, "memory://")

    with pytest.raises(GraphError, match="not both"):
        JobHandler(runner, cns=graph.cns)
    with pytest.raises(GraphError, match="needs a cns and a registry"):
        JobHandler(cns=CNS([]))
