"""Who carries a command out, and how often: when workers compete, die over it, or cannot reach the store."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import pytest

from cnstra import DurableRunner, StoreError
from cnstra.durable import CommandInfo, obeying
from cnstra.durable.commands import derived_id, new_command
from cnstra.persist.commands import CommandKind, CommandRecord
from cnstra.persist.ports import Store
from cnstra.testing.building import worker
from tests.durability.wrapping import StoreWrapper
from tests.durable.conftest import Reopen
from tests.durable.graphs import Graph, Switch, line, pass_on
from tests.durable.test_performing import done, ended, failed
from tests.durable.waiting import until, until_run

T = TypeVar("T")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obeying, "_BETWEEN_LOOKS", 0.01)


class Moody(StoreWrapper):
    """Refuses the operations that it is told to, before or after it has carried them out, so often."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.before: Counter[str] = Counter()
        self.after: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()

    async def around(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        self.calls[operation] += 1
        if self.before[operation] > 0:
            self.before[operation] -= 1
            raise StoreError(f"{operation} was not heard")
        result = await call()
        if self.after[operation] > 0:
            self.after[operation] -= 1
            raise StoreError(f"nobody has answered {operation}")
        return result


async def taken_by_the_dead(store: Store, kind: CommandKind, run: str | None = None, **arguments: Any) -> CommandRecord:
    """Return a command that a worker has taken whose lease has ended since."""
    await store.open()
    await store.add_worker(worker("dead"), -1)
    new = new_command("", kind, run, key="click", actor="ann", arguments=arguments)
    await store.order(new)
    taken = await store.take_command("", "dead", kinds=[kind], dead=())
    assert taken is not None
    await store.close()
    return taken


# ---- one of many -------------------------------------------------------------------------------------------------


async def test_of_three_workers_one_carries_a_command_out(stores: Reopen) -> None:
    graphs = [line(pass_on) for _ in range(3)]
    async with AsyncExitStack() as stack:
        runners = [
            await stack.enter_async_context(DurableRunner(graph.cns, graph.registry, stores())) for graph in graphs
        ]
        orders = [
            await runners[n % 3].order("stimulate", f"run-{n}", collateral="c0", payload={"n": n}) for n in range(12)
        ]
        commands = [await ended(runners[0], one) for one in orders]
        for n in range(12):
            await until_run(runners[0], lambda run: run.status == "completed", f"run-{n}")

    assert {(one.status, one.takes) for one in commands} == {("done", 1)}
    assert Counter(one for graph in graphs for one in graph.ran) == Counter(f"n0:{n}" for n in range(12))


async def test_they_are_carried_out_in_the_order_in_which_they_were_given(store: Store) -> None:
    graph = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        first = await runner.order("stimulate", "a", collateral="c0", payload={"n": 1})
        second = await runner.order("delete", "a")
        ends = [await ended(runner, one) for one in (first, second)]

    assert ends[0].ended_at is not None
    assert ends[1].ended_at is not None
    assert ends[0].ended_at <= ends[1].ended_at


# ---- a worker that died over one ---------------------------------------------------------------------------------


async def _carried_out_again(stores: Reopen, graph: Graph) -> CommandInfo:
    """Have a command carried out that a dead worker has left."""
    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        command = await runner.command("click")
        assert command is not None
        again = await ended(runner, command)
        await runner.wait_until_idle()
        return again


@pytest.mark.parametrize("kind", ["stimulate", "clone", "fork"])
async def test_a_run_that_the_dead_worker_has_made_is_not_made_again(stores: Reopen, kind: CommandKind) -> None:
    graph = line(pass_on)
    needed: dict[str, dict[str, Any]] = {
        "stimulate": {"collateral": "c0", "payload": {"n": 7}}, "fork": {"from_task": 0}, "clone": {},
    }  # fmt: skip
    async with DurableRunner(graph.cns, graph.registry, stores(), obeys=False) as runner:
        await (await runner.stimulate(graph.signal(7), stimulation_id="a"))
    command = await taken_by_the_dead(stores(), kind, None if kind == "stimulate" else "a", **needed[kind])
    made = derived_id(command)
    async with DurableRunner(graph.cns, graph.registry, stores(), obeys=False) as runner:
        result = await runner._perform(command, again=False)  # and then it died
        await runner.wait(made)

    again = await _carried_out_again(stores, graph)

    assert result.made == made
    assert (again.status, again.takes, again.made) == ("done", 2, made)
    assert graph.ran == ["n0:7", "n0:7"]


async def test_a_run_that_the_dead_worker_was_to_make_is_made(stores: Reopen) -> None:
    graph = line(pass_on)
    await taken_by_the_dead(stores(), "stimulate", collateral="c0", payload={"n": 7}, stimulation_id="a")

    again = await _carried_out_again(stores, graph)

    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await until_run(runner, lambda run: run.status == "completed")
    assert (again.status, again.takes, again.made) == ("done", 2, "a")
    assert graph.ran == ["n0:7"]


async def test_a_run_that_was_there_before_is_not_taken_for_the_command_s(stores: Reopen) -> None:
    graph = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores(), obeys=False) as runner:
        await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        await asyncio.sleep(0.01)  # for clocks that tell milliseconds
    await taken_by_the_dead(stores(), "clone", "a", new_id="a")

    assert (await _carried_out_again(stores, graph)).status == "refused"


