import asyncio
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from cnstra import CNS, CNSPersistOptionsRegistry, Neuron, Signal, collateral, neuron
from cnstra.workers import Dead, Delivery, Done, JobHandler, Retry, RetryPolicy
from cnstra.workers import saving as saving_module
from tests.durable.graphs import Boom, Context, Graph, Item, Switch, line, pass_on
from tests.durable.test_resuming import Stuck
from tests.durable.waiting import until
from tests.workers.delivering import SOON
from tests.workers.jobs import KeptJob

GIVEN_BACK = Retry(0.0, "this worker stops; the run was given back")


def handler_of(graph: Graph, **options: Any) -> JobHandler:
    return JobHandler(
        cns=graph.cns, registry=graph.registry, **{"policy": SOON, "random": Random(7), "grace": 0.01, **options}
    )


async def breathe(item: Item, ctx: Context) -> Item:
    await asyncio.sleep(0)
    return item


# ---- resuming --------------------------------------------------------------------------------------------------


async def test_a_failed_job_goes_on_from_the_progress_that_it_keeps() -> None:
    switch = Switch()
    graph = line(pass_on, switch, pass_on)
    job, handler = KeptJob(graph), handler_of(graph)

    failed = await handler.handle(job.start())
    switch.on = False
    done = await handler.handle(job.start())

    assert failed == Retry(0.25, "Boom: item 1 (in neuron n1 on c1, hop 2)", is_failure=True)
    assert done == Done(2)
    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1"]


async def test_what_a_job_keeps_has_the_shape_of_the_original() -> None:
    graph = line(pass_on, Switch())
    job = KeptJob(graph)

    await handler_of(graph).handle(job.start())

    assert job.saved[-1] == {
        "tasks": [
            {
                "neuronName": "n1",
                "dendriteCollateralName": "c1",
                "input": {"collateralName": "c1", "payload": {"n": 1}},
            }
        ],
        "context": {},
        "attempt": 1,
    }


async def test_progress_that_the_original_has_written_is_gone_on_with() -> None:
    graph = line(pass_on, pass_on)
    job = KeptJob(graph)
    task = {"neuronName": "n1", "dendriteCollateralName": "c1", "input": {"collateralName": "c1", "payload": {"n": 5}}}
    job.saved.append({"tasks": [task], "context": {}})

    outcome = await handler_of(graph).handle(job.start())

    assert outcome == Done(1)
    assert graph.ran == ["n1:5"]


@pytest.mark.parametrize("kept", [None, 42, "half way", {"percent": 50}, {"tasks": 3, "context": {}}])
async def test_what_a_job_keeps_that_is_no_progress_of_a_run_starts_it(kept: Any) -> None:
    graph = line(pass_on)
    job = KeptJob(graph)
    job.saved.append(kept)

    assert await handler_of(graph).handle(job.start()) == Done(1)


async def test_contexts_are_there_again() -> None:
    seen: list[Any] = []

    def count(item: Item, ctx: Context) -> Item:
        ctx.set((ctx.get() or 0) + 1)
        return item

    def look(item: Item, ctx: Context) -> None:
        seen.append({one.label: value for one, value in ctx.stimulation.get_context().get_all().items()})

    switch = Switch()
    graph = line(count, switch, look)
    job, handler = KeptJob(graph), handler_of(graph)
    await handler.handle(job.start())
    switch.on = False
    await handler.handle(job.start())

    assert seen == [{"n0": 1}]


def ring(stop_at: int) -> Graph:
    """Return a graph of one neuron that goes round until an item is as high as *stop_at*."""
    entry = collateral(Item, name="c0")
    ran: list[str] = []

    async def turn(item: Item) -> Signal[Item] | None:
        ran.append(f"n0:{item.n}")
        await asyncio.sleep(0)
        return entry.create_signal(Item(item.n + 1)) if item.n < stop_at else None

    one: Neuron[Any] = neuron({"c0": entry}, name="n0").dendrite(entry, turn)
    registry = CNSPersistOptionsRegistry().register("n0", one)
    return Graph(CNS([one]), registry, entry, [one], [entry], ran)


async def test_hops_are_counted_on() -> None:
    graph = ring(stop_at=100)
    job, handler = KeptJob(graph, max_neuron_hops=3), handler_of(graph)
    job.starts = 1
    task = {"neuronName": "n0", "dendriteCollateralName": "c0", "input": {"collateralName": "c0", "payload": {"n": 7}}}
    job.saved.append({"tasks": [task], "context": {}, "attempt": 1, "hops": {"n0": 2}})

    failed = await handler.handle(job.start())

    assert graph.ran == ["n0:7"]
    assert isinstance(failed, Retry)
    assert "MaxNeuronHopsExceeded" in failed.reason
    assert job.saved[-1]["hops"] == {"n0": 3}


async def test_a_job_whose_progress_is_finished_is_done() -> None:
    graph = line(pass_on)
    job = KeptJob(graph)
    job.saved.append({"tasks": [], "context": {}})

    assert await handler_of(graph).handle(job.start()) == Done(1, repeated=True)
    assert graph.ran == []


