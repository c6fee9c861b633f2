import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, Fenced, StoreError, collateral, neuron
from cnstra.persist.delta import Delta
from cnstra.persist.ports import Store
from cnstra.persist.records import WorkerRecord
from cnstra.workers import Dead, Delivery, Done, JobHandler, Retry, RetryPolicy
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Boom, Context, Graph, Item, Switch, line, line_that_waits, pass_on
from tests.durable.test_resuming import Stuck
from tests.durable.waiting import until, until_run
from tests.workers.delivering import SOON, delivery, worker


async def statuses(runner: DurableRunner, stimulation_id: str = "a") -> list[str]:
    return [attempt.status for attempt in await runner.attempts(stimulation_id)]


async def lose(store: Store, times: int) -> None:
    """Let so many workers take run ``a`` and die before they commit anything."""
    for number in range(times):
        await store.add_worker(WorkerRecord(f"ghost-{number}", "elsewhere", 1), 30.0)
        dead = {f"ghost-{other}" for other in range(number)}
        state = await store.take("", "a", f"ghost-{number}", statuses=["pending", "running"], dead=dead)
        assert state is not None
        await store.remove_worker(f"ghost-{number}")


# ---- the plain way ---------------------------------------------------------------------------------------------


async def test_a_job_runs_under_its_id(stores: Reopen) -> None:
    graph = line(pass_on, pass_on)

    async with worker(graph, stores()) as (handler, runner):
        outcome = await handler.handle(delivery(graph, 7, "job-1", metadata={"tenant": "north"}, volume="progress"))
        info = await runner.get("job-1")

    assert outcome == Done(1)
    assert graph.ran == ["n0:7", "n1:7"]
    assert info is not None
    assert (info.status, info.metadata, info.volume) == ("completed", {"tenant": "north"}, "progress")


async def test_limits_of_a_job_are_those_of_its_run(stores: Reopen) -> None:
    seen: list[Any] = []

    def look(item: Item, ctx: Context) -> None:
        options = ctx.stimulation.options
        seen.append((options.concurrency, options.max_neuron_hops))

    graph = line(look)
    async with worker(graph, stores()) as (handler, _):
        await handler.handle(delivery(graph, concurrency=3, max_neuron_hops=9))

    assert seen == [(3, 9)]


async def test_handlers_can_tell_which_run_and_which_attempt_they_belong_to(stores: Reopen) -> None:
    seen: list[Any] = []
    switch = Switch()

    def look(item: Item, ctx: Context) -> Item:
        seen.append(ctx.stimulation_context)
        return switch(item, ctx)

    graph = line(look)
    async with worker(graph, stores()) as (handler, _):
        await handler.handle(delivery(graph))
        switch.on = False
        await handler.handle(delivery(graph))

    assert seen == [{"stimulation_id": "a", "attempt_number": n} for n in (1, 2)]


async def test_a_job_that_is_complete_is_done_when_it_is_delivered_again(stores: Reopen) -> None:
    graph = line(pass_on)

    outcomes = []
    for _ in range(2):
        async with worker(graph, stores()) as (handler, _runner):
            outcomes.append(await handler.handle(delivery(graph)))

    assert outcomes == [Done(1), Done(1, repeated=True)]
    assert graph.ran == ["n0:1"]


async def test_another_job_of_the_same_id_is_not_swallowed(stores: Reopen) -> None:
    graph = line(pass_on)

    async with worker(graph, stores()) as (handler, _):
        await handler.handle(delivery(graph, 1))
        outcome = await handler.handle(delivery(graph, 2))

    assert isinstance(outcome, Dead)
    assert "run 'a' is another one" in outcome.reason


async def test_a_run_of_several_signals_is_no_jobs_run(stores: Reopen) -> None:
    graph = line(pass_on)

    async with worker(graph, stores()) as (handler, runner):
        await (await runner.stimulate([graph.signal(1), graph.signal(1)], stimulation_id="a"))

        assert isinstance(await handler.handle(delivery(graph)), Dead)


@dataclass(frozen=True)
class Picky:
    n: str


@dataclass(frozen=True)
class Tagged:
    tags: frozenset[str]
    note: str = ""


async def test_a_job_whose_spelling_differs_is_the_same_job(stores: Reopen) -> None:
    tagged = collateral(Tagged)
    sink = neuron({}).dendrite(tagged, lambda: None)
    registry = CNSPersistOptionsRegistry().register("sink", sink).register_collateral("tagged", tagged)
    runner = DurableRunner(CNS([sink]), registry, stores())
    handler = JobHandler(runner)
    spellings = [{"tags": ["b", "a"]}, {"tags": ["a", "b"], "note": ""}]

    async with runner:
        outcomes = [
            await handler.handle(Delivery("a", {"collateralName": "tagged", "payload": payload}))
            for payload in spellings
        ]

    assert outcomes == [Done(1), Done(1, repeated=True)]


