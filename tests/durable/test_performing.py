"""What commands do to runs, on a runner that carries them out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cnstra import CNS, CNSPersistOptionsRegistry, DurableRunner, RunNotFound
from cnstra.durable import CommandInfo
from cnstra.persist.ports import Store
from tests.durable.conftest import Reopen
from tests.durable.graphs import Context, Graph, Item, Switch, line, pass_on
from tests.durable.waiting import until, until_run


async def ended(runner: DurableRunner, command: CommandInfo) -> CommandInfo:
    """Return a command as it is once it has ended."""
    while True:
        now = await runner.command(command.key)
        assert now is not None
        if now.ended_at is not None:
            return now
        await asyncio.sleep(0.005)


async def done(runner: DurableRunner, *given: Any, **arguments: Any) -> CommandInfo:
    """Order something, and return the command once it is done."""
    command = await ended(runner, await runner.order(*given, **arguments))
    assert command.status == "done", command.outcome
    return command


async def refused(runner: DurableRunner, *given: Any, **arguments: Any) -> str:
    """Order something, and return why it is refused."""
    command = await ended(runner, await runner.order(*given, **arguments))
    assert command.status == "refused", command.outcome
    assert command.outcome
    return command.outcome


def held_up() -> tuple[Graph, asyncio.Event]:
    """Return a graph of two neurons whose first handler waits for an event, and the event."""
    release = asyncio.Event()

    async def wait(item: Item, ctx: Context) -> Item:
        await release.wait()
        return item

    return line(wait, pass_on), release


@asynccontextmanager
async def failed(store: Store, *names: str) -> AsyncIterator[tuple[DurableRunner, Graph, Switch]]:
    """Open a runner with runs whose second neuron has failed, and the switch that lets it succeed."""
    switch = Switch()
    graph = line(pass_on, switch)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        for name in names:
            run = await runner.stimulate(graph.signal(1), stimulation_id=name)
            with pytest.raises(ExceptionGroup):
                await run
        yield runner, graph, switch


# ---- retry -------------------------------------------------------------------------------------------------------


async def test_retry_goes_on_where_the_run_stopped(store: Store) -> None:
    async with failed(store, "a") as (runner, graph, switch):
        switch.on = False

        command = await done(runner, "retry", "a", seen="1-failed", actor="ann")

        info = await until_run(runner, lambda run: run.status == "completed")
    assert (command.actor, command.taken_by, command.takes) == ("ann", runner.worker_id, 1)
    assert info.attempt_number == 2
    assert graph.ran == ["n0:1", "n1:1", "n1:1"]


async def test_a_key_that_is_ordered_twice_is_done_once(store: Store) -> None:
    async with failed(store, "a") as (runner, graph, _):
        orders = await asyncio.gather(*(runner.order("retry", "a", key="click") for _ in range(5)))
        await ended(runner, orders[0])

        await until_run(runner, lambda run: run.version == "2-failed")
        await ended(runner, await runner.order("retry", "a", key="click"))

        assert len(await runner.commands()) == 1
    assert graph.ran == ["n0:1", "n1:1", "n1:1"]


async def test_of_two_orders_upon_the_same_version_the_second_is_refused(store: Store) -> None:
    async with failed(store, "a") as (runner, _, switch):
        switch.on = False
        await done(runner, "retry", "a", seen="1-failed")
        await until_run(runner, lambda run: run.status == "completed")

        problem = await refused(runner, "retry", "a", seen="1-failed")

    assert problem == (
        "run 'a' is completed: it is in attempt 2 now, and was failed in attempt 1 when that was ordered"
    )


async def test_a_run_that_runs_is_not_retried(store: Store) -> None:
    graph, release = held_up()
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await runner.stimulate(graph.signal(1), stimulation_id="a")

        problem = await refused(runner, "retry", "a", seen="1-running")

        release.set()
        await runner.wait_until_idle()
    assert problem == "run 'a' is running: only one that has failed or was aborted is requeued"
    assert graph.ran == ["n0:1", "n1:1"]


async def test_what_is_not_there_is_refused(store: Store) -> None:
    async with failed(store) as (runner, graph, _):
        for kind in ("retry", "delete", "abort", "clone"):
            assert await refused(runner, kind, "nobody") == str(RunNotFound("nobody"))
        assert await refused(runner, "fork", "nobody", from_task=1) == str(RunNotFound("nobody"))

    assert graph.ran == []


# ---- abort and delete --------------------------------------------------------------------------------------------


async def test_abort_ends_a_run_that_waits(store: Store) -> None:
    async with failed(store) as (runner, graph, _):
        await runner.enqueue(graph.signal(1), stimulation_id="a", delay=3600)

        command = await done(runner, "abort", "a", reason="a mistake", seen="0-pending")
        info = await runner.get("a")

    assert command.outcome == "the run was aborted"
    assert info is not None
    assert info.error is not None
    assert (info.status, info.error.message) == ("aborted", "a mistake")


async def test_abort_stops_a_run_here_without_waiting_for_its_handlers(store: Store) -> None:
    graph, release = held_up()
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await runner.stimulate(graph.signal(1), stimulation_id="a")

        await done(runner, "abort", "a", seen="1-running", actor="ann")

        running = await runner.get("a")
        release.set()
        info = await until_run(runner, lambda run: run.status == "aborted")
    assert running is not None
    assert running.status == "running"
    assert info.error is not None
    assert info.error.message == "ordered by ann"


async def test_abort_asks_the_worker_that_holds_the_run(stores: Reopen) -> None:
    graph, release = held_up()
    async with (
        DurableRunner(graph.cns, graph.registry, stores(), obeys=False) as worker,
        DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0) as runner,
    ):
        run = await worker.stimulate(graph.signal(1), stimulation_id="a")
        assert run.stimulation is not None
        signal = run.stimulation.abort_signal

        command = await done(runner, "abort", "a")

        await until(lambda: signal.aborted)
        release.set()
        info = await until_run(runner, lambda run: run.status == "aborted")
    assert command.outcome == f"worker {worker.worker_id} is asked to stop the run"
    assert info.attempt_number == 1


async def test_abort_is_about_the_attempt_that_was_seen(store: Store) -> None:
    graph, release = held_up()
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await runner.stimulate(graph.signal(1), stimulation_id="a")

        other = await refused(runner, "abort", "a", seen="2-running")

        release.set()
        await until_run(runner, lambda run: run.status == "completed")
        late = await refused(runner, "abort", "a", seen="1-running")
    assert other == "run 'a' is running: it is in attempt 1 now, which is not the one that was to be aborted"
    assert late == "run 'a' is completed: it is over, so there is nothing to abort"


async def test_delete_drops_a_run_in_the_version_that_was_seen(store: Store) -> None:
    async with failed(store, "a", "b") as (runner, _, _):
        problem = await refused(runner, "delete", "a", seen="2-failed")
        await done(runner, "delete", "b", seen="1-failed")

        assert await runner.get("a") is not None
        assert await runner.get("b") is None
    assert problem.startswith("run 'a' is failed: it is in attempt 1 now")


async def test_a_run_that_runs_is_not_deleted(store: Store) -> None:
    graph, release = held_up()
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await runner.stimulate(graph.signal(1), stimulation_id="a")

        problem = await refused(runner, "delete", "a")

        release.set()
    assert problem == "run 'a' is running: it is under way here; abort it first"


# ---- new runs ----------------------------------------------------------------------------------------------------


async def test_clone_makes_a_fresh_run(store: Store) -> None:
    async with failed(store, "a") as (runner, graph, switch):
        switch.on = False

        command = await done(runner, "clone", "a", new_id="b", seen="9-running")

        info = await until_run(runner, lambda run: run.status == "completed", "b")
    assert (command.made, info.clone_of) == ("b", "a")
    assert graph.ran == ["n0:1", "n1:1", "n0:1", "n1:1"]


async def test_fork_gives_a_task_another_input(store: Store) -> None:
    async with failed(store, "a") as (runner, graph, switch):
        switch.on = False

        command = await done(runner, "fork", "a", from_task=1, payload={"n": 7})

        assert command.made is not None
        info = await until_run(runner, lambda run: run.status == "completed", command.made)
    assert (info.forked_from, info.forked_task) == ("a", 1)
    assert graph.ran == ["n0:1", "n1:1", "n1:7"]


async def test_fork_takes_the_input_that_there_was(store: Store) -> None:
    async with failed(store, "a") as (runner, graph, switch):
        switch.on = False

        command = await done(runner, "fork", "a", from_task=0)

        assert command.made is not None
        await until_run(runner, lambda run: run.status == "completed", command.made)
    assert graph.ran == ["n0:1", "n1:1", "n0:1", "n1:1"]


async def test_stimulate_starts_a_run_with_the_declared_type(store: Store) -> None:
    graph = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        named = await done(runner, "stimulate", "a", collateral="c0", payload=Item(1), metadata={"by": "ann"})
        made = await done(runner, "stimulate", collateral="c0", payload={"n": 2})

        assert named.made is not None
        assert made.made is not None
        info = await until_run(runner, lambda run: run.status == "completed", named.made)
        await until_run(runner, lambda run: run.status == "completed", made.made)
    assert (named.made, info.metadata) == ("a", {"by": "ann"})
    assert graph.ran == ["n0:1", "n0:2"]


async def test_a_payload_of_another_type_is_refused_with_its_place(store: Store) -> None:
    async with failed(store, "a") as (runner, _, _):
        new = await refused(runner, "stimulate", collateral="c0", payload={"n": "seven"})
        fork = await refused(runner, "fork", "a", from_task=1, payload={"n": 1, "m": 2})
        unknown = await refused(runner, "stimulate", collateral="c9", payload=None)

        assert len(await runner.list()) == 1
    assert new == "collateral c0: Expected `int`, got `str` (at $.n)"
    assert fork.startswith("collateral c1: this would be dropped unread")
    assert "collateral 'c9' is not registered" in unknown


async def test_a_task_that_has_not_settled_is_refused(store: Store) -> None:
    async with failed(store, "a") as (runner, _, _):
        assert "no task 5 has settled in it" in await refused(runner, "fork", "a", from_task=5)


async def test_an_id_that_is_taken_is_refused(store: Store) -> None:
    async with failed(store, "a", "b") as (runner, _, _):
        assert "'b'" in await refused(runner, "clone", "a", new_id="b")
        assert "'b'" in await refused(runner, "fork", "a", from_task=0, new_id="b")
        assert "'b'" in await refused(runner, "stimulate", "b", collateral="c0", payload={"n": 1})


# ---- where ------------------------------------------------------------------------------------------------------


async def test_what_needs_the_graph_waits_for_a_runner_that_has_it(stores: Reopen) -> None:
    graph = line(pass_on)
    async with DurableRunner(CNS([]), CNSPersistOptionsRegistry(), stores(), max_active_runs=0) as console:
        waiting = await console.order("stimulate", "b", collateral="c0", payload={"n": 1})
        await refused(console, "retry", "nobody")
        before = await console.command(waiting.key)

        async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
            after = await ended(console, waiting)
            await until_run(runner, lambda run: run.status == "completed", "b")

    assert before is not None
    assert before.status == "waiting"
    assert (after.status, after.taken_by) == ("done", runner.worker_id)


async def test_an_observer_carries_nothing_out_unless_it_is_told_to(stores: Reopen) -> None:
    graph = line(pass_on)
    runner = DurableRunner(graph.cns, graph.registry, stores())
    async with runner.observer(stores()) as console:
        waiting = await console.order("delete", "nobody")

        async with runner.observer(stores(), obeys=True) as other:
            after = await ended(console, waiting)

    assert after.taken_by == other.worker_id


async def test_commands_are_listed_by_run_and_by_pages(store: Store) -> None:
    async with failed(store, "a") as (runner, _, _):
        await done(runner, "clone", "a", new_id="b", key="first")
        await done(runner, "delete", "a", key="second")
        await refused(runner, "retry", "c", key="third")

        everything = await runner.commands(limit=2)
        rest = await runner.commands(before=everything[-1].number)
        made = await runner.commands("b")
        nothing = await runner.command("fourth")
    assert [one.key for one in [*everything, *rest]] == ["third", "second", "first"]
    assert [(one.key, one.arguments) for one in made] == [("first", {"new_id": "b"})]
    assert nothing is None