async def test_each_save_leaves_less_to_do_and_nothing_twice() -> None:
    async def three(item: Item, ctx: Context) -> list[Item]:
        await asyncio.sleep(0)
        return [Item(10 * item.n + digit) for digit in (1, 2, 3)]

    graph = line(three, three, breathe)
    job = KeptJob(graph)
    await handler_of(graph).handle(job.start())
    everything = Counter(graph.ran)
    left = []

    for number in range(len(job.saved)):
        again = KeptJob(graph)
        again.saved.append(job.saved[number])
        graph.ran.clear()
        assert await handler_of(graph).handle(again.start()) == Done(1)
        left.append(Counter(graph.ran))

    assert set(everything.values()) == {1}
    assert all(rest <= everything for rest in left)
    assert all(later < earlier for earlier, later in pairwise([everything, *left]))


async def test_no_successor_starts_before_the_progress_is_saved() -> None:
    graph = line(breathe, breathe, breathe)
    job = KeptJob(graph)
    job.held = asyncio.Event()

    task = asyncio.create_task(handler_of(graph).handle(job.start()))
    await until(lambda: job.waiting)
    held_back = list(graph.ran)
    job.held.set()
    await task

    assert held_back == ["n0:1"]


async def test_the_last_hop_is_not_saved() -> None:
    graph = line(breathe, breathe)
    job = KeptJob(graph)

    await handler_of(graph).handle(job.start())

    assert [one["tasks"][0]["neuronName"] for one in job.saved] == ["n1"]


async def test_a_job_without_a_checkpoint_runs_all_the_same() -> None:
    graph = line(pass_on, breathe)

    assert await handler_of(graph).handle(Delivery("a", KeptJob(graph).data)) == Done(1)


async def test_handlers_know_their_attempt_and_the_data_of_the_job() -> None:
    seen: list[Any] = []
    graph = line(lambda item, ctx: seen.append((ctx.attempt_number, ctx.metadata, ctx.stimulation_context)))
    job = KeptJob(graph, metadata={"tenant": "north"})
    job.starts = 2

    await handler_of(graph).handle(job.start())

    assert seen == [(3, {"tenant": "north"}, {"stimulation_id": "a", "attempt_number": 3})]


# ---- failures --------------------------------------------------------------------------------------------------


async def test_a_job_is_dead_after_so_many_starts() -> None:
    graph = line(Switch())
    job, handler = KeptJob(graph), handler_of(graph, policy=replace(SOON, max_attempts=2))

    outcomes = [await handler.handle(job.start()) for _ in range(2)]

    assert isinstance(outcomes[0], Retry)
    assert isinstance(outcomes[1], Dead)


async def test_a_job_may_say_itself_how_often_it_is_started() -> None:
    graph = line(Switch())
    job, handler = KeptJob(graph), handler_of(graph)
    own = RetryPolicy(max_attempts=2, first_delay=7.0, jitter=0.0)

    first = await handler.handle(replace(job.start(), policy=own))
    second = await handler.handle(replace(job.start(), policy=own))

    assert isinstance(first, Retry)
    assert first.after == 7.0
    assert isinstance(second, Dead)


async def test_a_job_that_kills_its_workers_is_given_up() -> None:
    graph = line(pass_on)
    job = KeptJob(graph)
    job.starts = 3  # whose workers have saved nothing

    outcome = await handler_of(graph, policy=replace(SOON, max_losses=2)).handle(job.start())

    assert outcome == Dead("its worker died 3 times in a row, and no hop was committed in between")
    assert graph.ran == []


async def test_a_job_that_gets_on_may_lose_any_number_of_workers() -> None:
    graph = line(pass_on, pass_on)
    job = KeptJob(graph)
    await handler_of(graph).handle(job.start())
    job.saved[-1]["attempt"] = 9
    job.starts = 9

    outcome = await handler_of(graph, policy=replace(SOON, max_losses=0)).handle(job.start())

    assert outcome == Done(10)


async def test_a_listener_alone_that_fails_makes_the_job_dead() -> None:
    graph = line(pass_on)
    graph.cns.add_response_listener(Switch.__call__)  # type: ignore[arg-type]  # which fails on every call

    outcome = await handler_of(graph).handle(KeptJob(graph).start())

    assert outcome == Dead("all tasks of the run are done, but a listener failed")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"tasks": [{"neuronName": "n7", "dendriteCollateralName": "c0"}]}, Retry),
        ({"tasks": [{"neuronName": "n0"}]}, Dead),
        ({"tasks": ["n0"]}, Dead),
        ({"context": {"n7": 1}}, Retry),
        ({"hops": 3}, Dead),
    ],
    ids=str,
)
async def test_progress_that_this_code_cannot_go_on_with_is_left_as_it_is(change: Any, kind: type) -> None:
    graph = line(pass_on)
    job = KeptJob(graph)
    job.saved.append({"tasks": [], "context": {}, **change})

    outcome = await handler_of(graph).handle(job.start())

    assert isinstance(outcome, kind)
    assert "this code cannot resume the run" in str(outcome)
    assert graph.ran == []