# ---- failures --------------------------------------------------------------------------------------------------


async def test_a_failed_run_goes_on_from_its_frontier_after_a_delay(stores: Reopen) -> None:
    switch = Switch()
    graph = line(pass_on, switch, pass_on)

    async with worker(graph, stores()) as (handler, _):
        failed = await handler.handle(delivery(graph))
        switch.on = False
        done = await handler.handle(delivery(graph))

    assert failed == Retry(0.25, "Boom: item 1 (in neuron n1 on c1, hop 2)", is_failure=True)
    assert done == Done(2)
    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1"]


async def test_delays_grow_until_the_job_is_dead(stores: Reopen) -> None:
    graph = line(Switch())

    async with worker(graph, stores(), policy=replace(SOON, max_attempts=3)) as (handler, runner):
        outcomes = [await handler.handle(delivery(graph)) for _ in range(3)]
        ended = await statuses(runner)

    first, second, last = outcomes
    assert isinstance(first, Retry)
    assert isinstance(second, Retry)
    assert (first.after, second.after) == (0.25, 0.5)
    assert isinstance(last, Dead)
    assert last.reason.startswith("the run failed for good, at start 3: Boom: item 1")
    assert ended == ["failed"] * 3


async def test_a_job_may_say_itself_how_often_it_is_started(stores: Reopen) -> None:
    graph = line(Switch())
    own = RetryPolicy(max_attempts=2, first_delay=7.0, jitter=0.0)

    async with worker(graph, stores()) as (handler, _):
        first = await handler.handle(replace(delivery(graph), policy=own))
        second = await handler.handle(replace(delivery(graph), policy=own))
        other = await handler.handle(delivery(graph, job_id="b"))

    assert isinstance(first, Retry)
    assert isinstance(other, Retry)
    assert (first.after, other.after) == (7.0, 0.25)
    assert isinstance(second, Dead)


async def test_a_dead_job_that_a_person_delivers_again_has_one_more_start(stores: Reopen) -> None:
    switch = Switch()
    graph = line(switch)

    async with worker(graph, stores(), policy=replace(SOON, max_attempts=1)) as (handler, _):
        dead = await handler.handle(delivery(graph))
        switch.on = False
        done = await handler.handle(delivery(graph))

    assert isinstance(dead, Dead)
    assert done == Done(2)


async def test_a_failure_that_it_is_no_use_to_repeat_is_final(stores: Reopen) -> None:
    graph = line(Switch())

    async with worker(graph, stores(), policy=RetryPolicy(give_up_on=(Boom,))) as (handler, _):
        outcome = await handler.handle(delivery(graph))

    assert isinstance(outcome, Dead)


async def test_a_handler_that_raises_cancelled_error_has_failed(stores: Reopen) -> None:
    calls: list[int] = []

    async def give_up(item: Item, ctx: Context) -> None:
        calls.append(item.n)
        if len(calls) == 1:
            raise asyncio.CancelledError

    graph = line(give_up)
    async with worker(graph, stores()) as (handler, _):
        failed = await handler.handle(delivery(graph))
        done = await handler.handle(delivery(graph))

    assert failed == Retry(0.25, "CancelledError (in neuron n0 on c0, hop 1)", is_failure=True)
    assert done == Done(2)


async def test_a_run_of_which_only_a_listener_failed_is_dead(stores: Reopen) -> None:
    graph = line(pass_on)
    graph.cns.add_response_listener(Switch.__call__)  # type: ignore[arg-type]  # which fails on every call

    async with worker(graph, stores()) as (handler, _):
        first = await handler.handle(delivery(graph))
        again = await handler.handle(delivery(graph))

    assert first == again == Dead("all tasks of the run are done, but a listener failed")


# ---- several deliveries at once --------------------------------------------------------------------------------


async def test_a_job_delivered_to_two_workers_at_once_has_one_owner(stores: Reopen) -> None:
    graph, release = line_that_waits()

    async with worker(graph, stores()) as (first, runner), worker(graph, stores()) as (second, _):
        one = asyncio.create_task(first.handle(delivery(graph)))
        await until_run(runner, lambda info: info.status == "running")
        other = await second.handle(delivery(graph))
        release.set()
        done = await one
        again = await second.handle(delivery(graph))

    assert isinstance(other, Retry)
    assert not other.is_failure
    assert f"worker {runner.worker_id} has the run" in other.reason
    assert 0.5 <= other.after <= 20.0
    assert (done, again) == (Done(1), Done(1, repeated=True))
    assert graph.ran == ["n0:1"]


