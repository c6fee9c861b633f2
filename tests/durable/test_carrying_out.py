"""What is done by hand, and stands in the trail all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from cnstra import DurableRunner, GraphError, RunNotReady, StoreError
from cnstra.durable import obeying
from cnstra.durable.ordering import Deed
from cnstra.persist.commands import CommandKind
from cnstra.persist.ports import Store
from tests.durable.conftest import Reopen
from tests.durable.graphs import Switch, line, pass_on
from tests.durable.test_performing import ended, failed
from tests.durable.waiting import until_run


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obeying, "_BETWEEN_LOOKS", 0.01)


@asynccontextmanager
async def dying(runner: DurableRunner, kind: CommandKind) -> AsyncIterator[Deed]:
    """Carry something out on run ``a``, and get no further than to do it."""
    with suppress(StoreError):
        async with runner.carrying_out(kind, "a", actor="ann") as deed:
            yield deed
            raise StoreError("it is out of reach now")


async def test_it_is_done_at_once_and_told_of(store: Store) -> None:
    async with failed(store, "a") as (runner, graph, switch):
        switch.on = False
        async with runner.carrying_out("retry", "a", actor="ann") as deed:
            [open_] = await runner.commands("a")
            assert (open_.status, open_.taken_by, open_.takes) == ("taken", runner.worker_id, 1)
            await (await runner.enqueue(graph.signal(2), stimulation_id="b"))  # has it look for commands
            await asyncio.sleep(0.1)
            await runner.requeue("a")
            deed.outcome = "it waits"
        [command] = await runner.commands("a")
        await until_run(runner, lambda run: run.stimulation_id == "a" and run.status == "completed")

    assert command.takes == 1
    assert (command.kind, command.actor, command.status, command.outcome) == ("retry", "ann", "done", "it waits")


async def test_what_is_refused_is_told_of_and_raised(store: Store) -> None:
    graph = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        with pytest.raises(RunNotReady):
            async with runner.carrying_out("retry", "a", actor="ann"):
                await runner.requeue("a")
        [command] = await runner.commands("a")

    assert command.status == "refused"
    assert command.outcome is not None
    assert "only one that has failed" in command.outcome


async def test_nonsense_is_not_stored(store: Store) -> None:
    graph = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        for kind, actor in (("dance", "ann"), ("retry", "")):
            with pytest.raises(GraphError):
                async with runner.carrying_out(kind, "a", actor=actor):  # type: ignore[arg-type]
                    raise AssertionError("it has begun")
        assert await runner.commands() == []


@pytest.mark.parametrize("is_made", [True, False], ids=["made", "not made"])
async def test_what_a_process_has_died_over_is_done_once_by_a_worker(stores: Reopen, is_made: bool) -> None:  # noqa: FBT001
    graph = line(pass_on)
    hand = DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0, obeys=False)
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        async with hand, dying(hand, "clone") as deed:
            new_id = deed.new_id
            if is_made:
                await hand.clone("a", new_id=new_id, enqueue=True)
        [command] = await runner.commands("a")
        async with asyncio.timeout(30):
            over = await ended(runner, command)
        stored = (await runner.list()).runs

    assert (over.status, over.made, over.takes) == ("done", new_id, 2)
    assert {run.stimulation_id for run in stored} == {"a", new_id}


async def test_a_retry_that_a_process_has_died_over_is_not_done_again(stores: Reopen) -> None:
    switch = Switch()
    graph = line(pass_on, switch)
    async with DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=1) as runner:
        run = await runner.stimulate(graph.signal(1), stimulation_id="a")
        with pytest.raises(ExceptionGroup):
            await run
        hand = DurableRunner(graph.cns, graph.registry, stores(), max_active_runs=0, obeys=False)
        async with hand, dying(hand, "retry"):
            await hand.requeue("a")
        [command] = await runner.commands("a")
        async with asyncio.timeout(30):
            over = await ended(runner, command)
            info = await until_run(runner, lambda run: run.status == "failed" and run.attempt_number == 2)

    assert over.status == "done"
    assert over.outcome is not None
    assert "before" in over.outcome
    assert info.attempt_number == 2