async def test_progress_that_cannot_be_read_lets_the_job_wait() -> None:
    graph = line(pass_on)
    job = KeptJob(graph)
    job.unreadable = True

    outcome = await handler_of(graph).handle(job.start())

    assert outcome == Retry(0.25, "the progress of the job could not be read: no broker")
    assert graph.ran == []


# ---- stopping, and losing the job ------------------------------------------------------------------------------


async def test_a_job_that_was_given_back_goes_on_elsewhere_and_the_start_does_not_count() -> None:
    stuck = Stuck()
    graph = line(breathe, stuck.body(), Switch())
    job, first = KeptJob(graph), handler_of(graph)
    task = asyncio.create_task(first.handle(job.start()))
    await stuck.reached.wait()
    await first.give_back()
    stuck.free = True

    failed = await handler_of(graph).handle(job.start())

    assert task.result() == GIVEN_BACK
    assert (job.saved[-1]["attempt"], job.saved[-1]["spared"]) == (2, 1)
    assert isinstance(failed, Retry)
    assert failed.after == 0.25
    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1"]


async def test_a_zombie_changes_nothing_and_stops() -> None:
    reached, thawed = asyncio.Event(), asyncio.Event()

    async def freeze(item: Item, ctx: Context) -> Item:
        if ctx.attempt_number == 1:
            reached.set()
            await thawed.wait()
        return item

    graph = line(breathe, freeze, breathe, breathe)
    job = KeptJob(graph)
    zombie = asyncio.create_task(handler_of(graph).handle(job.start()))
    await reached.wait()
    owner = await handler_of(graph).handle(job.start())
    saved = list(job.saved)
    thawed.set()
    outcome = await zombie

    assert owner == Done(2)
    assert outcome == Retry(0.0, "another delivery has the job")
    assert job.saved == saved
    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1", "n3:1"]


async def test_a_zombie_that_fails_does_not_overwrite_either() -> None:
    reached, thawed = asyncio.Event(), asyncio.Event()

    async def freeze(item: Item, ctx: Context) -> None:
        if ctx.attempt_number == 1:
            reached.set()
            await thawed.wait()
            raise Boom

    graph = line(freeze)
    job = KeptJob(graph)
    zombie = asyncio.create_task(handler_of(graph).handle(job.start()))
    await reached.wait()
    job.starts += 1
    thawed.set()

    assert await zombie == Retry(0.0, "another delivery has the job")
    assert job.saved == []


async def test_what_the_broker_takes_away_is_dropped_at_once(caplog: pytest.LogCaptureFixture) -> None:
    stuck = Stuck()
    graph = line(pass_on, stuck.body(), pass_on)
    job, handler = KeptJob(graph), handler_of(graph, grace=1000.0)

    lost = job.start()
    task = asyncio.create_task(handler.handle(lost))
    await stuck.reached.wait()
    saved = list(job.saved)
    handler.drop(lost)
    await asyncio.wait([task])
    await handler.give_back()
    stuck.free = True
    done = await handler_of(graph).handle(job.start())

    assert task.cancelled()
    assert job.saved[: len(saved)] == saved
    assert [one["attempt"] for one in job.saved] == [1, 2]
    assert done == Done(2)
    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1"]
    assert caplog.messages == []


async def test_a_save_on_its_way_is_dropped_too() -> None:
    graph = line(pass_on, pass_on)
    job, handler = KeptJob(graph), handler_of(graph)
    job.held = asyncio.Event()

    lost = job.start()
    task = asyncio.create_task(handler.handle(lost))
    await until(lambda: job.waiting)
    handler.drop(lost)
    await asyncio.wait([task])
    job.held.set()
    await asyncio.sleep(0.01)

    assert job.saved == []
    assert graph.ran == ["n0:1"]


async def test_a_save_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving_module, "_FIRST_PAUSE", 0.001)
    graph = line(breathe, breathe)
    job = KeptJob(graph)
    job.failing = 3

    assert await handler_of(graph).handle(job.start()) == Done(1)


async def test_a_run_whose_progress_cannot_be_saved_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving_module, "_PATIENCE", 0.0)
    graph = line(breathe, breathe)
    job = KeptJob(graph)
    job.failing = 1

    outcome = await handler_of(graph).handle(job.start())

    assert outcome == Retry(0.25, "the progress of the job could not be saved: no broker")
    assert graph.ran == ["n0:1"]
    assert job.saved == []


async def test_a_failure_that_cannot_be_saved_is_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(saving_module, "_PATIENCE", 0.0)
    graph = line(Switch())
    job = KeptJob(graph)
    job.failing = 1

    outcome = await handler_of(graph).handle(job.start())

    assert isinstance(outcome, Retry)
    assert outcome.is_failure
    assert "could not be saved at its end" in caplog.text


async def test_a_payload_that_cannot_be_saved_fails_the_run() -> None:
    graph = line(lambda item, ctx: Item("not a number"), pass_on)  # type: ignore[arg-type]  # which is the point
    job = KeptJob(graph)

    outcome = await handler_of(graph).handle(job.start())

    assert isinstance(outcome, Retry)
    assert outcome.is_failure
    assert "PayloadError: collateral c1: " in outcome.reason
    assert graph.ran == ["n0:1"]