async def test_many_deliveries_at_once_to_many_workers_run_each_hop_once(stores: Reopen) -> None:
    async def breathe(item: Item, ctx: Context) -> Item:
        await asyncio.sleep(0)
        return item

    graph = line(breathe, breathe, breathe)

    async with worker(graph, stores()) as (first, _), worker(graph, stores()) as (second, _):
        outcomes = await asyncio.gather(
            *(handler.handle(delivery(graph, n, str(n))) for n in range(20) for handler in (first, second, first))
        )

    assert sorted(graph.ran) == sorted(f"n{i}:{n}" for i in range(3) for n in range(20))
    assert {type(outcome) for outcome in outcomes} <= {Done, Retry}
    assert not any(isinstance(outcome, Retry) and outcome.is_failure for outcome in outcomes)
    assert sum(isinstance(outcome, Done) for outcome in outcomes) >= 20


async def test_two_deliveries_to_one_worker_share_the_run(stores: Reopen) -> None:
    graph, release = line_that_waits()

    async with worker(graph, stores()) as (handler, _):
        deliveries = [asyncio.create_task(handler.handle(delivery(graph))) for _ in range(2)]
        await until(lambda: handler._waiting.total() == 2)
        release.set()
        outcomes = await asyncio.gather(*deliveries)

    assert outcomes == [Done(1), Done(1)]
    assert graph.ran == ["n0:1"]


async def test_a_run_that_the_worker_has_recovered_is_joined_by_its_delivery(stores: Reopen) -> None:
    stuck = Stuck()
    graph = line(stuck.body())
    async with worker(graph, stores()) as (handler, _):
        task = asyncio.create_task(handler.handle(delivery(graph)))
        await stuck.reached.wait()
    await task
    graph.ran.clear()
    stuck.reached.clear()

    async with worker(graph, stores(), max_active_runs=10) as (handler, runner):
        await stuck.reached.wait()
        joined = asyncio.create_task(handler.handle(delivery(graph)))
        await until(lambda: bool(handler._waiting))
        for body in runner.active_runs[0].stimulation.bodies():  # type: ignore[union-attr]  # it is under way
            body.cancel()
        outcome = await joined

    assert isinstance(outcome, Retry)
    assert outcome.is_failure
    assert graph.ran == ["n0:1"]


# ---- workers that stop, die, or lose a run ---------------------------------------------------------------------


async def test_a_worker_that_closes_gives_the_job_back_at_once(stores: Reopen) -> None:
    stuck = Stuck()
    graph = line(pass_on, stuck.body(), pass_on)
    async with worker(graph, stores()) as (handler, _):
        task = asyncio.create_task(handler.handle(delivery(graph)))
        await stuck.reached.wait()
    given_back = await task
    stuck.free = True

    async with worker(graph, stores()) as (handler, runner):
        done = await handler.handle(delivery(graph))
        ended = await statuses(runner)

    assert given_back == Retry(0.0, "this worker stops; the run was given back")
    assert done == Done(2)
    assert ended == ["interrupted", "completed"]
    assert graph.ran == ["n0:1", "n1:1", "n1:1", "n2:1"]


async def test_a_start_that_was_given_back_is_not_held_against_the_job(stores: Reopen) -> None:
    stuck = Stuck()
    switch = Switch()
    graph = line(stuck.body(), switch)
    for _ in range(3):
        stuck.reached.clear()
        async with worker(graph, stores()) as (handler, _):
            task = asyncio.create_task(handler.handle(delivery(graph)))
            await stuck.reached.wait()
        await task
    stuck.free = True

    async with worker(graph, stores(), policy=replace(SOON, max_attempts=2)) as (handler, _):
        first = await handler.handle(delivery(graph))
        second = await handler.handle(delivery(graph))

    assert isinstance(first, Retry)
    assert first.after == 0.25
    assert isinstance(second, Dead)
    assert "at start 2" in second.reason


async def test_a_start_whose_worker_died_is_held_against_the_job(stores: Reopen) -> None:
    graph = line(Switch())
    store = stores()
    async with worker(graph, store) as (handler, runner):
        await runner.enqueue(graph.signal(1), stimulation_id="a")
        await lose(store, 3)
        outcome = await handler.handle(delivery(graph))
        ended = await statuses(runner)

    assert ended == ["lost"] * 3 + ["failed"]
    assert isinstance(outcome, Retry)
    assert outcome.after == 2.0  # the fourth delay: 0.25, 0.5, 1, 2