async def test_what_the_dead_worker_has_retried_is_not_retried_again(stores: Reopen) -> None:
    async with failed(stores(), "a") as (_, graph, _):
        await asyncio.sleep(0.01)  # as above
    command = await taken_by_the_dead(stores(), "retry", "a")
    async with DurableRunner(graph.cns, graph.registry, stores(), obeys=False) as runner:
        await runner._perform(command, again=False)  # and then it died
        await until_run(runner, lambda run: run.version == "2-failed")

    again = await _carried_out_again(stores, graph)

    assert (again.status, again.takes) == ("done", 2)
    assert again.outcome == "the run was put back to be retried before; it is failed now"
    assert graph.ran == ["n0:1", "n1:1", "n1:1"]


async def test_what_the_dead_worker_was_to_retry_is_retried(stores: Reopen) -> None:
    async with failed(stores(), "a") as (_, graph, switch):
        await asyncio.sleep(0.01)  # as above
    switch.on = False
    await taken_by_the_dead(stores(), "retry", "a")

    again = await _carried_out_again(stores, graph)

    async with DurableRunner(graph.cns, graph.registry, stores()) as runner:
        await until_run(runner, lambda run: run.status == "completed")
    assert (again.status, again.takes) == ("done", 2)


@pytest.mark.parametrize("kind", ["delete", "abort"])
async def test_what_the_dead_worker_has_ended_is_done(stores: Reopen, kind: CommandKind) -> None:
    graph = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, stores(), obeys=False) as runner:
        await runner.enqueue(graph.signal(1), stimulation_id="a", delay=3600)
    command = await taken_by_the_dead(stores(), kind, "a")
    async with DurableRunner(graph.cns, graph.registry, stores(), obeys=False) as runner:
        await runner._perform(command, again=False)  # and then it died

    again = await _carried_out_again(stores, graph)

    assert (again.status, again.takes) == ("done", 2)
    assert graph.ran == []


# ---- a store that fails ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["take_command", "admit", "end_command"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_store_that_fails_in_the_middle_makes_no_second_run(stores: Reopen, operation: str, when: str) -> None:
    graph = line(pass_on)
    store = Moody(stores())
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        getattr(store, when)[operation] = 2
        command = await done(runner, "stimulate", collateral="c0", payload={"n": 1})
        assert command.made is not None
        await until_run(runner, lambda run: run.status == "completed", command.made)

    assert graph.ran == ["n0:1"]
    assert getattr(store, when)[operation] < 2


@pytest.mark.parametrize("operation", ["take", "put_back"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_store_that_fails_in_the_middle_makes_no_second_retry(
    stores: Reopen, operation: str, when: str
) -> None:
    switch = Switch()
    graph = line(pass_on, switch)
    store = Moody(stores())
    async with DurableRunner(graph.cns, graph.registry, store, poll=0.05) as runner:
        with pytest.raises(ExceptionGroup):
            await (await runner.stimulate(graph.signal(1), stimulation_id="a"))
        getattr(store, when)[operation] = 1
        await done(runner, "retry", "a", seen="1-failed")
        await until_run(runner, lambda run: run.status == "failed" and run.attempt_number > 1)
        await runner.wait_until_idle()

    assert graph.ran == ["n0:1", "n1:1", "n1:1"]


async def test_one_that_the_store_keeps_from_ending_does_not_hold_up_the_others(stores: Reopen) -> None:
    class Stubborn(StoreWrapper):
        async def around(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
            if operation == "delete":
                raise StoreError("this cannot be deleted")
            return await call()

    async with failed(Stubborn(stores()), "a") as (runner, _, _):
        stuck = await runner.order("delete", "a", key="stuck")
        await done(runner, "clone", "a", new_id="b")

        now = await runner.command(stuck.key)
    assert now is not None
    assert (now.status, now.takes) == ("taken", 1)


async def test_a_command_that_another_worker_has_by_now_is_left_to_it(stores: Reopen) -> None:
    graph = line(pass_on)
    store = Moody(stores())
    async with (
        DurableRunner(graph.cns, graph.registry, store) as runner,
        DurableRunner(graph.cns, graph.registry, stores(), obeys=False) as other,
    ):
        store.before["admit"] = 1
        order = await runner.order("stimulate", "a", collateral="c0", payload={"n": 1})
        await until(lambda: not store.before["admit"])
        taken = await other.store.take_command("", other.worker_id, kinds=["stimulate"], dead=[runner.worker_id])
        looks = store.calls["command"]
        await until(lambda: store.calls["command"] > looks)
        now = await other.command(order.key)

    assert taken is not None
    assert now is not None
    assert (now.status, now.taken_by, now.takes) == ("taken", other.worker_id, 2)
    assert graph.ran == []


# ---- faults ------------------------------------------------------------------------------------------------------


async def test_a_fault_refuses_the_command_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = line(pass_on)
    async with DurableRunner(graph.cns, graph.registry, store) as runner:
        with monkeypatch.context() as patch:
            patch.setattr(DurableRunner, "clone", _fault)
            broken = await ended(runner, await runner.order("clone", "a"))
        await done(runner, "stimulate", collateral="c0", payload={"n": 1})

    assert (broken.status, broken.outcome) == ("refused", "it could not be carried out: ZeroDivisionError: oh")


async def _fault(*_: object, **__: object) -> None:
    raise ZeroDivisionError("oh")