async def test_a_run_that_kills_every_worker_is_given_up(stores: Reopen) -> None:
    graph = line(pass_on)
    store = stores()
    policy = replace(SOON, max_losses=2)
    async with worker(graph, store, policy=policy) as (handler, runner):
        await runner.enqueue(graph.signal(1), stimulation_id="a")
        await lose(store, 3)
        outcome = await handler.handle(delivery(graph))
        info = await runner.get("a")
        again = await handler.handle(delivery(graph))
        await (await runner.retry("a"))

    assert isinstance(outcome, Dead)
    assert "its worker died 3 times in a row" in outcome.reason
    assert info is not None
    assert info.error is not None
    assert (info.status, info.error.type_name) == ("failed", "PoisonRun")
    assert isinstance(again, Dead)
    assert graph.ran == ["n0:1"]


async def test_a_run_that_gets_on_may_lose_any_number_of_workers(stores: Reopen) -> None:
    graph = line(*[pass_on] * 3)
    store = stores()
    async with worker(graph, store, policy=replace(SOON, max_losses=0)) as (handler, runner):
        await runner.enqueue(graph.signal(1), stimulation_id="a")
        outcome = await handler.handle(delivery(graph))

    assert outcome == Done(1)


async def test_a_poison_run_that_a_living_worker_has_is_left_to_it(stores: Reopen) -> None:
    graph, release = line_that_waits()
    store = stores()
    async with (
        worker(graph, store) as (first, runner),
        worker(graph, stores(), policy=replace(SOON, max_losses=0)) as (
            second,
            _,
        ),
    ):
        task = asyncio.create_task(first.handle(delivery(graph)))
        await until_run(runner, lambda info: info.status == "running")
        outcome = await second.handle(delivery(graph))
        release.set()
        done = await task

    assert isinstance(outcome, Retry)
    assert done == Done(1)


class Thief(StoreWrapper):
    """Gives the run away before it is committed."""

    async def commit(self, deltas: Sequence[Delta]) -> list[bool]:
        owner = (await self.inner.workers())[0].worker_id
        await self.inner.add_worker(WorkerRecord("thief", "elsewhere", 1), 30.0)
        await self.inner.take("", "a", "thief", statuses=["running"], dead={owner})
        return await super().commit(deltas)


async def test_a_worker_that_has_lost_the_run_drops_the_delivery(stores: Reopen) -> None:
    graph = line(pass_on, pass_on)

    async with worker(graph, Thief(stores())) as (handler, runner):
        outcome = await handler.handle(delivery(graph))
        info = await runner.get("a")

    assert isinstance(outcome, Retry)
    assert isinstance(outcome.error, Fenced)
    assert not outcome.is_failure
    assert info is not None
    assert (info.status, info.owner, info.hop_count) == ("running", "thief", 0)


class Down(StoreWrapper):
    """Answers nothing while it is down."""

    down = False

    async def around(self, operation: str, call: Any) -> Any:
        if self.down and operation in {"admit", "get"}:
            raise StoreError("no connection")
        return await super().around(operation, call)


async def test_while_the_store_is_away_jobs_go_back(stores: Reopen) -> None:
    graph = line(pass_on)
    store = Down(stores())

    async with worker(graph, store) as (handler, _):
        store.down = True
        away = await handler.handle(delivery(graph))
        store.down = False
        back = await handler.handle(delivery(graph))

    assert away == Retry(0.25, "no connection")
    assert back == Done(1)


class Forgetful(StoreWrapper):
    """Knows that it has a run, and does not find it."""

    async def around(self, operation: str, call: Any) -> Any:
        return None if operation in {"admit", "get"} else await super().around(operation, call)


async def test_a_run_that_comes_and_goes_all_the_time_lets_the_job_wait(stores: Reopen) -> None:
    graph = line(pass_on)

    async with worker(graph, Forgetful(stores())) as (handler, _):
        outcome = await handler.handle(delivery(graph))

    assert isinstance(outcome, Retry)
    assert not outcome.is_failure
    assert graph.ran == []


# ---- aborts ----------------------------------------------------------------------------------------------------


async def test_a_run_that_somebody_aborts_is_dead_and_stays_so(stores: Reopen) -> None:
    graph, _ = line_that_waits()
    graph = _then(graph)

    async with worker(graph, stores()) as (handler, runner):
        task = asyncio.create_task(handler.handle(delivery(graph)))
        await until(lambda: graph.ran == ["n0:1"])
        await runner.abort("a", "the customer has cancelled")
        aborted = await task
        again = await handler.handle(delivery(graph))

    assert aborted == Dead("the run was aborted: the customer has cancelled")
    assert again == Dead("the run was aborted: the customer has cancelled; retry('a') goes on with it")


def _then(_: Graph) -> Graph:
    """Return a graph of two neurons, of which the first takes a moment."""

    async def moment(item: Item, ctx: Context) -> Item:
        await asyncio.sleep(0.02)
        return item

    return line(moment, pass_on)


async def test_an_aborted_job_goes_on_if_the_policy_says_so(stores: Reopen) -> None:
    graph = line(pass_on)

    async with worker(graph, stores(), policy=RetryPolicy(resume_aborted=True)) as (handler, runner):
        await runner.enqueue(graph.signal(1), stimulation_id="a")
        await runner.abort("a")
        outcome = await handler.handle(delivery(graph))

    assert isinstance(outcome, Done)
    assert graph.ran == ["n0:1"]


# ---- code of another age ---------------------------------------------------------------------------------------


def without_last(graph: Graph) -> Graph:
    """Return a graph as older code knows it: without its last neuron."""
    registry = CNSPersistOptionsRegistry()
    registry.register_collateral("c0", graph.entry)
    for one in graph.neurons[:-1]:
        registry.register(one.label, one)
    return replace(graph, cns=CNS(graph.neurons[:-1]), registry=registry)


async def test_a_run_that_needs_newer_code_is_left_to_a_worker_that_has_it(stores: Reopen) -> None:
    switch = Switch()
    graph = line(pass_on, switch)
    async with worker(graph, stores()) as (handler, _):
        await handler.handle(delivery(graph))
    switch.on = False

    older = without_last(graph)
    async with worker(older, stores()) as (handler, _):
        passed_over = await handler.handle(delivery(older))
    async with worker(graph, stores()) as (handler, _):
        done = await handler.handle(delivery(graph))

    assert isinstance(passed_over, Retry)
    assert not passed_over.is_failure
    assert "this code cannot resume the run: neuron 'n1': not registered" in passed_over.reason
    assert done == Done(2)


async def test_a_stored_payload_that_does_not_fit_any_more_is_told(stores: Reopen) -> None:
    older, newer = line(Switch()), line(pass_on)
    async with worker(older, stores()) as (handler, _):
        await handler.handle(delivery(older))
    picky = collateral(Picky, name="c0")
    sink = neuron({}, name="n0").dendrite(picky, lambda: None)
    registry = CNSPersistOptionsRegistry().register("n0", sink).register_collateral("c0", picky)
    newer = replace(newer, cns=CNS([sink]), registry=registry)

    async with worker(newer, stores()) as (handler, _):
        outcome = await handler.handle(Delivery("a", {"collateralName": "c0", "payload": {"n": "one"}}))

    assert isinstance(outcome, Dead)
    assert "this code cannot resume the run: payload 'c0'" in outcome.reason


async def test_a_worker_whose_own_graph_has_no_names_lets_jobs_wait(stores: Reopen) -> None:
    graph = line(pass_on, pass_on)
    nameless = replace(graph, registry=CNSPersistOptionsRegistry().register_collateral("c0", graph.entry))

    async with worker(nameless, stores()) as (handler, _):
        outcome = await handler.handle(delivery(graph))

    assert isinstance(outcome, Retry)
    assert "this worker cannot run it: neuron" in outcome.reason


async def test_a_factory_of_contexts_that_fails_is_a_failure_of_the_run(stores: Reopen) -> None:
    graph = line(pass_on)

    def broken(stimulation_id: str, metadata: Any) -> Any:
        raise Boom("no database")

    runner = DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0, stimulation_context=broken)
    handler = JobHandler(runner, policy=SOON)
    async with runner:
        first, second = [await handler.handle(delivery(graph)) for _ in range(2)]

    assert first == Retry(0.25, "Boom: no database", is_failure=True)
    assert isinstance(second, Retry)
    assert (second.after, second.is_failure) == (0.5, True)
    assert "no database" in second.reason


async def test_jobs_at_a_worker_that_was_never_opened_are_an_error(store: Store) -> None:
    graph = line(pass_on)
    handler = JobHandler(DurableRunner(graph.cns, graph.registry, store))

    with pytest.raises(Exception, match="this runner is not open"):
        await handler.handle(delivery(graph))
